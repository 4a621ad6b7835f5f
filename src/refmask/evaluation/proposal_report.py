"""The upper bound of proposals: the IoU of the best one with each ground-truth object.

No method that chooses among the proposals can do better (the paper's "upper bound").
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from refmask.data import load_dataset
from refmask.data.categories import LARGE
from refmask.data.coco import UNSPLIT
from refmask.data.scenes import FOLDER, SHIPPED, read_scenes
from refmask.errors import ConfigurationError
from refmask.metrics import best_iou
from refmask.ops.finding import find_images
from refmask.ops.images import read_image
from refmask.ops.masks import areas_of
from refmask.proposals.given import GivenMasks
from refmask.types import BoolArray, FloatArray, MaskProposer, UInt8Array

#: Specification of the shipped scenes.
SCENES = "scenes"
#: An image, uint8 RGB (H, W, 3), and the masks of its T objects, bool (T, H, W).
Truth = tuple[UInt8Array, BoolArray]
#: COCO's sizes: small objects have fewer pixels than the first, medium ones than the second.
MEDIUM_FROM, LARGE_FROM = 32**2, 96**2


@dataclass
class Report:
    """The upper bound of one proposer, collected image by image.

    Attributes:
        best: IoU of the best proposal with each object.
        areas: pixels of each object.
        shares: the part of its image that each object covers, 0 to 1.
        masks: number of proposals of each image.
        seconds: time taken by each image.
    """

    best: list[float] = field(default_factory=list)
    areas: list[int] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    masks: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, proposer: MaskProposer, image: UInt8Array, objects: BoolArray) -> None:
        """Propose for one image and compare with its objects, bool (T, H, W)."""
        start = time.perf_counter()
        proposals = proposer.propose(image)
        self.seconds.append(time.perf_counter() - start)
        self.masks.append(len(proposals))
        self.best += best_iou(proposals.masks, objects).tolist()
        areas = areas_of(objects)
        self.areas += areas.tolist()
        self.shares += (areas / objects[0].size).tolist()

    def metrics(self) -> dict[str, float | None]:
        """Images, objects ("things"), mean best IoU, recall, masks and median seconds per image.

        The mean best IoU is given for all objects, for those of at least 1 % of their image, and
        for COCO's small, medium and large ones; None where there are none.
        """
        best, areas = np.array(self.best), np.array(self.areas)
        small, large = areas < MEDIUM_FROM, areas >= LARGE_FROM
        return {
            "images": len(self.masks),
            "things": len(best),
            "mean_best_iou": float(best.mean()),
            "mean_best_iou_1_percent": _mean(best[np.array(self.shares) >= LARGE]),
            "mean_best_iou_small": _mean(best[small]),
            "mean_best_iou_medium": _mean(best[~small & ~large]),
            "mean_best_iou_large": _mean(best[large]),
            "recall_50": float((best > 0.5).mean()),
            "recall_75": float((best > 0.75).mean()),
            "masks_per_image": float(np.mean(self.masks)),
            "seconds_per_image": float(np.median(self.seconds)),
        }


def _mean(values: FloatArray) -> float | None:
    return float(values.mean()) if len(values) else None


def compare(
    proposers: Mapping[str, MaskProposer], images: Iterable[Truth]
) -> dict[str, dict[str, float | None]]:
    """The metrics of several proposers on the same images, by name.

    Args:
        proposers: by name.
        images: each with its objects; images without objects are left out.

    Raises:
        ConfigurationError: when no image has an object.
    """
    reports = {name: Report() for name in proposers}
    for image, objects in images:
        if len(objects):
            for name, proposer in proposers.items():
                reports[name].add(proposer, image, objects)
    if not any(report.best for report in reports.values()):
        raise ConfigurationError("no image has a ground-truth object; name other images")
    return {name: report.metrics() for name, report in reports.items()}


def read_truth(places: Sequence[str], truth: str | None) -> Iterator[Truth]:
    """Images and the masks of their objects.

    Args:
        places: "scenes" for the shipped scenes; folders of scenes (objects are the targets of
            expressions); folders in COCO's format (``instances.json`` and ``images/``; objects are
            all instances but crowds); or images, folders of images and globs.
        truth: masks for the latter: a path as ``masks:PATH`` takes it, with ``{stem}`` for the
            image's name, or a COCO file about all of them.

    Raises:
        ConfigurationError: when images come without truth.
        InputError: when something cannot be read.
    """
    for place in places:
        root = SHIPPED if place == SCENES and not Path(place).exists() else Path(place)
        if (root / FOLDER / "instances.json").is_file():
            yield from _scenes(root)
        elif truth is None and (root / UNSPLIT).is_file():
            yield from _instances(root)
        elif truth is None:
            raise ConfigurationError(
                f"{place} has no ground truth; add `truth=PATH` (masks as 'masks:PATH' takes "
                "them), or name 'scenes' or a folder of instances.json and images/"
            )
        else:
            yield from _images(place, truth)


def _scenes(root: Path) -> Iterator[Truth]:
    for sample in read_scenes(root):
        targets = {id(query.target): query.target for query in sample.queries}
        yield sample.image, np.stack(list(targets.values()))


def _instances(root: Path) -> Iterator[Truth]:
    dataset = load_dataset("coco", root=root)
    for image in dataset.ids:
        sample = dataset.sample(image)
        if sample.instances is not None:
            yield sample.image, sample.instances.masks


def _images(place: str, truth: str) -> Iterator[Truth]:
    for path in find_images(place):
        image = read_image(path)
        given = GivenMasks(truth.replace("{stem}", path.stem), path.stem)
        yield image, given.propose(image).masks
