"""Masks of a COCO file: polygons and run-length encodings.

The file is an object with ``annotations`` and perhaps ``images``, or a bare list as detectors write
it: ``[{"segmentation": ..., "score": ..., "image_id": ...}, ...]``. When it tells of several
images, the one asked for is found by the image's file name or, failing that, by its size.

Crowds are no proposals. Annotations without a mask, such as a box alone, are left out, of which a
RefmaskWarning tells.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from refmask.errors import MaskError
from refmask.limits import check_masks
from refmask.ops.finding import image_key, image_stem
from refmask.ops.reading import check_file, read_json
from refmask.ops.segmentations import (
    decode_segmentation,
    draws,
    is_number,
    tell_undrawn,
    without_slivers,
)
from refmask.types import BoolArray, FloatArray, as_quality, sealed


@lru_cache(maxsize=1)
def _parsed(path: Path, changed: int, size: int) -> Any:  # noqa: ARG001
    """A file's content, parsed once for all its images as long as it stays as it is."""
    return read_json(path, "masks", MaskError)


class CocoMasks:
    """The masks of one COCO file.

    Raises:
        MaskError: when the file is no JSON or not of COCO's form.
    """

    def __init__(self, path: Path, stem: str | None) -> None:
        self.path, self.stem = path, stem
        size = check_file(path, "masks", MaskError)
        content = _parsed(path, path.stat().st_mtime_ns, size)
        whole = content if isinstance(content, dict) else {"annotations": content}
        self.annotations = self._usable(self._records(whole.get("annotations"), "annotations"))
        self.images = self._records(whole.get("images", []), "images")

    def read(self, height: int, width: int) -> tuple[BoolArray, FloatArray]:
        """Masks bool (N, H, W) and quality float32 (N,) for an image of that size."""
        chosen = self._of_image(height, width)
        check_masks((len(chosen), height, width), f"'{self.path}'")
        masks = np.zeros((len(chosen), height, width), np.bool_)
        scores = []
        for index, annotation in enumerate(chosen):
            where = f"annotation {index} of '{self.path}'"
            segmentation = without_slivers(annotation["segmentation"])
            masks[index] = decode_segmentation(segmentation, where, height, width)
            score = annotation.get("score", 1.0)
            if not is_number(score):
                raise MaskError(
                    f"{where} has the score {str(score)[:60]}; make it a finite number, or leave "
                    "it out"
                )
            scores.append(score)
        return sealed(masks), as_quality(scores, f"scores in '{self.path}'")

    def _usable(self, annotations: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those that draw one thing; a warning counts those that draw none."""
        things = [one for one in annotations if one.get("iscrowd") not in (1, True)]
        usable = [one for one in things if draws(one.get("segmentation"))]
        tell_undrawn(len(things) - len(usable), len(things), self.path)
        return usable

    def _records(self, value: Any, name: str) -> list[dict[str, Any]]:
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise MaskError(
                f"'{self.path}' is not of COCO's form; expected a list of annotations, or an "
                f"object whose '{name}' is a list of objects"
            )
        return value

    def _of_image(self, height: int, width: int) -> list[dict[str, Any]]:
        """The annotations of the one image that is meant."""
        ids = {str(a["image_id"]) for a in self.annotations if "image_id" in a}
        known = {str(image.get("id")): image for image in self.images}
        if len(ids | set(known)) <= 1:
            wanted = ids
        elif self.stem is not None:
            wanted = {key for key in ids | set(known) if self._is_named(key, known)}
        else:
            size = (height, width)
            wanted = {
                key
                for key, image in known.items()
                if (image.get("height"), image.get("width")) == size
            }
        if len(wanted) > 1 or (not wanted and ids | set(known)):
            names = sorted(
                str(known[key].get("file_name", key)) if key in known else f"image_id {key}"
                for key in ids | set(known)
            )
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            asked = f"named '{self.stem}'" if self.stem is not None else f"of {width}x{height}"
            raise MaskError(
                f"'{self.path}' tells of {len(names)} images and {len(wanted)} of them are "
                f"{asked}; it has {', '.join(names[:5])}{more}; give the "
                "image one of these names, or a file about it alone"
            )
        return [a for a in self.annotations if not ids or str(a.get("image_id")) in wanted]

    def _is_named(self, key: str, known: dict[str, dict[str, Any]]) -> bool:
        """True when image ``key`` has the wanted name, or its id ends the wanted name."""
        if key in known and "file_name" in known[key]:
            return image_stem(str(known[key]["file_name"])) == image_key(str(self.stem))
        digits = re.search(r"\d+$", str(self.stem))
        return key == self.stem or (digits is not None and key == str(int(digits[0])))
