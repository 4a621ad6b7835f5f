"""Reading written scenes back, without the font and without opening a pickle."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from refmask.data.scenes.writing import FOLDER, IMAGES, Record
from refmask.errors import ImageError, InputError
from refmask.ops import rle
from refmask.types import Bytes, MaskProposals, Query, Sample

#: The small rendered set that comes with the package.
SHIPPED = Path(__file__).parents[2] / "assets" / "scenes"


def read_scenes(root: Path = SHIPPED, split: str | None = None) -> Iterator[Sample]:
    """The samples of a folder written by ``write_scenes``, in the order of their pictures.

    Args:
        root: the folder; the shipped set when not given.
        split: "val" (combinations as in training), "test" (held-out ones), or None for both.

    Raises:
        InputError: when the folder is not a written set, or has no such split.
    """
    tables, refs = _load(root / FOLDER / "instances.json"), _load(root / FOLDER / "refs.json")
    try:
        splits = {ref["split"] for ref in refs}
        annotations = _by_image(tables["annotations"])
        wanted = _by_image([ref for ref in refs if split in (None, ref["split"])])
        images = [image for image in tables["images"] if image["id"] in wanted]
    except (KeyError, TypeError) as error:
        raise InputError(
            f"expected COCO instances and REFER's refs in {root / FOLDER}, found no {error}; "
            "write the set anew with 'refmask scenes generate'"
        ) from error
    if split is not None and split not in splits:
        raise InputError(
            f"expected one of the splits {', '.join(sorted(splits))} of {root}, got {split!r}; "
            "choose one of them"
        )
    return (_sample(root, image, annotations[image["id"]], wanted[image["id"]]) for image in images)


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(
            f"expected a table of scenes at {path}, got {error}; "
            "name a folder written by 'refmask scenes generate'"
        ) from error


def _by_image(records: list[Record]) -> dict[int, list[Record]]:
    groups: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        groups[record["image_id"]].append(record)
    return groups


def _sample(root: Path, image: Record, annotations: list[Record], refs: list[Record]) -> Sample:
    # Objects have lower ids than surfaces: the order of ids is the order of the instances.
    annotations = sorted(annotations, key=lambda record: int(record["id"]))
    masks = {record["id"]: rle.decode(record["segmentation"]) for record in annotations}
    queries = [
        Query(str(said["sent_id"]), said["sent"], masks[ref["ann_id"]], said.get("kind"))
        for ref in refs
        for said in ref["sentences"]
    ]
    instances = MaskProposals(np.stack(list(masks.values())))
    pixels = _pixels(root / IMAGES / image["file_name"])
    return Sample(str(image["id"]), pixels, tuple(queries), instances)


def _pixels(path: Path) -> Bytes:
    try:
        with Image.open(path) as picture:
            return np.array(picture.convert("RGB"))
    except OSError as error:
        raise ImageError(
            f"expected a picture at {path}, got {error}; write the set of scenes anew"
        ) from error
