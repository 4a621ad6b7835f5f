"""Expressions that refer to one object, to several or to none, and scenes that call for them.

These belong to the data set "gscenes". Scenes of the data set "scenes" are drawn from other streams
and do not depend on this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from emoji_scenes.backgrounds import sample_background
from emoji_scenes.layout import Item, Layout, Surface, pick, sample_layout, sample_surface
from emoji_scenes.phrases import CLEARLY, SIDES, Items
from emoji_scenes.vocabulary import COLOURS, NOUNS, HeldOut, combinations, contrasts

#: What is asked beside the kinds of ``phrases.KINDS``.
GENERALISED_KINDS: tuple[str, ...] = (
    "absent-class",
    "absent-attribute",
    "plural",
    "negation",
    "order",
    "depth",
)

#: The items that a sentence refers to, the sentence, and its kind.
SetExpression = tuple[tuple[int, ...], str, str]
#: Groups of items that a sentence may refer to, each with a way to say it.
Ways = Iterator[tuple[tuple[int, ...], str]]

#: Least difference, as a fraction of the side, between neighbours that can be counted off.
_APART = 0.1
#: In a row: where the objects stand along it and across it, and how large they are.
_PLACES, _ACROSS, _SHAKEN, _ROW_SIZE = (0.17, 0.5, 0.83), (0.22, 0.78), 0.012, (0.215, 0.224)
_IRREGULAR = {"fish": "fish", "butterfly": "butterflies", "cactus": "cacti"}
_NUMBERS = {2: "two", 3: "three", 4: "four"}
_ORDINALS = ("first", "second", "third", "fourth")
_FRONT = ("the {} in front", "the closest {}", "the nearest {}", "the front {}")
_BACK = ("the {} at the back", "the farthest {}", "the {} in the back", "the back {}")


def sample_generalised_layout(rng: np.random.Generator, held_out: HeldOut = "any") -> Layout:
    """A scene as "scenes" has them, or three objects of one class in a row or column."""
    if pick(rng, ("row", "free"), (0.45, 0.55)) == "row":
        return _row(rng, held_out)
    return sample_layout(rng, count=pick(rng, (2, 3, 4), (0.3, 0.35, 0.35)), held_out=held_out)


def generalised_expressions(layout: Layout, rng: np.random.Generator) -> list[SetExpression]:
    """One sentence for each group of items that a kind of ``GENERALISED_KINDS`` singles out.

    Each is true of these items and of no others; those of the absent kinds of no item at all.
    """
    found: list[SetExpression] = []
    for kind, write in _WRITERS.items():
        ways: dict[tuple[int, ...], list[str]] = {}
        for group, sentence in write(layout.items):
            ways.setdefault(group, []).append(sentence)
        found += [(group, pick(rng, sentences), kind) for group, sentences in ways.items()]
    return found


def plural(noun: str) -> str:
    """Several of a noun of ``NOUNS``: "ducks", "fish"."""
    return _IRREGULAR.get(noun, f"{noun}s")


def _row(rng: np.random.Generator, held_out: HeldOut) -> Layout:
    """Three objects of one class side by side or one above the other, and often another one."""
    allowed = combinations(held_out)
    noun = pick(rng, tuple(allowed))
    named = [(noun, pick(rng, allowed[noun])) for _ in _PLACES]
    if float(rng.random()) < 0.6:
        other = pick(rng, tuple(name for name in allowed if name != noun))
        named.append((other, pick(rng, allowed[other])))
    across = pick(rng, _ACROSS)
    places = [(_shaken(rng, place), _shaken(rng, across)) for place in _PLACES]
    places.append((_shaken(rng, pick(rng, _PLACES)), _shaken(rng, 1 - across)))
    upright = float(rng.random()) < 0.35
    items: list[Item] = []
    surfaces: list[Surface] = []
    for (name, colour), (along, beside) in zip(named, places, strict=False):
        low, high = _ROW_SIZE
        size = round(low + (high - low) * float(rng.random()), 4)
        surfaces.append(sample_surface(rng, colour, size, surfaces, least=0))
        centre = (beside, along) if upright else (along, beside)
        items.append(Item(name, colour, size, centre, surfaces[-1], float(rng.random()) < 0.5))
    # Drawn in any order, so that a number in a row is no number in a list.
    order = sorted(range(len(items)), key=lambda _: float(rng.random()))
    background = sample_background(rng, [surface.colour for surface in surfaces])
    return Layout(background, tuple(items[index] for index in order))


def _shaken(rng: np.random.Generator, place: float) -> float:
    return round(place + _SHAKEN * (2 * float(rng.random()) - 1), 4)


def _groups(items: Items) -> dict[str, tuple[int, ...]]:
    """The items of each class, in order of appearance."""
    nouns = dict.fromkeys(item.noun for item in items)
    return {noun: tuple(k for k, item in enumerate(items) if item.noun == noun) for noun in nouns}


def _alike(items: Items) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The classes of two items or more."""
    return ((noun, group) for noun, group in _groups(items).items() if len(group) > 1)


