"""Layouts, twins, expressions and drawing; only what says so needs the font."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
import pytest

from emoji_scenes import (
    COLOURS,
    FONT,
    KINDS,
    NOUNS,
    PATTERNS,
    SURFACES,
    Item,
    Layout,
    Sprites,
    Surface,
    contrasts,
    expressions,
    is_held_out,
    object_phrase,
    render,
    sample_layout,
    surface_phrase,
    swap_surfaces,
    with_surface,
)
from refmask.errors import ConfigurationError, MissingResource

needs_font = pytest.mark.skipif(not FONT.exists(), reason="fonts-noto-color-emoji not installed")


def stream(*seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(list(seed)))


def layouts(total: int, **options: object) -> list[Layout]:
    return [sample_layout(stream(5, number), **options) for number in range(total)]


@pytest.fixture(scope="module")
def sprites() -> Sprites:
    return Sprites()


# A second reading of the language, from the words alone and without the writers' margins.


def holds(sentence: str, item: Item, items: tuple[Item, ...]) -> bool:
    words = [word for word in sentence.split() if word not in ("the", "standing")]
    text = " ".join(words)
    others = [other for other in items if other is not item and other.noun == item.noun]
    for phrase, axis, sign in (
        ("left of", 0, -1),
        ("right of", 0, 1),
        ("above", 1, -1),
        ("below", 1, 1),
    ):
        if phrase in text:
            noun, anchor = text.split(f" {phrase} ")
            (other,) = (thing for thing in items if thing.noun == anchor)
            return noun == item.noun and sign * (item.centre[axis] - other.centre[axis]) > 0.08
    if "next to" in text:
        noun, anchor = text.split(" next to ")
        (other,) = (thing for thing in items if thing.noun == anchor)
        return noun == item.noun and np.hypot(*np.subtract(item.centre, other.centre)) == min(
            np.hypot(*np.subtract(thing.centre, other.centre))
            for thing in items
            if thing.noun == noun
        )
    for side, axis, sign in (("left", 0, -1), ("right", 0, 1), ("top", 1, -1), ("bottom", 1, 1)):
        if side in words:
            return item.noun in words and all(
                sign * (item.centre[axis] - other.centre[axis]) > 0 for other in others
            )
    thing, _, place = text.partition(" on ")
    return described(thing.split(), item.noun, (item.colour, "big" if item.big else "small")) and (
        not place
        or described(place.split(), item.surface.kind, (item.surface.colour, item.surface.pattern))
    )


def described(words: list[str], name: str, attributes: tuple[str, ...]) -> bool:
    return words[-1] == name and set(words[:-1]) <= set(attributes)


def test_every_expression_is_true_of_one_item_alone() -> None:
    seen: Counter[str] = Counter()
    for number, layout in enumerate(layouts(400)):
        for index, sentence, kind in expressions(layout, stream(number)):
            true_of = [
                k for k, item in enumerate(layout.items) if holds(sentence, item, layout.items)
            ]
            assert true_of == [index], (sentence, layout)
            seen[kind] += 1
    assert set(seen) == set(KINDS)


def test_surroundings_alone_tell_the_target_from_its_like() -> None:
    for number, layout in enumerate(layouts(200)):
        for index, sentence, kind in expressions(layout, stream(number)):
            if kind == "surroundings":
                item = layout.items[index]
                like = [(other.noun, other.colour) for other in layout.items]
                assert like.count((item.noun, item.colour)) > 1
                before, after = sentence.split(" on the ")
                assert before == f"the {item.noun}"
                assert after.split()[-1] == item.surface.kind


def test_layouts_and_expressions_are_the_same_on_every_machine() -> None:
    told = [
        (layout, expressions(layout, stream(number))) for number, layout in enumerate(layouts(99))
    ]
    digest = hashlib.sha256(repr(told).encode()).hexdigest()
    assert digest[:16] == "1323641f73cec96d"


def test_held_out_combinations_never_leak() -> None:
    share = np.mean([is_held_out(noun, colour) for noun in NOUNS for colour in COLOURS])
    assert 0.1 < share < 0.2
    for held_out, expected in (("exclude", {False}), ("only", {True})):
        items = [item for layout in layouts(200, held_out=held_out) for item in layout.items]
        assert {is_held_out(item.noun, item.colour) for item in items} == expected


def test_every_noun_keeps_most_of_its_colours_for_training() -> None:
    for noun in NOUNS:
        assert sum(not is_held_out(noun, colour) for colour in COLOURS) >= 4


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_items_stand_apart_on_surfaces_that_reach_beyond_them(count: int) -> None:
    for layout in layouts(60, count=count):
        assert len(layout.items) == count
        assert len({item.surface.look for item in layout.items}) == count
        for item in layout.items:
            assert 0.21 <= item.size <= 0.36
            assert 0.39 <= item.surface.size <= 0.48
            assert item.surface.size >= 1.3 * item.size
            assert contrasts(item.colour, item.surface.colour)
            assert all(0.19 <= place <= 0.81 for place in item.centre)
        for one, other in zip(layout.items, layout.items[1:], strict=False):
            apart = max(abs(a - b) for a, b in zip(one.centre, other.centre, strict=True))
            assert apart >= 0.9 * (one.surface.size + other.surface.size) / 2


def test_a_demanded_pair_differs_in_its_surfaces() -> None:
    for layout in layouts(60, same_class_pair=True):
        first, second = layout.items[:2]
        assert (first.noun, first.colour) == (second.noun, second.colour)
        assert first.surface.look != second.surface.look


def test_twins_exchange_looks_and_keep_places() -> None:
    layout = sample_layout(stream(1), count=3, same_class_pair=True)
    twin = swap_surfaces(layout, 0, 1)
    for k, other in ((0, 1), (1, 0), (2, 2)):
        assert twin.items[k].surface.look == layout.items[other].surface.look
        assert twin.items[k].surface.size == layout.items[k].surface.size
        assert twin.items[k].centre == layout.items[k].centre
    assert swap_surfaces(twin, 0, 1) == layout
    bare = with_surface(layout, 0, None)
    assert bare.items[0].surface is None
    assert bare.items[1:] == layout.items[1:]


@pytest.mark.parametrize(
    "options", [{"count": 0}, {"count": 5}, {"count": 1, "same_class_pair": True}]
)
def test_impossible_scenes_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="1 to 4 objects"):
        sample_layout(stream(0), **options)


def test_phrases() -> None:
    rug = Surface("rug", "red", "striped", 0.4)
    assert surface_phrase(rug) == "striped red rug"
    assert surface_phrase(rug, colour=False) == "striped rug"
    assert surface_phrase(Surface("box", "blue", "plain", 0.4)) == "blue box"
    duck = Item("duck", "green", 0.33, (0.5, 0.5), rug)
    assert object_phrase(duck) == "duck"
    assert object_phrase(duck, size=True, colour=True) == "big green duck"


def test_a_missing_font_names_the_package_and_the_option(tmp_path) -> None:
    with pytest.raises(MissingResource, match=r"fonts-noto-color-emoji.*--font"):
        Sprites(tmp_path / "none.ttf")


@needs_font
def test_every_drawing_can_be_made(sprites: Sprites) -> None:
    for number, noun in enumerate(NOUNS):
        sprite = sprites.object(noun, COLOURS[number % len(COLOURS)], False, 28)
        assert sprite.mask.sum() > 100
    for kind in SURFACES:
        for pattern in PATTERNS:
            sprite = sprites.surface(Surface(kind, "red", pattern, 0.4), 48)
            assert sprite.mask.sum() > 0.6 * 48**2


@needs_font
def test_images_show_whole_objects_on_visible_surfaces(sprites: Sprites) -> None:
    for layout in layouts(20):
        drawn = render(layout, sprites, 112)
        assert drawn.image.shape == (112, 112, 3)
        assert drawn.image.dtype == np.uint8
        stacked = np.concatenate([drawn.objects, drawn.surfaces])
        assert stacked.sum(axis=0).max() == 1
        for item, thing, below in zip(layout.items, drawn.objects, drawn.surfaces, strict=True):
            rows, columns = np.nonzero(thing)
            longer = max(np.ptp(rows), np.ptp(columns)) + 1
            assert abs(longer - item.size * 112) <= 2.5
            assert below.sum() > 0.4 * thing.sum()
        assert render(layout, sprites, 112, masks=False).objects.shape == (0, 112, 112)
        np.testing.assert_array_equal(render(layout, sprites, 112, masks=False).image, drawn.image)


@needs_font
def test_twins_differ_outside_the_objects_alone(sprites: Sprites) -> None:
    layout = sample_layout(stream(3), count=2, same_class_pair=True)
    one, twin = render(layout, sprites, 112), render(swap_surfaces(layout, 0, 1), sprites, 112)
    np.testing.assert_array_equal(one.objects, twin.objects)
    inside = one.objects.any(axis=0)
    changed = np.abs(one.image.astype(int) - twin.image.astype(int)).sum(axis=-1)
    # Smooth edges let a little of the surface through: the inside is judged by its median.
    assert np.median(changed[inside]) == 0
    assert changed[one.surfaces.any(axis=0)].mean() > 60
