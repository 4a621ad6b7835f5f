"""Scenes whose expressions refer to one object, to several or to none."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from emoji_scenes import (
    FONT,
    GENERALISED_KINDS,
    NOUNS,
    Item,
    compose,
    generalised_expressions,
    is_held_out,
    plural,
    sample_generalised_layout,
    write_scenes,
)
from generate_scenes import main
from refmask.data import load_dataset
from refmask.data.scenes import SETS
from squares import Squares

needs_font = pytest.mark.skipif(not FONT.exists(), reason="fonts-noto-color-emoji not installed")

SINGULAR = {plural(noun): noun for noun in NOUNS} | {noun: noun for noun in NOUNS}
COUNTS = {"two": 2, "both": 2, "three": 3, "four": 4}
ORDINALS = ("first", "second", "third", "fourth")
SIDES = {"left": (0, 1), "right": (0, -1), "top": (1, 1), "bottom": (1, -1)}
NEAR, FAR = {"front", "closest", "nearest"}, {"back", "farthest"}


def stream(*seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(list(seed)))


def layouts(total: int, **options):
    return [sample_generalised_layout(stream(6, number), **options) for number in range(total)]


# A second reading of the language, from the words alone and without the writers' margins.


def meant(sentence: str, items: tuple[Item, ...]) -> set[int]:
    """The items that a sentence refers to."""
    if " and the " in sentence:
        return set.union(*(meant(part, items) for part in sentence.split(" and ")))
    kept, _, left_out = (
        sentence.replace("isn't", "is not")
        .replace("aren't", "are not")
        .replace("which is not", "that is not")
        .replace("other than", "that is not")
        .replace(", not", " that is not")
        .replace("are not", "is not")
        .partition(" that is not ")
    )
    words = kept.split()
    noun = next(SINGULAR[word] for word in words if word in SINGULAR)
    looks = [{item.noun, item.colour, "big" if item.big else "small"} for item in items]
    said = {word for word in words if any(word in look for look in ALL_LOOKS)} - {noun}
    found = [k for k, look in enumerate(looks) if {noun, *said} <= look]
    found = [k for k in found if not left_out or not set(left_out.split()) & looks[k]]
    for side, (axis, sign) in SIDES.items():
        if f"from the {side}" in sentence:
            number = next(k for k, word in enumerate(ORDINALS) if word in words)
            return {sorted(found, key=lambda k: sign * items[k].centre[axis])[number]}
    for names, last in ((NEAR, -1), (FAR, 0)):
        if names & set(words):
            return {sorted(found, key=lambda k: items[k].centre[1])[last]}
    for word, count in COUNTS.items():
        assert word not in words or len(found) == count, sentence
    return set(found)


COLOURS = {"red", "orange", "yellow", "green", "blue", "purple", "pink", "white"}
ALL_LOOKS = [COLOURS | {"big", "small"}]


def test_every_expression_is_true_of_its_items_alone() -> None:
    seen: Counter[tuple[str, int]] = Counter()
    for number, layout in enumerate(layouts(400)):
        for items, sentence, kind in generalised_expressions(layout, stream(number)):
            assert meant(sentence, layout.items) == set(items), (sentence, layout)
            assert len(items) == len(set(items))
            seen[kind, min(len(items), 2)] += 1
    assert {kind for kind, _ in seen} == set(GENERALISED_KINDS)
    assert {kind for kind, count in seen if count == 0} == {"absent-class", "absent-attribute"}
    assert {kind for kind, count in seen if count == 2} == {"plural", "negation"}
    assert min(seen.values()) > 20


def test_a_false_attribute_is_about_a_class_that_is_there() -> None:
    for number, layout in enumerate(layouts(100)):
        nouns = {item.noun for item in layout.items}
        for _, sentence, kind in generalised_expressions(layout, stream(number)):
            if kind.startswith("absent"):
                assert (sentence.split()[-1] in nouns) == (kind == "absent-attribute")


def test_rows_are_clear_and_inside_the_image() -> None:
    counted = 0
    for layout in layouts(200):
        for item in layout.items:
            assert all(0.14 <= place <= 0.86 for place in item.centre)
        for one in layout.items:
            apart = [
                max(abs(a - b) for a, b in zip(one.centre, other.centre, strict=True))
                for other in layout.items
                if other is not one
            ]
            assert all(gap >= 0.25 for gap in apart)
        counted += len(layout.items) - len({item.noun for item in layout.items}) >= 2
    assert counted > 60


def test_they_are_the_same_on_every_machine() -> None:
    told = [
        (layout, generalised_expressions(layout, stream(number)))
        for number, layout in enumerate(layouts(99))
    ]
    digest = hashlib.sha256(repr(told).encode()).hexdigest()
    assert digest[:16] == "0dfe6d5d2f1e84cc"


def test_held_out_combinations_never_leak() -> None:
    for held_out, expected in (("exclude", {False}), ("only", {True})):
        items = [item for layout in layouts(100, held_out=held_out) for item in layout.items]
        assert {is_held_out(item.noun, item.colour) for item in items} == expected


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    def drawn():
        return compose(6, 3, sprites=Squares(), side=120, generalised=True)

    write_scenes(tmp_path, {"val": drawn()}, "squares", generalised=True)
    dataset = load_dataset("gscenes", "val", tmp_path)
    assert (dataset.may_be_absent, dataset.may_be_several) == (True, True)
    for name, scene in zip(dataset.ids, drawn(), strict=True):
        read, sample = dataset.sample(name), scene.sample
        np.testing.assert_array_equal(read.image, sample.image)
        told = [
            {q.id: (q.expression, q.kind, q.targets, q.target.tobytes()) for q in queries}
            for queries in (read.queries, sample.queries)
        ]
        assert told[0] == told[1]
        assert {query.targets for query in read.queries} >= {()}
    refs = json.loads((tmp_path / "gscenes" / "grefs(scenes).json").read_text())
    assert all(ref["no_target"] == (ref["ann_id"] == [-1]) for ref in refs)
    assert len({ref["ref_id"] for ref in refs}) == len(refs)


def test_the_shipped_scenes_have_every_kind() -> None:
    dataset = load_dataset("gscenes", "all")
    samples = [dataset.sample(name) for name in dataset.ids]
    assert len(samples) == 16
    kinds = {query.kind for sample in samples for query in sample.queries}
    assert kinds >= {*GENERALISED_KINDS}
    files = [path for path in SETS["gscenes"].rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1_100_000


@needs_font
def test_the_recorded_command_draws_the_shipped_scenes(tmp_path: Path) -> None:
    words = "--generalised --count 16 --seed 16 --side 32 --out"
    assert main([*words.split(), str(tmp_path / "set")]) == 0
    path = Path("gscenes", "grefs(scenes).json")
    assert (tmp_path / "set" / path).read_bytes() == (SETS["gscenes"] / path).read_bytes()