def _absent_class(items: Items) -> Ways:
    for noun in NOUNS:
        if noun not in _groups(items):
            yield (), f"the {noun}"
            yield (), f"the {items[0].colour} {noun}"


def _absent_attribute(items: Items) -> Ways:
    for noun, group in _groups(items).items():
        for colour in COLOURS:
            if all(contrasts(colour, items[index].colour) for index in group):
                yield (), f"the {colour} {noun}"


def _plural(items: Items) -> Ways:
    for noun, group in _alike(items):
        for colour in ("", *COLOURS):
            some = tuple(k for k in group if colour in ("", items[k].colour))
            # Shades of a colour must not be a matter of taste.
            clear = not colour or all(
                contrasts(colour, items[k].colour) for k in group if k not in some
            )
            if len(some) > 1 and clear:
                yield from ((some, way) for way in _all_of(f"{colour} {plural(noun)}", len(some)))
    single = [group[0] for group in _groups(items).values() if len(group) == 1]
    for one, other in pairwise(single):
        yield (one, other), f"the {items[one].noun} and the {items[other].noun}"


def _all_of(things: str, count: int) -> list[str]:
    things, number = things.strip(), _NUMBERS[count]
    ways = [f"the {things}", f"all the {things}", f"the {number} {things}", f"{number} {things}"]
    if count == 2:
        return [*ways, f"both {things}", f"both of the {things}"]
    return [*ways, f"all {number} {things}", f"all of the {things}"]


def _negation(items: Items) -> Ways:
    for noun, group in _alike(items):
        for colour in COLOURS:
            rest = tuple(k for k in group if items[k].colour != colour)
            clear = all(contrasts(colour, items[k].colour) for k in rest)
            if clear and 0 < len(rest) < len(group):
                yield from ((rest, way) for way in _but(noun, len(rest), len(group), colour))
        for size, big in (("big", True), ("small", False)):
            rest = tuple(k for k in group if items[k].big != big)
            if 0 < len(rest) < len(group):
                yield from ((rest, way) for way in _but(noun, len(rest), len(group), size))


def _but(noun: str, count: int, total: int, word: str) -> Iterator[str]:
    """Ways to say all of a class but those of a colour or size."""
    if count > 1:
        yield f"the {plural(noun)} that are not {word}"
        yield f"the {plural(noun)} that aren't {word}"
        return
    yield f"the {noun} that is not {word}"
    yield f"the {noun} that isn't {word}"
    yield f"the {noun} which is not {word}"
    if total == 2:
        yield f"the {noun}, not the {word} one"
        yield f"the {noun} other than the {word} one"


def _order(items: Items) -> Ways:
    for noun, group in _alike(items):
        for side, ahead in SIDES.items() if len(group) > 2 else ():
            row = sorted(group, key=lambda k: -ahead(items[k].centre, (0, 0)))
            if all(ahead(items[a].centre, items[b].centre) >= _APART for a, b in pairwise(row)):
                for index, ordinal in zip(row, _ORDINALS, strict=False):
                    yield (index,), f"the {ordinal} {noun} from the {side}"


def _depth(items: Items) -> Ways:
    for noun, group in _alike(items):
        for ways, side, sign in ((_FRONT, "bottom", 1), (_BACK, "top", -1)):
            for index in group:
                rivals = [k for k in group if k != index]
                if all(_nearer(items, index, k, side, sign) for k in rivals):
                    yield from (((index,), way.format(noun)) for way in ways)


def _nearer(items: Items, index: int, rival: int, side: str, sign: int) -> bool:
    """Whether an item is clearly nearer (or farther, ``sign`` -1): lower, and not smaller."""
    lead = SIDES[side](items[index].centre, items[rival].centre)
    return lead >= CLEARLY and sign * (items[index].big - items[rival].big) >= 0


_WRITERS: dict[str, Callable[[Items], Ways]] = {
    "absent-class": _absent_class,
    "absent-attribute": _absent_attribute,
    "plural": _plural,
    "negation": _negation,
    "order": _order,
    "depth": _depth,
}
