"""Written scenes: the layout of REFER, the shipped set and the command; mostly without the font."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import pickletools
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from emoji_scenes import (
    FONT,
    KINDS,
    Sprites,
    compose,
    generate,
    is_held_out,
    object_instances,
    write_scenes,
)
from generate_scenes import main
from refmask.data.scenes import SHIPPED, read_scenes
from refmask.errors import ConfigurationError, ImageError, InputError
from refmask.types import Sample
from squares import Squares

needs_font = pytest.mark.skipif(not FONT.exists(), reason="fonts-noto-color-emoji not installed")

IMAGES = Path("images", "mscoco", "images", "train2014")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scenes") / "set"
    parts = {
        "val": compose(4, 3, sprites=Squares(), held_out="exclude", side=120),
        "test": compose(4, 3, sprites=Squares(), held_out="only", side=120, start=5),
    }
    write_scenes(root, parts, "squares")
    return root


@cache
def shipped() -> list[Sample]:
    return list(read_scenes())


def table(root: Path, name: str) -> list | dict:
    return json.loads((root / "scenes" / name).read_text())


def test_what_is_written_is_read_back(written: Path) -> None:
    drawn = list(generate(4, 3, sprites=Squares(), held_out="exclude", side=120))
    read = list(read_scenes(written, "val"))
    assert [sample.id for sample in read] == [sample.id for sample in drawn]
    for one, other in zip(read, drawn, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.instances.masks, other.instances.masks)
        told = [
            {query.id: (query.expression, query.kind, query.target.tobytes()) for query in queries}
            for queries in (one.queries, other.queries)
        ]
        assert told[0] == told[1]
    assert len(list(read_scenes(written))) == 8


@pytest.mark.parametrize("root", ["written", "shipped"])
def test_files_are_what_refer_and_coco_expect(root: str, request: pytest.FixtureRequest) -> None:
    from pycocotools.coco import COCO

    folder = SHIPPED if root == "shipped" else request.getfixturevalue(root)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(folder / "scenes" / "instances.json"))
    refs = table(folder, "refs.json")
    fields = "ref_id ann_id image_id category_id split file_name sent_ids sentences"
    for ref in refs:
        assert list(ref) == fields.split()
        assert [said["sent_id"] for said in ref["sentences"]] == ref["sent_ids"]
        assert {tuple(said) for said in ref["sentences"]} == {
            ("tokens", "raw", "sent", "sent_id", "kind")
        }
        annotation = coco.anns[ref["ann_id"]]
        assert annotation["category_id"] == ref["category_id"]
        assert annotation["image_id"] == ref["image_id"]
        with warnings.catch_warnings():
            # pycocotools hands numpy an array type older than numpy 2's copy keyword.
            warnings.simplefilter("ignore", DeprecationWarning)
            assert annotation["area"] == coco.annToMask(annotation).sum()
        assert (folder / IMAGES / coco.imgs[ref["image_id"]]["file_name"]).is_file()
    sentences = [number for ref in refs for number in ref["sent_ids"]]
    assert len(set(sentences)) == len(sentences)
    assert len({ref["ref_id"] for ref in refs}) == len(refs)


def test_the_pickle_is_plain_data_and_equals_the_json(written: Path) -> None:
    packed = (written / "scenes" / "refs(scenes).p").read_bytes()
    names = {code.name for code, _, _ in pickletools.genops(packed)}
    assert not names & {"GLOBAL", "STACK_GLOBAL", "REDUCE", "INST", "OBJ", "NEWOBJ"}
    assert pickle.loads(packed) == table(written, "refs.json")  # noqa: S301 - checked above


def test_splits_hold_their_combinations() -> None:
    names = {row["id"]: row["name"] for row in table(SHIPPED, "instances.json")["categories"]}
    found = {"val": set(), "test": set()}
    for ref in table(SHIPPED, "refs.json"):
        for said in ref["sentences"]:
            if said["kind"] in ("long", "colour"):
                colour = said["tokens"][2 if said["kind"] == "long" else 1]
                found[ref["split"]].add(is_held_out(names[ref["category_id"]], colour))
    assert found == {"val": {False}, "test": {True}}


def test_shipped_scenes_are_complete_and_small() -> None:
    samples = shipped()
    assert len(samples) == 48
    assert {query.kind for sample in samples for query in sample.queries} == set(KINDS)
    for sample in samples:
        assert sample.image.shape == (400, 400, 3)
        assert sample.instances.masks.sum(axis=0).max() == 1
        objects = object_instances(sample)
        assert 2 * len(objects) == len(sample.instances)
        for query in sample.queries:
            assert any(np.array_equal(query.target, mask) for mask in objects.masks)
    files = [path for path in SHIPPED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 3_000_000


def test_a_grouping_of_pixels_finds_the_objects() -> None:
    from refmask.proposals import load_proposer

    proposer = load_proposer("grouping")
    best = []
    for sample in shipped()[:1]:
        found = proposer.propose(sample.image).masks
        for mask in object_instances(sample).masks:
            overlaps = (found & mask).sum(axis=(1, 2)) / (found | mask).sum(axis=(1, 2))
            best.append(overlaps.max())
    assert np.mean(best) >= 0.75


def test_nothing_is_left_of_a_writing_that_fails(tmp_path: Path) -> None:
    def breaking():
        yield from compose(1, 0, sprites=Squares(), side=60)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_scenes(tmp_path / "set", {"val": breaking()}, "")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_is_refused_and_an_empty_one_taken(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="new or empty folder"):
        write_scenes(tmp_path / "full", {}, "")
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    write_scenes(tmp_path / "empty", {"val": compose(1, 0, sprites=Squares(), side=60)}, "")
    assert len(list(read_scenes(tmp_path / "empty"))) == 1


def test_what_cannot_be_read_is_said(written: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no refs; put one of refs\(scenes\)"):
        read_scenes(tmp_path)
    with pytest.raises(ConfigurationError, match="choose one of test, val"):
        read_scenes(written, "train")
    (tmp_path / "scenes").mkdir()
    for name in ("instances.json", "refs.json"):
        (tmp_path / "scenes" / name).write_bytes((written / "scenes" / name).read_bytes())
    with pytest.raises(ImageError, match=r"scene_000001\.png"):
        next(read_scenes(tmp_path))
    (tmp_path / "scenes" / "refs.json").write_text('[{"split": "val"}]')
    with pytest.raises(InputError, match="sentences"):
        read_scenes(tmp_path)


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="seed"):
        compose(1, -1, sprites=Squares())


def test_the_command_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    words = ["--out", str(tmp_path / "set"), "--count"]
    assert main([*words, "2", "--font", str(tmp_path / "none.ttf")]) == 2
    assert "fonts-noto-color-emoji" in capsys.readouterr().err
    assert main([*words, "0"]) == 2
    assert "--count" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@needs_font
def test_the_command_writes_a_set(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    words = "--count 3 --seed 9 --side 112 --test-share 0.34 --out"
    assert main([*words.split(), str(tmp_path / "a")]) == 0
    assert "3 images" in capsys.readouterr().out
    assert main([*words.split(), str(tmp_path / "b")]) == 0
    assert [ref["split"] for ref in table(tmp_path / "a", "refs.json")][-1] == "test"
    files = sorted(path for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) == 6
    for path in files:
        twin = tmp_path / "b" / path.relative_to(tmp_path / "a")
        assert path.read_bytes() == twin.read_bytes()


@needs_font
def test_the_recorded_command_draws_the_shipped_scenes() -> None:
    for sample, fresh in zip(
        shipped()[:2], generate(2, 7, sprites=Sprites(), held_out="exclude"), strict=True
    ):
        assert [query.expression for query in sample.queries] == [
            query.expression for query in sorted(fresh.queries, key=lambda query: int(query.id))
        ]
        # Another Pillow or FreeType may round otherwise, but not draw otherwise.
        difference = np.abs(sample.image.astype(int) - fresh.image.astype(int))
        assert difference.mean() < 2
        assert (sample.instances.masks != fresh.instances.masks).mean() < 0.01


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("emoji_scenes.writing._write_all", fail)
    with pytest.raises(InputError, match=r"can be written .*No space left"):
        write_scenes(tmp_path / "scenes", {}, "none")
    assert list(tmp_path.iterdir()) == []
