"""Small data sets in the layouts of the real ones."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

HEIGHT, WIDTH = 24, 32

Record = dict[str, Any]


def box(left: int, top: int, right: int, bottom: int) -> list[int]:
    """A rectangle as a polygon."""
    return [left, top, right, top, right, bottom, left, bottom]


def annotation(number: int, image: int, segmentation: Any, **more: Any) -> Record:
    return {
        "id": number,
        "image_id": image,
        "category_id": 1 + number % 2,
        "segmentation": segmentation,
        "iscrowd": 0,
        **more,
    }


def ref(number: int, about: int, image: int, split: str, *said: str, **more: Any) -> Record:
    sentences = [
        {"tokens": text.split(), "raw": text, "sent": text.lower(), "sent_id": 10 * number + row}
        for row, text in enumerate(said)
    ]
    return {
        "ref_id": number,
        "ann_id": about,
        "image_id": image,
        "category_id": 1 + about % 2,
        "split": split,
        "file_name": f"COCO_train2014_{image}_{about}.jpg",
        "sent_ids": [one["sent_id"] for one in sentences],
        "sentences": sentences,
        **more,
    }


#: Two rectangles that share 4 x 4 pixels.
OVERLAPPING = [box(2, 2, 10, 10), box(6, 6, 14, 14)]
#: Every third column, in runs of column-major order.
STRIPES = {"size": [HEIGHT, WIDTH], "counts": [0, *([HEIGHT, 2 * HEIGHT] * 10), HEIGHT, HEIGHT]}


@dataclass
class ReferFolder:
    """A data set in REFER's layout that a test may change before it writes it."""

    root: Path
    name: str = "refcoco"
    split_by: str = "unc"
    sizes: dict[int, tuple[int, int]] = field(
        default_factory=lambda: {7: (HEIGHT, WIDTH), 5: (HEIGHT, WIDTH), 9: (HEIGHT, WIDTH)}
    )
    annotations: list[Record] = field(
        default_factory=lambda: [
            annotation(1, 7, [box(1, 1, 9, 9), box(20, 4, 28, 12)]),
            annotation(2, 5, OVERLAPPING),
            annotation(3, 7, STRIPES, iscrowd=1),
            annotation(4, 7, [box(12, 12, 20, 20)]),
            annotation(5, 9, [box(3, 3, 8, 8)]),
            annotation(6, 5, [box(16, 16, 24, 22)]),
        ]
    )
    refs: list[Record] = field(
        default_factory=lambda: [
            ref(3, 4, 7, "testA", "Lower RIGHT box", "the second"),
            ref(1, 2, 5, "testB", "two that overlap"),
            ref(2, 1, 7, "testA", "both at the top!"),
            ref(4, 5, 9, "train", "a caf\u00e9"),
        ]
    )

    @property
    def images(self) -> Path:
        return self.root / "images" / "mscoco" / "images" / "train2014"

    @property
    def folder(self) -> Path:
        return self.root / self.name

    def write(self, form: str = ".p") -> Path:
        """Write everything; returns the root."""
        self.images.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(exist_ok=True)
        for number, (height, width) in self.sizes.items():
            pixels = np.full((height, width, 3), number * 20, np.uint8)
            Image.fromarray(pixels).save(self.images / f"COCO_train2014_{number}.jpg")
        images = [
            {"id": number, "file_name": f"COCO_train2014_{number}.jpg", "height": h, "width": w}
            for number, (h, w) in self.sizes.items()
        ]
        tables = {
            "images": images,
            "annotations": self.annotations,
            "categories": [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}],
        }
        (self.folder / "instances.json").write_text(json.dumps(tables))
        self.write_refs(form)
        return self.root

    def write_refs(self, form: str) -> Path:
        path = self.folder / f"refs({self.split_by}){form}"
        if form == ".json":
            path.write_text(json.dumps(self.refs))
        elif form == ".parquet":
            import pyarrow
            from pyarrow.parquet import write_table

            write_table(pyarrow.Table.from_pylist(self.refs), path)
        else:
            path.write_bytes(pickle.dumps(self.refs, protocol=2))
        return path


@pytest.fixture
def refer_folder(tmp_path: Path) -> ReferFolder:
    return ReferFolder(tmp_path / "refer")


def _task(number: int, image: int, name: str | None, polygons: Any, **more: Any) -> Record:
    return {
        "task_id": f"{image}__{number}",
        "image_id": image,
        "ann_ids": [number],
        "phrase": f"the {name or 'thing'} of {number}",
        "instance_boxes": [[1, 1, 4, 4]],
        "Polygons": polygons,
        "phrase_structure": {"name": name, "attributes": [], "type": "name"} if name else None,
        **more,
    }


@dataclass
class PhraseCutFolder:
    """A data set in PhraseCut's layout that a test may change before it writes it."""

    root: Path
    tasks: list[Record] = field(
        default_factory=lambda: [
            # Two things, the second of two parts; coordinates are truncated, not rounded.
            _task(
                1,
                40,
                "hill",
                [
                    [[[1.9, 1.9], [5.9, 1.9], [5.9, 5.9], [1.9, 5.9]]],
                    [[[10, 10], [14, 10], [14, 14], [10, 14]], [[12, 12], [16, 12], [16, 16]]],
                ],
            ),
            _task(2, 30, "hot dog", [[[[2, 2], [6, 2], [6, 6]]]]),
            _task(3, 40, "dogs", [[[[2, 2], [6, 2], [6, 6]], [[3, 3]]]]),
            _task(4, 30, None, [[[[2, 2], [6, 2], [6, 6]]]]),
        ]
    )

    def write(self, inner: str = "") -> Path:
        folder = self.root / inner
        (folder / "images").mkdir(parents=True)
        (folder / "refer_test.json").write_text(json.dumps(self.tasks))
        sizes = [{"image_id": n, "height": HEIGHT, "width": WIDTH} for n in (30, 40, 50)]
        (folder / "image_data_split.json").write_text(json.dumps(sizes))
        for number in (30, 40):
            Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "images" / f"{number}.jpg")
        return self.root


@pytest.fixture
def phrasecut_folder(tmp_path: Path) -> PhraseCutFolder:
    return PhraseCutFolder(tmp_path / "phrasecut")


@pytest.fixture
def coco_root(tmp_path: Path) -> Path:
    """COCO's layout with one split of two images, the second without annotations."""
    root = tmp_path / "coco"
    (root / "annotations").mkdir(parents=True)
    (root / "val2014").mkdir()
    images = [
        {"id": number, "file_name": f"{number}.jpg", "height": HEIGHT, "width": WIDTH}
        for number in (3, 2)
    ]
    tables = {
        "images": images,
        "annotations": [
            annotation(11, 3, [box(1, 1, 9, 9)]),
            annotation(12, 3, STRIPES, iscrowd=1),
            annotation(14, 3, OVERLAPPING),
        ],
        "categories": [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}],
    }
    (root / "annotations" / "instances_val2014.json").write_text(json.dumps(tables))
    for image in images:
        Image.new("RGB", (WIDTH, HEIGHT)).save(root / "val2014" / image["file_name"])
    return root
