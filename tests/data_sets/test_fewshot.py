"""Few-shot subsets."""

from __future__ import annotations

from collections import Counter

import pytest

from refmask.data import load_dataset
from refmask.data.fewshot import few_shot, record
from refmask.errors import ConfigurationError


@pytest.fixture(scope="module")
def scenes():
    return load_dataset("scenes", "all")


def ids(refs):
    return [ref.id for ref in refs]


@pytest.mark.parametrize("seed", [0, 5])
def test_every_class_gives_k_and_each_set_is_part_of_the_next(scenes, seed):
    there = Counter(ref.category for ref in scenes.refs)
    smaller = set()
    for per_class in range(1, 6):
        refs = few_shot(scenes, per_class, seed)
        counts = Counter(ref.category for ref in refs)
        assert counts == {number: min(per_class, total) for number, total in there.items()}
        assert smaller < set(ids(refs)) or smaller == set(ids(refs)) == set(ids(scenes.refs))
        assert ids(refs) == [one for one in ids(scenes.refs) if one in set(ids(refs))]
        smaller = set(ids(refs))
    assert ids(few_shot(scenes, 10**6, seed)) == ids(scenes.refs)


def test_the_seed_decides(scenes):
    assert ids(few_shot(scenes, 1, 3)) == ids(few_shot(scenes, 1, 3))
    assert len({tuple(ids(few_shot(scenes, 1, seed))) for seed in range(4)}) == 4


def test_another_class_changes_no_other(refer_folder):
    refer_folder.name = "mine"
    refer_folder.split_by = "mine"
    for row, one in enumerate(refer_folder.refs):
        one["category_id"] = 1 + (row == 3)
    both = load_dataset("mine", "all", refer_folder.write())
    one = load_dataset("mine", "test", refer_folder.root)
    assert ids(few_shot(both, 2, 0))[:-1] == ids(few_shot(one, 2, 0))


def test_a_record_tells_what_to_train_on(scenes):
    refs = few_shot(scenes, 1, 0)
    told = record(scenes, refs, 1, 0)
    assert (told["data_set"], told["split"], told["per_class"], told["seed"]) == (
        *("scenes", "all", 1, 0),
    )
    assert told["fingerprint"] == scenes.fingerprint
    assert len(told["refs"]) == len(told["categories"]) == len(refs)
    first, ref = told["refs"][0], refs[0]
    assert (first["ref_id"], first["ann_id"], first["image_id"]) == (
        *(ref.id, ref.annotations[0], ref.image),
    )
    assert [said["raw"] for said in first["sentences"]] == [said.text for said in ref.sentences]
    assert told["categories"][str(ref.category)] == scenes.categories[ref.category]


def test_what_makes_no_sense_is_refused(scenes, coco_root):
    for per_class, seed in ((0, 0), (1, -1)):
        with pytest.raises(ConfigurationError, match="1 or more instances"):
            few_shot(scenes, per_class, seed)
    with pytest.raises(ConfigurationError, match="coco has no refs; name a data set with refs"):
        few_shot(load_dataset("coco", "val2014", coco_root), 1, 0)


def test_refs_to_several_things_or_none_are_of_no_class():
    dataset = load_dataset("gscenes", "val")
    refs = few_shot(dataset, 1000, 0)
    assert ids(refs) == [ref.id for ref in dataset.refs if len(ref.annotations) == 1]
    assert 0 < len(refs) < len(dataset.refs)
    assert all(isinstance(one["ann_id"], int) for one in record(dataset, refs, 1, 0)["refs"])
