"""PhraseCut, from files in its layout."""

from __future__ import annotations

import numpy as np
import pytest

from refmask.data import load_dataset
from refmask.data.phrasecut import PUBLISHED
from refmask.errors import ConfigurationError, ImageError, InputError, MaskError, RefmaskWarning

pytestmark = pytest.mark.filterwarnings(
    "ignore:phrasecut.* as published:refmask.errors.RefmaskWarning"
)


@pytest.mark.parametrize("inner", ["", "VGPhraseCut_v0"])
def test_phrases_by_image(phrasecut_folder, inner):
    dataset = load_dataset("phrasecut", "test", phrasecut_folder.write(inner))
    assert (dataset.name, dataset.split, dataset.subset) == ("phrasecut", "test", "all")
    assert (dataset.ids, dataset.queries) == (("40", "30"), 4)
    sample = dataset.sample("40")
    assert [(q.id, q.expression, q.kind) for q in sample.queries] == [
        ("40__1", "the hill of 1", "name"),
        ("40__3", "the dogs of 3", "name"),
    ]
    assert sample.instances is None
    assert dataset.sample("30").queries[1].kind is None


def test_a_target_is_all_its_polygons_with_truncated_corners(phrasecut_folder):
    sample = load_dataset("phrasecut", "test", phrasecut_folder.write()).sample("40")
    expected = np.zeros((24, 32), np.bool_)
    expected[1:6, 1:6] = expected[10:15, 10:15] = True
    ys, xs = np.indices(expected.shape)
    expected |= (xs >= ys) & (xs <= 16) & (ys >= 12)
    np.testing.assert_array_equal(sample.queries[0].target, expected)
    assert sample.queries[1].target.sum() == 15  # the single point is skipped


@pytest.mark.parametrize(
    ("subset", "ids"),
    [("seen", ["30__2"]), ("unseen", ["40__1", "40__3"])],
)
def test_seen_means_exactly_a_name_of_coco(phrasecut_folder, subset, ids):
    dataset = load_dataset("phrasecut", "test", phrasecut_folder.write(), subset=subset)
    found = [query.id for image in dataset.ids for query in dataset.sample(image).queries]
    assert found == ids
    assert dataset.queries == len(ids)


def test_subsets_are_told_apart(phrasecut_folder):
    root = phrasecut_folder.write()
    prints = {
        load_dataset("phrasecut", "test", root, subset=s).fingerprint for s in ("all", "seen")
    }
    assert len(prints) == 2
    with pytest.raises(ConfigurationError, match="'new'; choose one of all, seen, unseen"):
        load_dataset("phrasecut", "test", root, subset="new")


@pytest.mark.filterwarnings("error")
def test_counts_are_compared_with_published_ones(phrasecut_folder, monkeypatch):
    root = phrasecut_folder.write()
    with pytest.warns(RefmaskWarning, match="2 images instead of 2545; 4 phrases instead of 14354"):
        load_dataset("phrasecut", "test", root)
    load_dataset("phrasecut", "test", root, subset="unseen")
    monkeypatch.setitem(PUBLISHED, "test", {"images": 2, "phrases": 4})
    load_dataset("phrasecut", "test", root)


def test_splits(phrasecut_folder):
    root = phrasecut_folder.write()
    with pytest.raises(
        ConfigurationError, match="no split 'testA'; choose one of train, val, test, miniv"
    ):
        load_dataset("phrasecut", "testA", root)
    with pytest.raises(InputError, match=r"refer_val\.json.*refmask data check"):
        load_dataset("phrasecut", "val", root)


@pytest.mark.parametrize(
    "polygons",
    [[], [[]], [[[[3, 3]]]], [[[[1, 2], [3, "4"]]]], [[[[1, 2], [3, 9e9]]]], [[[[1, 2], [3]]]]],
)
def test_a_phrase_without_a_usable_polygon_is_named(phrasecut_folder, polygons):
    phrasecut_folder.tasks[0]["Polygons"] = polygons
    dataset = load_dataset("phrasecut", "test", phrasecut_folder.write())
    with pytest.raises(MaskError, match="task 40__1 of image 40"):
        dataset.sample("40")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"Polygons": None}, "task 2 has no usable"),
        ({"Polygons": [[3]]}, "task 2 has no usable"),
        ({"image_id": "x"}, "task 2 has no usable"),
        ({"image_id": float("inf")}, "task 2 has no usable"),
        ({"phrase_structure": [1]}, "task 2 has no usable"),
        ({"image_id": 99}, r"lacks the sizes of 1 of 3 images \(first: 99\)"),
    ],
)
def test_damaged_tasks_are_told(phrasecut_folder, change, says):
    phrasecut_folder.tasks[2].update(change)
    with pytest.raises(InputError, match=says) as caught:
        load_dataset("phrasecut", "test", phrasecut_folder.write())
    assert "\n" not in str(caught.value)


def test_images_that_are_missing_or_of_another_size(phrasecut_folder):
    root = phrasecut_folder.write()
    dataset = load_dataset("phrasecut", "test", root)
    (root / "images" / "30.jpg").unlink()
    assert [path.name for path in dataset.missing_images()] == ["30.jpg"]
    with pytest.raises(ImageError, match=r"30\.jpg"):
        dataset.sample("30")
    sizes = root / "image_data_split.json"
    sizes.write_text(sizes.read_text().replace('"width": 32', '"width": 33'))
    with pytest.raises(ImageError, match="33x24"):
        load_dataset("phrasecut", "test", root).sample("40")
    sizes.write_text('[{"image_id": 30}]')
    with pytest.raises(InputError, match="'height'"):
        load_dataset("phrasecut", "test", root)
    with pytest.raises(ConfigurationError, match="id '1'"):
        dataset.sample("1")
