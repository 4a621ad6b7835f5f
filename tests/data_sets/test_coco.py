"""COCO's instances, from files in its layout."""

from __future__ import annotations

import json

import numpy as np
import pytest

from refmask.data import load_dataset
from refmask.errors import ConfigurationError, ImageError, InputError


def test_things_of_a_image(coco_root):
    dataset = load_dataset("coco", "val2014", coco_root)
    assert (dataset.ids, dataset.queries) == (("3", "2"), 0)
    assert dataset.categories == {1: "one", 2: "two"}
    sample = dataset.sample("3")
    assert sample.queries == ()
    assert sample.instances.details["annotation"].tolist() == [11, 14]
    assert sample.instances.details["category"].tolist() == [2, 1]
    assert sample.instances.masks.sum(axis=(1, 2)).tolist() == [64, 64 + 64 - 16]
    np.testing.assert_array_equal(sample.instances.boxes[0], [1, 1, 9, 9])


def test_a_image_may_be_without_things(coco_root):
    sample = load_dataset("coco", "val2014", coco_root).sample("2")
    assert len(sample.instances) == 0
    assert sample.instances.size == (24, 32)
    assert sample.instances.details["category"].shape == (0,)


def test_images_may_lie_in_images(coco_root):
    (coco_root / "images").mkdir()
    (coco_root / "val2014").rename(coco_root / "images" / "val2014")
    dataset = load_dataset("coco", "val2014", coco_root)
    assert dataset.missing_images() == []
    (coco_root / "images" / "val2014" / "2.jpg").unlink()
    assert [path.name for path in dataset.missing_images()] == ["2.jpg"]
    with pytest.raises(ImageError, match=r"2\.jpg"):
        dataset.sample("2")


def test_what_does_not_exist(coco_root):
    with pytest.raises(ConfigurationError, match=r"no split 'val'; add `split` as one of val2014"):
        load_dataset("coco", "val", coco_root)
    with pytest.raises(ConfigurationError, match="id '9'"):
        load_dataset("coco", "val2014", coco_root).sample("9")


def asked(dataset):
    """Each query's expression, target's pixels and the indices that are right, by its id."""
    return {
        query.id: (query.expression, int(query.target.sum()), (query.instance, *query.also_right))
        for sample in map(dataset.sample, dataset.ids)
        for query in sample.queries
    }


def test_a_table_of_ones_own_needs_no_split(own_coco):
    dataset = load_dataset("coco", None, own_coco)
    assert (dataset.split, dataset.ids, dataset.queries) == ("all", ("5", "3", "8", "2"), 0)
    assert dataset.missing_images() == []
    assert len(dataset.sample("5").instances) == 5
    same = load_dataset("coco", "all", own_coco)
    assert same.fingerprint == load_dataset("coco", "", own_coco).fingerprint
    assert same.fingerprint == dataset.fingerprint


def test_a_category_is_asked_for_that_one_instance_has_to_itself(own_coco):
    dataset = load_dataset("coco", None, own_coco, questions="categories")
    assert asked(dataset) == {"5-1": ("teddy bear", 400, (0,)), "3-2": ("cup", 144, (2,))}
    assert (dataset.ids, dataset.queries) == (("5", "3"), 2)
    assert len(dataset.sample("5").instances) == 5


def test_any_instance_of_the_category_is_a_right_choice(own_coco):
    dataset = load_dataset("coco", None, own_coco, questions="choices")
    assert asked(dataset) == {
        "5-1": ("teddy bear", 400, (0,)),
        "5-2": ("cup", 32, (1,)),
        "5-4": ("dog", 100, (2,)),
        "3-2": ("cup", 144, (2,)),
        "3-4": ("dog", 256, (1, 0)),
    }
    assert dataset.queries == 5
    annotations = dataset.sample("5").instances.details["annotation"]
    assert annotations.tolist() == [1, 2, 5]


def test_questions_tell_data_apart(own_coco):
    kinds = (None, "categories", "choices")
    found = {load_dataset("coco", None, own_coco, questions=kind).fingerprint for kind in kinds}
    assert len(found) == 3


def test_a_split_can_be_asked_about(coco_root):
    dataset = load_dataset("coco", "val2014", coco_root, questions="categories")
    assert asked(dataset) == {"3-2": ("two", 64, (0,))}  # "one" has a crowd, too


def test_a_split_goes_before_the_table_that_is_not_split(coco_root, own_coco):
    (own_coco / "annotations").mkdir()
    table = (coco_root / "annotations" / "instances_val2014.json").read_text()
    for split in ("all", "val2014"):
        (own_coco / "annotations" / f"instances_{split}.json").write_text(table)
        assert load_dataset("coco", split, own_coco).ids == ("3", "2")
    assert load_dataset("coco", None, own_coco).ids == ("5", "3", "8", "2")


def changed(root, change):
    path = root / "instances.json"
    tables = json.loads(path.read_text())
    change(tables)
    path.write_text(json.dumps(tables))


@pytest.mark.parametrize("name", [None, " "])
def test_a_category_without_a_name_cannot_be_asked_for(own_coco, name):
    def forget(tables):
        tables["categories"][3:] = [] if name is None else [{"id": 4, "name": name}]

    changed(own_coco, forget)
    assert load_dataset("coco", None, own_coco).queries == 0
    with pytest.raises(InputError, match="annotations of category 4, but no name for it; add it"):
        load_dataset("coco", None, own_coco, questions="choices")


def test_nothing_to_ask_is_told(own_coco):
    changed(own_coco, lambda tables: tables["annotations"].__delitem__(slice(0, 9)))
    for questions, lacking in (("categories", "exactly one instance"), ("choices", "two or more")):
        with pytest.raises(ConfigurationError, match=f"gives no query: it lacks .*{lacking}"):
            load_dataset("coco", None, own_coco, questions=questions)


def test_splits_are_named_where_none_is_asked_for(coco_root, own_coco):
    with pytest.raises(
        ConfigurationError, match=r"coco needs a split; add `split` as one of val2014"
    ):
        load_dataset("coco", None, coco_root)
    with pytest.raises(ConfigurationError, match=r"no split 'val'; add `split` as one of all"):
        load_dataset("coco", "val", own_coco)
    (own_coco / "instances.json").unlink()
    with pytest.raises(ConfigurationError, match="the folder has none"):
        load_dataset("coco", None, own_coco)


def test_only_coco_takes_questions_and_goes_without_a_split():
    with pytest.raises(ConfigurationError, match="no questions 'colours'"):
        load_dataset("coco", "val", questions="colours")
    with pytest.raises(ConfigurationError, match="scenes has expressions of its own"):
        load_dataset("scenes", "val", questions="categories")
    with pytest.raises(ConfigurationError, match="scenes needs a split; add `split=NAME`"):
        load_dataset("scenes")
