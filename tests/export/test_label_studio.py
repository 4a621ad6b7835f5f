"""Label Studio's tasks, decoded by Label Studio's own converter."""

import dataclasses
import json
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from label_studio_sdk.converter.brush import decode_rle
from label_studio_sdk.label_interface import LabelInterface

from refmask.export import export
from refmask.export.collection import Options
from refmask.export.label_studio import brush_rle, label_config
from refmask.ops import rle


@given(arrays.arrays(np.bool_, arrays.array_shapes(min_dims=2, max_dims=2, max_side=40)))
@settings(deadline=None, max_examples=60)
def test_its_own_decoder_gives_the_mask_back(mask):
    pixels = decode_rle(brush_rle(mask)).reshape(*mask.shape, 4)
    for channel in range(4):
        assert np.array_equal(pixels[..., channel], mask * np.uint8(255))


@pytest.mark.parametrize("runs", [[16384], [16385], [5, 16384 * 3], [1, 40_000, 7], [4, 64, 1024]])
def test_runs_of_every_length(runs):
    mask = np.repeat(np.arange(len(runs)) % 2 == 1, runs)[None]
    pixels = decode_rle(brush_rle(mask)).reshape(*mask.shape, 4)
    assert np.array_equal(pixels[..., 3] > 0, mask)


@pytest.fixture
def tasks(answers, tmp_path):
    export("label-studio", answers, tmp_path / "out")
    return json.loads((tmp_path / "out" / "tasks.json").read_text())


def test_every_image_is_a_task_with_both_kinds_of_prediction(tasks):
    assert [task["data"]["image"] for task in tasks] == [
        "/data/local-files/?d=a.png",
        "/data/local-files/?d=sub/a.png",
    ]
    brushed, outlined = tasks[0]["predictions"]
    assert [len(brushed["result"]), len(outlined["result"])] == [3, 4]
    assert brushed["score"] == outlined["score"] == 0.3
    assert [prediction["result"] for prediction in tasks[1]["predictions"]] == [[], []]
    ids = [region["id"] for region in brushed["result"] + outlined["result"]]
    assert len(ids) == len(set(ids))
    for region in brushed["result"] + outlined["result"]:
        assert (region["original_width"], region["original_height"]) == (80, 60)
    for prediction in (brushed, outlined):
        assert prediction["result"][-1]["meta"] == {
            "text": ["左の things", "confidence 30%, UNSURE", "emoji model"]
        }


def test_both_kinds_redraw_the_masks(tasks, masks):
    brushed, outlined = (prediction["result"] for prediction in tasks[0]["predictions"])
    for region, mask in zip(brushed, masks.values(), strict=True):
        pixels = decode_rle(region["value"]["rle"]).reshape(60, 80, 4)
        assert np.array_equal(pixels[..., 3] > 0, mask)
    for number, mask in enumerate(masks.values(), 1):
        corners = [
            (np.array(region["value"]["points"]) * (0.8, 0.6)).ravel().tolist()
            for region in outlined
            if region["id"].startswith(f"polygon-{number}-")
        ]
        drawn = rle.from_polygons(corners, 60, 80)
        assert (drawn & mask).sum() / (drawn | mask).sum() > 0.95


def test_the_configuration_knows_every_tag_and_label(tasks, tmp_path):
    root = ElementTree.parse(tmp_path / "out" / "label-config.xml").getroot()
    for prediction, kind in zip(tasks[0]["predictions"], ("Brush", "Polygon"), strict=True):
        tag = root.find(f"{kind}Labels")
        labels = {label.get("value") for label in tag}
        for region in prediction["result"]:
            assert region["type"] == f"{kind.lower()}labels"
            assert (region["from_name"], region["to_name"]) == (tag.get("name"), tag.get("toName"))
            assert set(region["value"][region["type"]]) <= labels
    assert root.find("Image").get("name") == "image"


def test_label_studio_finds_nothing_wrong(tasks, tmp_path):
    configuration = LabelInterface((tmp_path / "out" / "label-config.xml").read_text())
    configuration.validate()
    for prediction in (one for task in tasks for one in task["predictions"]):
        assert configuration.validate_prediction(prediction, return_errors=True) == []
    tasks[0]["predictions"][0]["result"][0]["value"]["brushlabels"] = ["never heard of"]
    assert configuration.validate_prediction(tasks[0]["predictions"][0], return_errors=True)


def test_another_prefix(answers, tmp_path):
    export("label-studio", answers[:1], tmp_path / "out", Options(image_prefix="https://h/p/"))
    (task,) = json.loads((tmp_path / "out" / "tasks.json").read_text())
    assert task["data"]["image"] == "https://h/p/a.png"


@pytest.mark.parametrize(
    "text",
    [
        "${alert(1)}",
        "<img src=x onerror=alert(1)>",
        '"/><Style>*{display:none}</Style><Label value="',
        "]]></View><!--",
        "&entity; &#60;script>",
        "a\nb\tc",
        "bell \x07, vertical tab \x0b, \ufffe",
    ],
)
def test_labels_are_text_whatever_is_in_them(answers, tmp_path, text):
    given = dataclasses.replace(answers[1], expression=text)
    export("label-studio", [given], tmp_path / "out")
    ((task,), config) = (
        json.loads((tmp_path / "out" / "tasks.json").read_text()),
        (tmp_path / "out" / "label-config.xml").read_text(),
    )
    (brushed, outlined) = (one["result"][0]["value"] for one in task["predictions"])
    root = ElementTree.fromstring(config)
    assert [tag.tag for tag in root.iter()] == (
        ["View", "Image", "BrushLabels", "Label", "PolygonLabels", "Label"]
    )
    labels = {tag.get("value") for tag in root.iter("Label")}
    assert labels == {*brushed["brushlabels"], *outlined["polygonlabels"]}
    shown = "bell \ufffd, vertical tab \ufffd, \ufffd" if "bell" in text else text
    assert labels == {shown}
    LabelInterface(config).validate()


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=3))
@settings(deadline=None, max_examples=60)
def test_every_configuration_is_xml(labels):
    tags = ElementTree.fromstring(label_config(labels)).iter("Label")
    assert len({tag.get("value") for tag in tags}) <= len(set(labels))
