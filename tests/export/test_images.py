"""Masks as PNGs, read by Pillow, and as plain polygons."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from refmask import ConfigurationError
from refmask.export import export
from refmask.export.png import voc_colours
from refmask.ops import rle


def test_pixels_of_a_palette_image_are_labels_of_the_legend(answers, masks, origin, tmp_path):
    export("palette", answers, tmp_path / "out")
    legend = json.loads((tmp_path / "out" / "legend.json").read_text())
    assert [row["label"] for row in legend] == ["background"] + [
        answers[n].expression for n in (0, 1, 3)
    ]
    with Image.open(tmp_path / "out" / "a.png") as image:
        assert image.mode == "P"
        pixels, seen = np.array(image), np.array(image.convert("RGB"))
    for pixel, mask in enumerate(masks.values(), 1):
        assert np.array_equal(pixels == pixel, mask)
    assert "unsure" not in legend[0]
    assert all(row["provenance"] == [origin.to_dict()] for row in legend[1:])
    unsure = {answers[n].expression: answers[n].reason for n in (0, 1, 3) if answers[n].unsure}
    assert unsure
    assert {row["label"]: row["unsure"]["a.png"] for row in legend[1:] if row["unsure"]} == unsure
    for row in legend:
        assert (seen[pixels == row["pixel"]] == row["colour"]).all()
    with Image.open(tmp_path / "out" / "a-2.png") as image:
        assert not np.array(image).any()
        assert image.text == {"Source": str(origin)}


def test_where_instances_overlap_the_more_confident_one_is_on_top(answers, masks, tmp_path):
    under = dataclasses.replace(
        answers[1], instances=answers[0].instances
    )  # 80 % where another has 90 %
    for number, order in enumerate(([under, answers[0]], [answers[0], under])):
        export("palette", order, tmp_path / str(number))
        with Image.open(tmp_path / str(number) / "a.png") as image:
            pixels = np.array(image)
        assert (pixels[masks["disk"]] == order.index(answers[0]) + 1).all()


def test_the_colours_are_those_of_voc():
    colours = voc_colours()
    assert colours.shape == (256, 3)
    assert len(np.unique(colours, axis=0)) == 256
    known = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 7: (128, 128, 128), 15: (192, 128, 128)}
    known |= {20: (0, 64, 128), 255: (224, 224, 192)}
    assert {number: tuple(colours[number]) for number in known} == known


def test_a_palette_holds_254_labels(answers, tmp_path):
    many = [dataclasses.replace(answers[0], expression=f"thing {n}") for n in range(255)]
    export("palette", many[:254], tmp_path / "most")
    with pytest.raises(ConfigurationError, match=r"at most 254 labels, not 255"):
        export("palette", many, tmp_path / "more")


def test_a_png_for_every_object(answers, masks, tmp_path):
    export("png", answers, tmp_path / "out")
    rows = json.loads((tmp_path / "out" / "masks.json").read_text())
    assert [row["file"] for row in rows] == [
        "a/01-the-round-thing.png",
        "a/02-a-red-frame.png",
        "a/03-左の-things.png",
    ]
    for row, mask in zip(rows, masks.values(), strict=True):
        with Image.open(tmp_path / "out" / row["file"]) as image:
            assert np.array_equal(np.array(image), mask * np.uint8(255))


def test_polygons_redraw_the_masks(answers, masks, tmp_path):
    export("polygons", answers, tmp_path / "out")
    first, second = json.loads((tmp_path / "out" / "polygons.json").read_text())
    assert (first["height"], first["width"], second["objects"]) == (60, 80, [])
    for instance, mask in zip(first["objects"], masks.values(), strict=True):
        corners = [np.ravel(polygon).tolist() for polygon in instance["polygons"]]
        drawn = rle.from_polygons(corners, 60, 80)
        assert (drawn & mask).sum() / (drawn | mask).sum() > 0.95
        assert instance["area"] == mask.sum()
