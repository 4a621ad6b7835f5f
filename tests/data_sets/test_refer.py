"""RefCOCO and its like, from files in their layout."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco

from refmask.data import load_dataset
from refmask.data.refer import PUBLISHED
from refmask.errors import (
    ConfigurationError,
    ImageError,
    InputError,
    MaskError,
    MissingResource,
    RefmaskWarning,
)
from refmask.types import BoolArray

HEIGHT, WIDTH = 24, 32

pytestmark = pytest.mark.filterwarnings(
    "ignore:refcoco.* as published:refmask.errors.RefmaskWarning"
)


def by_hand(segmentation: object) -> BoolArray:
    """A mask as the COCO tools draw it, without our code."""
    parts = coco.frPyObjects(segmentation, HEIGHT, WIDTH)
    with warnings.catch_warnings():
        # pycocotools hands numpy an array type older than numpy 2's copy keyword.
        warnings.simplefilter("ignore", DeprecationWarning)
        return coco.decode(coco.merge(parts) if isinstance(parts, list) else parts) > 0


@pytest.mark.parametrize("form", [".p", ".json", ".parquet"])
def test_every_format_is_read(refer_folder, form):
    dataset = load_dataset("refcoco", "testA", refer_folder.write(form))
    assert (dataset.name, dataset.split, dataset.split_by) == ("refcoco", "testA", "unc")
    assert dataset.ids == ("7",)
    assert dataset.queries == 3
    sample = dataset.sample("7")
    assert [(query.id, query.expression) for query in sample.queries] == [
        ("30", "Lower RIGHT box"),
        ("31", "the second"),
        ("20", "both at the top!"),
    ]
    np.testing.assert_array_equal(
        sample.queries[0].target, by_hand([[12, 12, 20, 12, 20, 20, 12, 20]])
    )
    np.testing.assert_array_equal(
        sample.queries[2].target, by_hand(refer_folder.annotations[0]["segmentation"])
    )


def test_a_sentence_without_its_raw_text_is_read_as_cleaned(refer_folder):
    del refer_folder.refs[0]["sentences"][0]["raw"]
    sample = load_dataset("refcoco", "testA", refer_folder.write()).sample("7")
    assert sample.queries[0].expression == "lower right box"


def test_texts_keep_their_letters(refer_folder):
    for form in (".p", ".json", ".parquet"):
        shutil.rmtree(refer_folder.root, ignore_errors=True)
        dataset = load_dataset("refcoco", "train", refer_folder.write(form))
        assert dataset.refs[0].sentences[0].text == "a caf\u00e9"


def test_instances_are_all_things_but_crowds(refer_folder):
    dataset = load_dataset("refcoco", "testA", refer_folder.write())
    sample = dataset.sample("7")
    assert sample.instances.details["annotation"].tolist() == [1, 4]
    assert sample.instances.details["category"].tolist() == [2, 1]
    assert sample.instances.details["category"].dtype == np.int64
    assert dataset.categories == {1: "one", 2: "two"}
    assert [query.instance for query in sample.queries] == [1, 1, 0]
    for query in sample.queries:
        np.testing.assert_array_equal(sample.instances.masks[query.instance], query.target)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_crowd_that_is_a_target_is_an_instance(refer_folder, compressed):
    segmentation = refer_folder.annotations[2]["segmentation"]
    expected = by_hand(segmentation)
    if compressed:
        counts = coco.frPyObjects(segmentation, HEIGHT, WIDTH)["counts"].decode()
        refer_folder.annotations[2]["segmentation"] = {**segmentation, "counts": counts}
    refer_folder.refs[0]["ann_id"] = 3
    sample = load_dataset("refcoco", "testA", refer_folder.write()).sample("7")
    assert sample.instances.details["annotation"].tolist() == [1, 3, 4]
    assert sample.queries[0].instance == 1
    np.testing.assert_array_equal(sample.queries[0].target, expected)
    assert expected.sum() == HEIGHT * (WIDTH + 1) // 3


def test_overlap_of_polygons_is_inside_unless_asked(refer_folder):
    root = refer_folder.write()
    union = load_dataset("refcoco", "testB", root)
    apart = load_dataset("refcoco", "testB", root, overlap_is_background=True)
    joined, split = union.sample("5"), apart.sample("5")
    first, second = map(by_hand, ([part] for part in refer_folder.annotations[1]["segmentation"]))
    np.testing.assert_array_equal(joined.queries[0].target, first | second)
    np.testing.assert_array_equal(split.queries[0].target, first ^ second)
    assert (first & second).sum() > 0
    # Proposals are things, whatever rule the targets follow.
    np.testing.assert_array_equal(split.instances.masks, joined.instances.masks)
    assert union.fingerprint != apart.fingerprint


def test_splits(refer_folder):
    root = refer_folder.write()
    found = {split: load_dataset("refcoco", split, root).ids for split in ("testB", "test", "all")}
    assert found == {"testB": ("5",), "test": ("7", "5"), "all": ("7", "5", "9")}
    with pytest.raises(
        ConfigurationError, match=r"no split 'val'; choose one of testA, testB, train, all"
    ):
        load_dataset("refcoco", "val", root)


def test_test_a_is_told_by_its_letter(refer_folder):
    refer_folder.refs[1]["split"] = "testAB"
    root = refer_folder.write()
    assert load_dataset("refcoco", "testA", root).ids == ("7", "5")
    assert load_dataset("refcoco", "testB", root).ids == ("5",)


def test_who_split_it(refer_folder):
    refer_folder.name, refer_folder.split_by = "refcocog", "umd"
    refer_folder.write()
    refer_folder.split_by = "google"
    refer_folder.refs = refer_folder.refs[1:2]
    refer_folder.write()
    assert load_dataset("refcocog", "all", refer_folder.root, split_by="google").queries == 1
    with pytest.warns(
        RefmaskWarning, match=r"refcocog \(umd\) all is not .* 4 refs instead of 49822"
    ):
        assert load_dataset("refcocog", "all", refer_folder.root).queries == 5
    with pytest.raises(ConfigurationError, match="'unc'; choose umd or google"):
        load_dataset("refcocog", "all", refer_folder.root, split_by="unc")


@pytest.mark.filterwarnings("error")
def test_counts_are_compared_with_published_ones(refer_folder, monkeypatch):
    for one in refer_folder.refs:
        one["split"] = "val"
    root = refer_folder.write()
    with pytest.warns(RefmaskWarning, match="instead of 3811") as caught:
        load_dataset("refcoco", "val", root)
    assert "5 sentences instead of 10834" in str(caught[0].message)
    monkeypatch.setitem(PUBLISHED, ("refcoco", "unc", "val"), (4, 3, 5))
    load_dataset("refcoco", "val", root)


def test_polygons_that_enclose_nothing_are_skipped(refer_folder):
    refer_folder.annotations[3]["segmentation"].append([3, 3, 4, 4])
    refer_folder.annotations[0]["segmentation"] = [[1, 1, 2, 2], []]
    refer_folder.refs = refer_folder.refs[:1]
    with pytest.warns(RefmaskWarning, match="left out 1 of 2 annotations of .*instances.json"):
        sample = load_dataset("refcoco", "testA", refer_folder.write()).sample("7")
    assert sample.instances.details["annotation"].tolist() == [4]
    assert sample.queries[0].target.sum() == 64


@pytest.mark.parametrize("segmentation", [[[3, 3, 4, 4]], [], None])
@pytest.mark.filterwarnings("ignore:left out .* annotations")
def test_refs_about_what_has_no_mask_are_left_out_and_counted(refer_folder, segmentation):
    refer_folder.annotations[3]["segmentation"] = segmentation
    with pytest.warns(RefmaskWarning, match="left out 1 of 2 refs .*have no mask"):
        dataset = load_dataset("refcoco", "testA", refer_folder.write())
    assert [query.id for query in dataset.sample("7").queries] == ["20"]
    assert dataset.queries == 1


def test_a_box_alone_is_no_annotation(refer_folder):
    refer_folder.annotations[5] = {"bbox": [1, 2, 3, 4], "id": 6, "image_id": 5, "category_id": 1}
    with pytest.warns(RefmaskWarning, match="left out 1 of 2 annotations"):
        sample = load_dataset("refcoco", "testB", refer_folder.write()).sample("5")
    assert sample.instances.details["annotation"].tolist() == [2]


def test_grefcoco_is_about_any_number_of_things(refer_folder):
    refer_folder.name, refer_folder.split_by = "grefcoco", "unc"
    for ref, things in zip(refer_folder.refs, ([4, 1], [2], [-1], [5]), strict=True):
        ref["ann_id"], ref["category_id"] = things, [1] * len(things)
    root = refer_folder.write(".json")
    refs = root / "grefcoco" / "refs(unc).json"
    refs.rename(refs.with_name("grefs(unc).json"))
    dataset = load_dataset("grefcoco", "testA", root)
    several, same, nothing = dataset.sample("7").queries
    assert several.target.sum() == 64 + 2 * 64
    assert several.instance is None
    assert same.target is several.target
    assert not nothing.target.any()
    assert nothing.target.shape == several.target.shape
    assert (several.targets, nothing.targets) == ((1, 0), ())
    assert (several.kind, nothing.kind) == ("several", "none")
    assert dataset.sample("7").may_be_absent
    assert dataset.sample("7").may_be_several
    (one, *_) = load_dataset("grefcoco", "testB", root).sample("5").queries
    assert one.instance is not None


def test_where_each_expression_is_about_one_thing_none_is_no_answer(refer_folder):
    sample = load_dataset("refcoco", "testA", refer_folder.write()).sample("7")
    assert (sample.may_be_absent, sample.may_be_several) == (False, False)
    assert {query.targets for query in sample.queries} == {None}
    assert {query.kind for query in sample.queries} == {None}


def test_one_thing_among_several_or_none(refer_folder):
    refer_folder.name = "grefcoco"
    for ref, things in zip(refer_folder.refs, ([4], [2], [-1], [5]), strict=True):
        ref["ann_id"], ref["category_id"] = things, [1]
        ref["sentences"][0]["kind"] = "attribute" if things == [-1] else None
    sample = load_dataset("grefcoco", "testA", refer_folder.write(".json")).sample("7")
    assert [query.targets for query in sample.queries] == [(1,), (1,), ()]
    assert [query.kind for query in sample.queries] == ["one", "one", "attribute"]
    assert sample.queries[0].instance == 1
    assert (sample.may_be_absent, sample.may_be_several) == (True, False)


def test_a_sentence_without_text_is_empty_and_no_fault(refer_folder):
    for said in refer_folder.refs[0]["sentences"]:
        said["raw"] = None
        said["sent"] = ""
    sample = load_dataset("refcoco", "testA", refer_folder.write()).sample("7")
    assert [query.expression for query in sample.queries] == ["", "", "both at the top!"]


@pytest.mark.parametrize(
    "name", ["sub\\caf\u00e9 7.jpg", "sub/caf%C3%A9%207.jpg", "sub/cafe\u0301 7.jpg"]
)
def test_images_are_found_however_the_table_spells_them(refer_folder, name):
    root = refer_folder.write()
    table = root / "refcoco" / "instances.json"
    content = json.loads(table.read_text())
    content["images"][0]["file_name"] = name
    table.write_text(json.dumps(content), encoding="utf-16")
    (refer_folder.images / "sub").mkdir()
    image = refer_folder.images / "COCO_train2014_7.jpg"
    image.rename(refer_folder.images / "sub" / "caf\u00e9 7.jpg")
    dataset = load_dataset("refcoco", "testA", root)
    assert dataset.missing_images() == []
    assert dataset.sample("7").image.shape == (24, 32, 3)


@pytest.mark.parametrize("name", ["/7.jpg", "../7.jpg", "..%2F7.jpg", "..\\7.jpg", "\ud800.jpg"])
def test_images_outside_the_folder_are_not_read(refer_folder, name):
    root = refer_folder.write()
    image = refer_folder.images / "COCO_train2014_7.jpg"
    shutil.copy(image, refer_folder.images.parent / "7.jpg")
    if name.startswith("/"):
        name = str(refer_folder.images.parent / "7.jpg")
    table = root / "refcoco" / "instances.json"
    content = json.loads(table.read_text())
    content["images"][0]["file_name"] = name
    table.write_text(json.dumps(content))
    dataset = load_dataset("refcoco", "testA", root)
    assert len(dataset.missing_images()) == 1
    with pytest.raises(ImageError, match=r"correct the name|from .*; check the path"):
        dataset.sample("7")


def test_a_target_without_pixels_is_no_instance(refer_folder):
    refer_folder.annotations[3]["segmentation"] = [[3, 3, 3, 3, 3, 3]]
    sample = load_dataset("refcoco", "testA", refer_folder.write()).sample("7")
    assert not sample.queries[0].target.any()
    assert [query.instance for query in sample.queries] == [None, None, 0]
    assert sample.instances.checked_for(sample.image) is sample.instances


@pytest.mark.parametrize(
    ("segmentation", "says"),
    [
        ({"size": [HEIGHT, WIDTH], "counts": [5]}, "damaged runs"),
        ({"size": [3, 3], "counts": [9]}, "3x3 pixels"),
        ([[1, 1, "2", 2, 3, 3]], "three corners"),
        ([[1, 1, 9e9, 2, 3, 3]], "far outside"),
        ("none", "no segmentation"),
    ],
)
def test_damaged_annotations_are_named(refer_folder, segmentation, says):
    refer_folder.annotations[3]["segmentation"] = segmentation
    dataset = load_dataset("refcoco", "testA", refer_folder.write())
    with pytest.raises(MaskError, match=f"annotation 4 .*{says}"):
        dataset.sample("7")


def test_refs_about_other_images_are_refused(refer_folder):
    root = refer_folder.write()
    del refer_folder.sizes[7]
    refer_folder.write()
    with pytest.raises(InputError, match=r"2 of 4 refs .* about images .* lacks \(first: 7\)"):
        load_dataset("refcoco", "all", root)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_refs_without_their_annotation_are_refused(refer_folder, elsewhere):
    if elsewhere:
        refer_folder.annotations[3]["image_id"] = 5
    else:
        del refer_folder.annotations[3]
    with pytest.raises(InputError, match=r"1 of 4 refs .* name annotations .* \(first: 4\)"):
        load_dataset("refcoco", "all", refer_folder.write())


def test_images_that_are_missing_or_of_another_size(refer_folder):
    dataset = load_dataset("refcoco", "all", refer_folder.write())
    assert dataset.missing_images() == []
    (refer_folder.images / "COCO_train2014_5.jpg").unlink()
    assert [path.name for path in dataset.missing_images()] == ["COCO_train2014_5.jpg"]
    with pytest.raises(ImageError, match=r"COCO_train2014_5\.jpg"):
        dataset.sample("5")
    shutil.copy(refer_folder.images / "COCO_train2014_7.jpg", refer_folder.images / "7.jpg")
    tables = refer_folder.folder / "instances.json"
    tables.write_text(tables.read_text().replace('"height": 24', '"height": 25'))
    with pytest.raises(ImageError, match=r"has 32x24 pixels, .* 32x25"):
        load_dataset("refcoco", "all", refer_folder.root).sample("7")
    with pytest.raises(ConfigurationError, match="id '8'"):
        dataset.sample("8")


def test_all_images_are_missing_without_their_folder(refer_folder):
    dataset = load_dataset("refcoco", "all", refer_folder.write())
    shutil.rmtree(refer_folder.root / "images")
    assert len(dataset.missing_images()) == 3


def test_images_may_lie_where_coco_has_them(refer_folder):
    root = refer_folder.write()
    refer_folder.images.rename(root / "train2014")
    shutil.rmtree(root / "images")
    assert load_dataset("refcoco", "all", root).sample("9").image.shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize(
    ("named", "value"),
    [("image_id", "[5]"), ("image_id", "{}"), ("height", "1e999"), ("category_id", "1e30")],
)
def test_tables_of_odd_values_are_refused(refer_folder, named, value):
    root = refer_folder.write()
    tables = refer_folder.folder / "instances.json"
    tables.write_text(re.sub(rf'"{named}": \d+', f'"{named}": {value}', tables.read_text()))
    with pytest.raises(InputError, match=r"instances\.json does not hold COCO's"):
        load_dataset("refcoco", "all", root)


@pytest.mark.parametrize("content", ["[1", "{}", '{"images": []}', '{"images": [3]}', "3"])
def test_damaged_tables_are_refused(refer_folder, content):
    root = refer_folder.write()
    (refer_folder.folder / "instances.json").write_text(content)
    with pytest.raises(
        InputError, match=r"instances\.json (does not hold COCO's|is not valid JSON)"
    ) as caught:
        load_dataset("refcoco", "all", root)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ann_id": ["4"]}, "ref 2 has no usable 'ann_id'"),
        ({"image_id": True}, "'image_id'"),
        ({"split": 3}, "'split'"),
        ({"sentences": "none"}, "'sentences'"),
        ({"sentences": [{"sent_id": 1}]}, "'raw'"),
        ({"sentences": [3]}, "'sentences'"),
    ],
)
def test_refs_without_a_field_are_refused(refer_folder, change, says):
    refer_folder.refs[2].update(change)
    with pytest.raises(InputError, match=says):
        load_dataset("refcoco", "all", refer_folder.write())


@pytest.mark.parametrize("content", ["{}", "[]", "[3]", "[", "null"])
def test_what_is_no_list_of_refs_is_refused(refer_folder, content):
    root = refer_folder.write(".json")
    (refer_folder.folder / "refs(unc).json").write_text(content)
    with pytest.raises(InputError, match=r"refs\(unc\)\.json"):
        load_dataset("refcoco", "all", root)


def test_a_damaged_parquet_file_is_refused(refer_folder):
    root = refer_folder.write(".parquet")
    (refer_folder.folder / "refs(unc).parquet").write_bytes(b"PAR1 and nothing else PAR1")
    with pytest.raises(InputError, match=r"refs\(unc\)\.parquet cannot be read as a Parquet table"):
        load_dataset("refcoco", "all", root)


def test_parquet_without_pyarrow_is_told(refer_folder, monkeypatch):
    root = refer_folder.write(".parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingResource, match=r'pip install "refmask\[parquet\]"'):
        load_dataset("refcoco", "all", root)


def test_files_that_are_missing_are_named(refer_folder):
    root = refer_folder.write()
    (refer_folder.folder / "instances.json").unlink()
    with pytest.raises(InputError, match=r"instances\.json.*refmask data check"):
        load_dataset("refcoco", "all", root)
    (refer_folder.folder / "refs(unc).p").unlink()
    with pytest.raises(InputError, match=r"has no refs; put one of refs\(unc\)\.json, "):
        load_dataset("refcoco", "all", root)


def test_the_fingerprint_is_of_the_content(refer_folder, tmp_path):
    root = refer_folder.write()
    first = load_dataset("refcoco", "all", root).fingerprint
    assert len(first) == len(hashlib.sha256().hexdigest())
    shutil.copytree(root, tmp_path / "copy")
    assert load_dataset("refcoco", "all", tmp_path / "copy").fingerprint == first
    assert load_dataset("refcoco", "test", root).fingerprint != first
    refer_folder.annotations[5]["segmentation"][0][0] = 15
    refer_folder.write()
    assert load_dataset("refcoco", "all", root).fingerprint != first


def test_loading_decodes_no_mask(refer_folder, monkeypatch):
    def never(*_: object, **__: object) -> BoolArray:
        raise AssertionError

    root = refer_folder.write()
    monkeypatch.setattr("refmask.data.tables.decode_segmentation", never)
    dataset = load_dataset("refcoco", "all", root)
    with pytest.raises(AssertionError):
        dataset.sample("7")


def test_a_folder_is_a_name(refer_folder):
    root = refer_folder.write()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shutil.copytree(refer_folder.folder, root / "mine")
        (root / "mine" / "refs(unc).p").rename(root / "mine" / "refs.p")
        for name, where in ((root / "mine", None), ("mine", root)):
            dataset = load_dataset(str(name), "testA", where)
            assert (dataset.name, dataset.ids) == ("mine", ("7",))
    with pytest.raises(ConfigurationError, match="several; add one of mine, refcoco"):
        load_dataset(str(root), "testA")
    with pytest.raises(ConfigurationError, match="refcoco, refcoco\\+, refcocog, grefcoco"):
        load_dataset("refcoc", "testA")
    with pytest.raises(ConfigurationError, match="refcoco is not shipped; give the folder"):
        load_dataset("refcoco", "testA")
    with pytest.raises(ConfigurationError, match="is not a folder"):
        load_dataset("refcoco", "testA", Path("nowhere"))


def test_settings_of_other_data_sets_are_refused(refer_folder):
    root = refer_folder.write()
    with pytest.raises(ConfigurationError, match="only phrasecut has subsets"):
        load_dataset("refcoco", "all", root, subset="seen")
    with pytest.raises(ConfigurationError, match="coco is split in one way"):
        load_dataset("coco", "all", root, split_by="umd")


def test_ids_are_texts_of_numbers_in_json(refer_folder):
    """What stands in a report can be found again in the files."""
    dataset = load_dataset("refcoco", "all", refer_folder.write())
    told = json.loads((refer_folder.folder / "instances.json").read_text())
    assert set(dataset.ids) == {str(image["id"]) for image in told["images"]}


def test_a_name_that_no_system_takes_is_a_missing_image(refer_folder):
    root = refer_folder.write()
    tables = refer_folder.folder / "instances.json"
    tables.write_text(tables.read_text().replace("COCO_train2014_5.jpg", "a" * 300 + ".jpg"))
    dataset = load_dataset("refcoco", "all", root)
    assert len(dataset.missing_images()) == 1
    with pytest.raises(ImageError, match=r"aaa\.jpg"):
        dataset.sample("5")
