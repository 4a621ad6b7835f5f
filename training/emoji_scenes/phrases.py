"""The words for items and surfaces, and the expressions that are true of one item alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from emoji_scenes.layout import Item, Layout, Point, Surface, pick

KINDS: tuple[str, ...] = (
    "class",
    "colour",
    "size",
    "surroundings",
    "long",
    "position",
    "direction",
    "next-to",
)

Expression = tuple[int, str, str]

#: Least difference, as a fraction of the side, that makes one thing left of or above another.
CLEARLY = 0.18
#: Greatest difference at which they still count as level.
_LEVEL = 0.06
#: Greatest distance of neighbours, and how much nearer they are than the next candidate.
_NEAR, _NEARER = 0.62, 1.3


def surface_phrase(surface: Surface, *, pattern: bool = True, colour: bool = True) -> str:
    """A surface in words: "striped red rug", "red rug", "striped rug" or "rug"."""
    words = [
        surface.pattern if pattern and surface.pattern != "plain" else "",
        surface.colour if colour else "",
        surface.kind,
    ]
    return " ".join(word for word in words if word)


def size_word(item: Item) -> str:
    """The band of an item's size: "big" or "small"."""
    return "big" if item.big else "small"


def object_phrase(item: Item, *, size: bool = False, colour: bool = False) -> str:
    """An object in words: "duck", "red duck", "big duck" or "big red duck"."""
    words = [size_word(item) if size else "", item.colour if colour else "", item.noun]
    return " ".join(word for word in words if word)


def expressions(layout: Layout, rng: np.random.Generator) -> list[Expression]:
    """(item, sentence, kind) for each kind that singles an item out.

    Each sentence is true of that item and of no other. A kind other than "class" and "long" is
    only used where another object of the same class makes it necessary; "surroundings" only
    where the objects themselves have the same class and colour.
    """
    found = []
    for index in range(len(layout.items)):
        for kind, write in _WRITERS.items():
            sentences = list(write(layout.items, index))
            if sentences:
                found.append((index, pick(rng, sentences), kind))
    return found


Items = tuple[Item, ...]


def _rivals(items: Items, index: int) -> list[Item]:
    """The other items of the same class."""
    return [item for k, item in enumerate(items) if k != index and item.noun == items[index].noun]


def _class(items: Items, index: int) -> Iterator[str]:
    if not _rivals(items, index):
        yield f"the {items[index].noun}"


def _colour(items: Items, index: int) -> Iterator[str]:
    item, rivals = items[index], _rivals(items, index)
    if rivals and all(rival.colour != item.colour for rival in rivals):
        yield f"the {object_phrase(item, colour=True)}"


def _size(items: Items, index: int) -> Iterator[str]:
    item, rivals = items[index], _rivals(items, index)
    if rivals and all(rival.big != item.big for rival in rivals):
        yield f"the {object_phrase(item, size=True)}"


def _surroundings(items: Items, index: int) -> Iterator[str]:
    item, rivals = items[index], _rivals(items, index)
    if any(rival.colour == item.colour for rival in rivals):
        for place in _places(item.surface, rivals):
            yield f"the {item.noun} on the {place}"


def _long(items: Items, index: int) -> Iterator[str]:
    item = items[index]
    rivals = [other for other in _rivals(items, index) if other.colour == item.colour]
    rivals = [other for other in rivals if other.big == item.big]
    if item.surface is None or any(_same_look(item, rival) for rival in rivals):
        return
    thing = object_phrase(item, size=True, colour=True)
    yield f"the {thing} on the {surface_phrase(item.surface)}"
    yield f"the {thing} standing on the {surface_phrase(item.surface)}"


def _position(items: Items, index: int) -> Iterator[str]:
    item, rivals = items[index], _rivals(items, index)
    for word, ahead in SIDES.items():
        if rivals and all(ahead(item.centre, rival.centre) >= CLEARLY for rival in rivals):
            yield f"the {word} {item.noun}"
            yield f"the {item.noun} {_AT[word]}"


def _direction(items: Items, index: int) -> Iterator[str]:
    item, rivals = items[index], _rivals(items, index)
    for anchor in _anchors(items, index) if rivals else []:
        for word, ahead in SIDES.items():
            lead = ahead(item.centre, anchor.centre)
            plain = lead >= max(CLEARLY, 0.6 * _distance(item.centre, anchor.centre))
            if plain and all(ahead(rival.centre, anchor.centre) <= _LEVEL for rival in rivals):
                yield f"the {item.noun} {_OF[word]} the {anchor.noun}"


def _next_to(items: Items, index: int) -> Iterator[str]:
    item, rivals = items[index], _rivals(items, index)
    for anchor in _anchors(items, index) if rivals else []:
        near = _distance(item.centre, anchor.centre)
        others = [_distance(rival.centre, anchor.centre) for rival in rivals]
        if near <= _NEAR and all(other >= _NEARER * near for other in others):
            yield f"the {item.noun} next to the {anchor.noun}"


def _places(surface: Surface | None, rivals: list[Item]) -> list[str]:
    """The ways to say a surface that hold for none of the rivals' surfaces."""
    if surface is None:
        return []
    ways = []
    for pattern, colour in ((True, True), (False, True), (True, False), (False, False)):
        said = surface_phrase(surface, pattern=pattern, colour=colour)
        matched = any(
            rival.surface is not None
            and rival.surface.kind == surface.kind
            # Plain goes unsaid, and then says nothing about the pattern.
            and (not pattern or surface.pattern in ("plain", rival.surface.pattern))
            and (not colour or rival.surface.colour == surface.colour)
            for rival in rivals
        )
        if not matched and said not in ways:
            ways.append(said)
    return ways


def _same_look(item: Item, rival: Item) -> bool:
    """Whether the full phrase of the item's surface holds for the rival's as well."""
    return item.surface is not None and surface_phrase(item.surface) not in _places(
        item.surface, [rival]
    )


def _anchors(items: Items, index: int) -> list[Item]:
    """Items of another class that is there only once."""
    return [
        item
        for k, item in enumerate(items)
        if item.noun != items[index].noun and not _rivals(items, k)
    ]


def _distance(a: Point, b: Point) -> float:
    return float(((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5)


#: Side -> by how much the first point is further on that side than the second.
SIDES: dict[str, Callable[[Point, Point], float]] = {
    "left": lambda a, b: b[0] - a[0],
    "right": lambda a, b: a[0] - b[0],
    "top": lambda a, b: b[1] - a[1],
    "bottom": lambda a, b: a[1] - b[1],
}
_AT = {
    "left": "on the left",
    "right": "on the right",
    "top": "at the top",
    "bottom": "at the bottom",
}
_OF = {"left": "left of", "right": "right of", "top": "above", "bottom": "below"}

_WRITERS: dict[str, Callable[[Items, int], Iterator[str]]] = {
    "class": _class,
    "colour": _colour,
    "size": _size,
    "surroundings": _surroundings,
    "long": _long,
    "position": _position,
    "direction": _direction,
    "next-to": _next_to,
}
