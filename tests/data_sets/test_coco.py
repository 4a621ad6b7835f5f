"""COCO's instances, from files in its layout."""

from __future__ import annotations

import numpy as np
import pytest

from refmask.data import load_dataset
from refmask.errors import ConfigurationError, ImageError


def test_things_of_a_picture(coco_root):
    dataset = load_dataset("coco", "val2014", coco_root)
    assert (dataset.ids, dataset.queries) == (("3", "2"), 0)
    assert dataset.categories == {1: "one", 2: "two"}
    sample = dataset.sample("3")
    assert sample.queries == ()
    assert sample.instances.details["annotation"].tolist() == [11, 14]
    assert sample.instances.details["category"].tolist() == [2, 1]
    assert sample.instances.masks.sum(axis=(1, 2)).tolist() == [64, 64 + 64 - 16]
    np.testing.assert_array_equal(sample.instances.boxes[0], [1, 1, 9, 9])


def test_a_picture_may_be_without_things(coco_root):
    sample = load_dataset("coco", "val2014", coco_root).sample("2")
    assert len(sample.instances) == 0
    assert sample.instances.size == (24, 32)
    assert sample.instances.details["category"].shape == (0,)


def test_pictures_may_lie_in_images(coco_root):
    (coco_root / "images").mkdir()
    (coco_root / "val2014").rename(coco_root / "images" / "val2014")
    dataset = load_dataset("coco", "val2014", coco_root)
    assert dataset.missing_pictures() == []
    (coco_root / "images" / "val2014" / "2.jpg").unlink()
    assert [path.name for path in dataset.missing_pictures()] == ["2.jpg"]
    with pytest.raises(ImageError, match=r"2\.jpg"):
        dataset.sample("2")


def test_what_does_not_exist(coco_root):
    with pytest.raises(ConfigurationError, match=r"splits val2014 of .* got 'val'"):
        load_dataset("coco", "val", coco_root)
    with pytest.raises(ConfigurationError, match="id '9'"):
        load_dataset("coco", "val2014", coco_root).sample("9")
