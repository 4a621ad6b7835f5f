"""What of a data set is there."""

from __future__ import annotations

import shutil

import pytest

from refmask.data import DATASETS
from refmask.data.checking import find_parts, resolve, split_states
from refmask.data.scenes import SHIPPED
from refmask.data.sources import parts
from refmask.errors import ConfigurationError

pytestmark = pytest.mark.filterwarnings("ignore:.* as published:refmask.errors.RefmaskWarning")


@pytest.mark.parametrize("name", DATASETS)
def test_every_part_has_a_source(name, tmp_path):
    listed = parts(name)
    assert any(not part.optional for part in listed) or name == "coco"
    for part in listed:
        assert part.name in part.paths
        assert "http" in part.source or "url" in part.source or "scenes" in name
    assert [one.path for one in find_parts(name, tmp_path)] == [None] * len(listed)
    assert split_states(name, tmp_path) == []


def test_what_is_there_is_found(refer_folder):
    root = refer_folder.write(".json")
    found = {one.part.name: one.path for one in find_parts("refcoco", root)}
    assert found == {
        "refcoco/instances.json": refer_folder.folder / "instances.json",
        "refcoco/refs(unc).p": refer_folder.folder / "refs(unc).json",
        "refcoco/refs(google).p": None,
        "images/mscoco/images/train2014": refer_folder.images,
    }


def test_splits_are_counted(refer_folder):
    root = refer_folder.write()
    (refer_folder.images / "COCO_train2014_5.jpg").unlink()
    states = {state.split: state for state in split_states("refcoco", root)}
    assert {name: (one.images, one.queries) for name, one in states.items()} == {
        "testA": (1, 3),
        "testB": (1, 1),
        "train": (1, 1),
    }
    assert [path.name for path in states["testB"].missing] == ["COCO_train2014_5.jpg"]
    assert states["testA"].missing == ()
    assert {one.split_by for one in states.values()} == {"unc"}


def test_both_ways_of_splitting_are_told(refer_folder):
    refer_folder.name = "refcocog"
    for refer_folder.split_by in ("umd", "google"):
        refer_folder.write()
    told = [(state.split_by, state.split) for state in split_states("refcocog", refer_folder.root)]
    assert told[::3] == [("umd", "testA"), ("google", "testA")]


def test_one_file_for_every_way_is_told_once(refer_folder):
    refer_folder.name, refer_folder.split_by = "refcocog", "umd"
    refer_folder.write()
    (refer_folder.folder / "refs(umd).p").rename(refer_folder.folder / "refs.p")
    assert {state.split_by for state in split_states("refcocog", refer_folder.root)} == {"umd"}


def test_other_layouts_are_counted(phrasecut_folder, coco_root):
    (state,) = split_states("phrasecut", phrasecut_folder.write("VGPhraseCut_v0"))
    assert (state.split, state.split_by, state.images, state.queries) == ("test", None, 2, 4)
    (state,) = split_states("coco", coco_root)
    assert (state.split, state.images, state.queries) == ("val2014", 2, 0)


def test_data_of_ones_own_are_told_alone(own_coco, coco_root):
    found = {one.part.name: one.path for one in find_parts("coco", own_coco)}
    assert found == {
        "instances.json": own_coco / "instances.json",
        "images": own_coco / "images",
    }
    (own_coco / "images" / "8.png").unlink()
    (state,) = split_states("coco", own_coco)
    assert (state.split, state.images, state.queries) == ("all", 4, 0)
    assert [path.name for path in state.missing] == ["8.png"]
    both = {one.part.name: one.path for one in find_parts("coco", coco_root)}
    assert both["annotations/instances_val2014.json"] is not None
    assert both["instances.json"] is None


def test_faults_are_told(refer_folder):
    root = refer_folder.write()
    del refer_folder.annotations[4]
    refer_folder.write()
    faults = {state.split: state.fault for state in split_states("refcoco", root)}
    assert faults["testA"] is faults["testB"] is None
    assert "1 of 1 refs" in faults["train"]
    assert "has for another image (first: 5)" in faults["train"]
    (refer_folder.folder / "refs(unc).p").write_bytes(b"cut")
    (state,) = split_states("refcoco", root)
    assert "is not a pickle" in state.fault


def test_a_place_is_a_name_or_a_folder(tmp_path):
    assert resolve("scenes", None) == ("scenes", SHIPPED)
    shutil.copytree(SHIPPED / "scenes", tmp_path / "set" / "scenes")
    assert resolve(str(tmp_path / "set"), None) == ("scenes", tmp_path / "set")
    with pytest.raises(ConfigurationError, match="give its folder as `root=DIR`"):
        resolve("refcoco", None)
    with pytest.raises(ConfigurationError, match="'nothing' is no data set"):
        resolve("nothing", None)
