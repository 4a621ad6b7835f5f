"""What holds for every data set; a new line in ``DATASETS`` needs a small one in ``SMALL``."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from refmask.data import DATASETS, load_dataset
from refmask.data.choice import QUESTIONS
from refmask.data.scenes import SETS
from refmask.types import Sample

pytestmark = pytest.mark.filterwarnings("ignore:.* as published:refmask.errors.RefmaskWarning")


@pytest.fixture
def small(request, refer_folder, phrasecut_folder, coco_root, own_coco):
    """A split of each data set, small."""
    name = request.param
    if name in QUESTIONS:
        return load_dataset("coco", None, own_coco, questions=name)
    if name in SETS:
        return load_dataset(name, "val")
    if name == "coco":
        return load_dataset("coco", "val2014", coco_root)
    if name == "phrasecut":
        return load_dataset("phrasecut", "test", phrasecut_folder.write())
    refer_folder.name = name
    refer_folder.split_by = "umd" if name == "refcocog" else "unc"
    return load_dataset(name, "all", refer_folder.write())


every = pytest.mark.parametrize("small", [*DATASETS, *QUESTIONS], indirect=True)


@every
def test_it_tells_what_it_is(small):
    assert small.name in DATASETS
    assert small.split in ("all", "val", "test", "val2014")
    assert len(set(small.ids)) == len(small.ids) > 0
    assert all(isinstance(image, str) for image in small.ids)
    assert len(bytes.fromhex(small.fingerprint)) == 32
    assert small.missing_images() == []


@every
def test_its_samples_hold_what_it_promises(small):
    samples = [small.sample(image) for image in small.ids]
    assert sum(len(sample.queries) for sample in samples) == small.queries
    assert [sample.id for sample in samples] == list(small.ids)
    asked = [query.id for sample in samples for query in sample.queries]
    assert len(set(asked)) == len(asked)
    for sample in samples:
        check(sample, small.categories)


def check(sample: Sample, categories: dict[int, str]) -> None:
    assert sample.image.dtype == np.uint8
    for query in sample.queries:
        assert query.expression
        assert query.target.dtype == np.bool_
        assert query.target.shape == sample.image.shape[:2]
        assert query.target.any() or query.targets == ()
        if query.targets:
            union = sample.instances.masks[list(query.targets)].any(axis=0)
            np.testing.assert_array_equal(union, query.target)
        if query.instance is not None:
            np.testing.assert_array_equal(sample.instances.masks[query.instance], query.target)
    if sample.instances is not None:
        sample.instances.checked_for(sample.image)
        assert set(sample.instances.details["category"].tolist()) <= set(categories)


def test_names_lead_to_functions():
    for module in DATASETS.values():
        assert callable(importlib.import_module(module).load)
