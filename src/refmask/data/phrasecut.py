"""PhraseCut: phrases about regions of Visual Genome's images, often several objects at once::

    ROOT/refer_test.json            tasks: a phrase and its polygons
    ROOT/image_data_split.json      the size and the address of each image
    ROOT/images/2328797.jpg ...     the images, by id

The files may also be in ROOT/VGPhraseCut_v0, where PhraseCut's download puts them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from refmask.data.categories import NAMES
from refmask.data.choice import Choice
from refmask.data.files import (
    check_counts,
    fingerprint,
    missing,
    no_image,
    read,
    read_annotated,
)
from refmask.errors import ConfigurationError, InputError, MaskError
from refmask.ops.reading import MISSHAPEN, parse_json, whole
from refmask.ops.segmentations import OUTSIDE, is_number
from refmask.types import BoolArray, Query, Sample

SIZES = "image_data_split.json"
FOLDER = "VGPhraseCut_v0"
SPLITS = ("train", "val", "test", "miniv")

#: Images and phrases per split, as published.
PUBLISHED = {
    "train": {"images": 71746, "phrases": 310816},
    "val": {"images": 2971, "phrases": 20316},
    "test": {"images": 2545, "phrases": 14354},
    "miniv": {"images": 100, "phrases": 821},
}


@dataclass(frozen=True, eq=False)
class Task:
    """One phrase with the polygons of all objects that it refers to."""

    id: str
    image: int
    phrase: str
    kind: str | None
    polygons: list[list[tuple[float, ...]]]


class PhraseCutDataset:
    """A split of PhraseCut; the phrases of an image come in the file's order.

    Attributes:
        name: "phrasecut".
        split: "train", "val", "test" or "miniv".
        subset: "all", "seen" (the phrase's class is one of COCO's 80 names) or "unseen".
        categories: empty; there are no instances.
        ids: of the images, in the order of their first phrase.
        queries: number of phrases.
        fingerprint: SHA-256 over both files, the split and the subset.

    Raises:
        ConfigurationError: when the root or the split does not exist.
        InputError: when a file is missing or damaged, or the two do not match.
    """

    def __init__(self, choice: Choice) -> None:
        if choice.split not in SPLITS:
            raise ConfigurationError(
                f"phrasecut has no split '{choice.split}'; choose one of {', '.join(SPLITS)}"
            )
        self.name, self.split, self.subset = choice.name, choice.split, choice.subset
        self.categories: dict[int, str] = {}
        inner = choice.folder / FOLDER
        self.folder = inner if inner.is_dir() else choice.folder
        path = self.folder / f"refer_{choice.split}.json"
        phrases, sizes = read(path), read(self.folder / SIZES)
        tasks = _tasks(phrases, path, choice.subset)
        self._sizes = _sizes(sizes, self.folder / SIZES, {task.image for task in tasks})
        self._by_image: dict[str, list[Task]] = defaultdict(list)
        for task in tasks:
            self._by_image[str(task.image)].append(task)
        self.ids = tuple(self._by_image)
        self.queries = len(tasks)
        self.fingerprint = fingerprint((choice.name, choice.split, choice.subset), phrases, sizes)
        if choice.subset == "all":
            counts = {"images": len(self.ids), "phrases": self.queries}
            check_counts(f"phrasecut {choice.split}", counts, PUBLISHED[choice.split])

    def sample(self, image_id: str) -> Sample:
        """One image and its phrases; a target is the union of its polygons.

        Raises:
            ImageError: when the image is missing, damaged, or of another size than annotated.
            MaskError: when a phrase has no polygon that can be drawn.
            ConfigurationError: when the split has no such image.
        """
        tasks = self._by_image.get(image_id)
        if tasks is None:
            raise no_image("phrasecut", image_id)
        height, width = self._sizes[int(image_id)]
        image = read_annotated(self._images, f"{image_id}.jpg", height, width)
        queries = tuple(
            Query(task.id, task.phrase, _mask(task, height, width), task.kind) for task in tasks
        )
        return Sample(image_id, image, queries, may_be_several=True)

    def missing_images(self) -> list[Path]:
        """Image files of the split that do not exist."""
        return missing(self._images, (f"{image}.jpg" for image in self.ids))

    @property
    def _images(self) -> Path:
        return self.folder / "images"


def _tasks(content: bytes, path: Path, subset: str) -> list[Task]:
    """The tasks of a file that belong to a subset.

    A class is seen when COCO has a category of exactly its name, else unseen; a task without a
    phrase structure has no class and is in neither.
    """
    records, tasks = parse_json(content, path), []
    try:
        for record in records:
            structure = record.get("phrase_structure") or {}
            name = structure.get("name")
            if subset != "all" and (name is None or (name in NAMES) != (subset == "seen")):
                continue
            tasks.append(
                Task(
                    id=str(record["task_id"]),
                    image=whole(record["image_id"]),
                    phrase=str(record["phrase"]),
                    kind=structure.get("type"),
                    polygons=[list(map(tuple, p)) for group in record["Polygons"] for p in group],
                )
            )
    except MISSHAPEN as error:
        raise InputError(
            f"{path} does not hold PhraseCut's tasks: task {len(tasks)} has no usable {error}; "
            "fetch it again"
        ) from None
    return tasks


def _sizes(content: bytes, path: Path, wanted: set[int]) -> dict[int, tuple[int, int]]:
    """Height and width of the images by id."""
    records = parse_json(content, path)
    try:
        sizes = {
            whole(record["image_id"]): (whole(record["height"]), whole(record["width"]))
            for record in records
        }
    except MISSHAPEN as error:
        raise InputError(
            f"{path} does not hold ids and sizes of images: no usable {error}; fetch it again"
        ) from None
    absent = sorted(wanted - set(sizes))
    if absent:
        raise InputError(
            f"{path} lacks the sizes of {len(absent)} of {len(wanted)} images "
            f"(first: {', '.join(map(str, absent[:3]))}); fetch both files from one source"
        )
    return sizes


def _mask(task: Task, height: int, width: int) -> BoolArray:
    """The union of a task's polygons as bool (H, W), drawn as in PhraseCut's own code.

    Coordinates are truncated; polygons of fewer than two points are skipped.
    """
    usable = [polygon for polygon in task.polygons if len(polygon) >= 2]
    limit = OUTSIDE * max(height, width)
    if not usable or not all(
        len(point) == 2 and all(is_number(side) and abs(side) <= limit for side in point)
        for polygon in usable
        for point in polygon
    ):
        raise MaskError(
            f"task {task.id} of image {task.image} has no usable polygon [[x, y], ...] of two "
            "points or more in or near the image; fetch the annotations again"
        )
    canvas = Image.new("L", (width, height), 0)
    pen = ImageDraw.Draw(canvas)
    for polygon in usable:
        pen.polygon([(int(x), int(y)) for x, y in polygon], outline=1, fill=1)
    return np.array(canvas, np.bool_)


load = PhraseCutDataset
