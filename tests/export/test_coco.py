"""COCO files, read by pycocotools and supervision."""

import json
from dataclasses import replace

import numpy as np
import pytest
import supervision
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from refmask.export import export


@pytest.fixture(params=["coco", "coco-polygons"])
def folder(request, answers, tmp_path):
    export(request.param, answers, tmp_path / request.param)
    return tmp_path / request.param


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


# pycocotools 2.0.11 is compiled for an older NumPy, which says so when masks are decoded.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_reads_the_masks(folder, answers, masks):
    truth = COCO(folder / "instances.json")
    assert sorted(image["file_name"] for image in truth.loadImgs(truth.getImgIds())) == [
        "a.png",
        "sub/a.png",
    ]
    found = truth.loadAnns(truth.getAnnIds(imgIds=[1]))
    names = {c["id"]: c["name"] for c in truth.loadCats(truth.getCatIds())}
    assert [names[row["category_id"]] for row in found] == [
        answers[n].expression for n in (0, 1, 3)
    ]
    for row, mask in zip(found, masks.values(), strict=True):
        redrawn = truth.annToMask(row).astype(bool)
        assert iou(redrawn, mask) > 0.95
        if folder.name == "coco":
            assert np.array_equal(redrawn, mask)
        assert row["area"] == mask.sum()
        left, top, width, height = (int(number) for number in row["bbox"])
        assert mask[top : top + height, left : left + width].sum() == mask.sum()
        assert mask[top, left : left + width].any()
    assert not truth.getAnnIds(imgIds=[2])


def test_results_are_evaluated_against_the_instances(answers, tmp_path):
    export("coco", answers, tmp_path / "out")
    truth = COCO(tmp_path / "out" / "instances.json")
    results = truth.loadRes(str(tmp_path / "out" / "results.json"))
    for kind in ("segm", "bbox"):
        judged = COCOeval(truth, results, kind)
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
        assert judged.stats[0] == pytest.approx(1)


def test_scores_of_results_are_confidences(answers, tmp_path):
    export("coco", answers, tmp_path / "out")
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [row["score"] for row in content] == [0.9, 0.8, 0.3]


def test_answers_without_confidence_score_zero(doubtful, origin, tmp_path):
    export("coco", doubtful, tmp_path / "out")
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [row["score"] for row in content] == [0.9, 0.8, 0.0]
    instances = json.loads((tmp_path / "out" / "instances.json").read_text())
    last = instances["annotations"][2]["attributes"]
    assert (last["confidence"], last["unsure"], last["reason"]) == (None, True, "one region only")
    assert instances["info"]["provenance"] == [last["provenance"]] == [origin.to_dict()]


def test_supervision_reads_the_polygons(answers, masks, tmp_path):
    export("coco-polygons", answers, tmp_path / "out")
    data = supervision.DetectionDataset.from_coco(
        str(tmp_path / "photos"), str(tmp_path / "out" / "instances.json")
    )
    assert data.classes == [answers[n].expression for n in (0, 1, 3)]
    found = data.annotations[str(tmp_path / "photos" / "a.png")]
    assert [
        iou(mask, made) > 0.85 for mask, made in zip(found.mask, masks.values(), strict=True)
    ] == [True, True, True]


def test_one_image_under_several_names_is_one(answers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = ["caf\u00e9.png", "./sub/../cafe\u0301.png", str(tmp_path / "caf\u00e9.png")]
    same = [replace(answers[0], image=name) for name in named]
    export("coco", same, tmp_path / "out")
    content = json.loads((tmp_path / "out" / "instances.json").read_text())
    assert [image["file_name"] for image in content["images"]] == ["caf\u00e9.png"]
    assert [row["image_id"] for row in content["annotations"]] == [1, 1, 1]
