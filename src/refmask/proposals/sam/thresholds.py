"""How densely a model is asked and which of its masks are kept: presets and their checks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from refmask.errors import ConfigurationError


@dataclass(frozen=True)
class Thresholds:
    """What automatic mask generation keeps (Segment Anything, appendix B).

    Attributes:
        points_per_side: the image is asked at a grid of this many points squared.
        pred_iou: masks whose IoU the model itself predicts at this value or below are dropped.
        stability: masks are dropped whose outlines at logits +1 and -1 have an IoU below this,
            0 to 1.
        min_area: pixels of the image: holes and islands smaller than this are removed, and with
            them every mask that has no larger part.
        nms: a mask is dropped when its box has a larger IoU than this with a better mask's box,
            0 to below 1.
    """

    points_per_side: int
    pred_iou: float
    stability: float
    min_area: int
    nms: float

    def faults(self) -> list[str]:
        """What is out of range, in words; empty when nothing is."""
        return [
            fault
            for wrong, fault in (
                (self.points_per_side < 1, f"points_per_side from 1, got {self.points_per_side}"),
                (math.isnan(self.pred_iou), f"pred_iou as a number, got {self.pred_iou}"),
                (not 0 <= self.stability <= 1, f"stability from 0 to 1, got {self.stability}"),
                (self.min_area < 0, f"min_area from 0 pixels, got {self.min_area}"),
                (not 0 <= self.nms < 1, f"nms from 0 to below 1, got {self.nms}"),
            )
            if wrong
        ]


#: "zero-shot": what zero-shot referring segmentation takes from SAM: few and large masks.
#: "sam" and "sam2": the defaults of the two models' own automatic mask generators.
PRESETS = {
    "zero-shot": Thresholds(points_per_side=8, pred_iou=0.7, stability=0.7, min_area=800, nms=0.7),
    "sam": Thresholds(points_per_side=32, pred_iou=0.88, stability=0.95, min_area=0, nms=0.7),
    "sam2": Thresholds(points_per_side=32, pred_iou=0.8, stability=0.95, min_area=0, nms=0.7),
}


def resolve(preset: str, **explicit: Any) -> Thresholds:
    """A preset's numbers, with those that are not None put in their place.

    Raises:
        ConfigurationError: for an unknown preset.
    """
    if preset not in PRESETS:
        raise ConfigurationError(f"expected a preset out of {', '.join(PRESETS)}, got {preset!r}")
    chosen = {name: value for name, value in explicit.items() if value is not None}
    return replace(PRESETS[preset], **chosen)
