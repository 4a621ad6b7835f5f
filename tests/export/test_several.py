"""Several things that answer one phrase stay several, where a format has instances."""

import json

import numpy as np
import pytest
from PIL import Image

from refmask.export import EXPORTERS, export


def read(folder, file):
    return json.loads((folder / file).read_text())


#: The areas of what a format holds for the first image, by the order of its instances.
COUNTS = {
    "coco": lambda folder: [a["area"] for a in read(folder, "instances.json")["annotations"]],
    "coco-polygons": lambda folder: [
        a["area"] for a in read(folder, "instances.json")["annotations"]
    ],
    "png": lambda folder: [
        int((np.array(Image.open(folder / row["file"])) > 0).sum())
        for row in read(folder, "masks.json")
    ],
    "polygons": lambda folder: [o["area"] for o in read(folder, "polygons.json")[0]["objects"]],
    "labelme": lambda folder: [
        s["label"] == "both things" for s in read(folder, "a.json")["shapes"]
    ],
    "label-studio": lambda folder: [
        region["value"]["brushlabels"] == ["both things"]
        for region in read(folder, "tasks.json")[0]["predictions"][0]["result"]
    ],
    "yolo": lambda folder: [
        line.startswith("0 ") for line in (folder / "labels/a.txt").read_text().splitlines()
    ],
    "palette": lambda folder: [int((np.array(Image.open(folder / "a.png")) == 1).sum())],
}


@pytest.mark.parametrize("name", EXPORTERS)
def test_each_thing_is_an_instance(name, several, masks, tmp_path):
    export(name, several, tmp_path / "out")
    frame, disk = int(masks["frame"].sum()), int(masks["disk"].sum())
    found = COUNTS[name](tmp_path / "out")
    if name == "palette":  # a label map has no instances
        assert found == [int((masks["frame"] | masks["disk"]).sum())]
    else:
        assert found in ([frame, disk], [True, True])
