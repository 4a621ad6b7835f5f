"""``freemask``: masks without training, from how alike deep features are.

Every place of a dense map asks which other places are like it; each answer, cut at half of its
range, is a mask. This is Free Mask of Wang et al., "FreeSOLO" (CVPR 2022), section 3.1, there with
DenseCL's ResNet-101. Written from a description of the released code; what the authors' weights
give could not be compared here.

Letters: D x h x w the map, P = h * w places, Q queries, H x W the image.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from refmask.errors import ConfigurationError
from refmask.ops.images import checked
from refmask.ops.masks import distinct
from refmask.ops.matrix_nms import matrix_nms
from refmask.ops.pixels import edges, projected_boxes
from refmask.proposals.backbones import DenseBackbone, find_backbone
from refmask.types import BoolArray, FloatArray, MaskProposals, UInt8Array, sealed

#: Counted up whenever the same image gets other masks than before.
VERSION = 1
#: The map's sizes at which its places ask, as shares of its sides.
SCALES = (1.0, 0.5, 0.25)
#: Places of the largest map taken: memory and time grow with the square of it, to about 2 GB here.
MOST_PLACES = 8192
#: Queries answered at a time; bounds the memory taken.
CHUNK = 512
#: Answers within a smaller range of cosines are no more than rounding.
LEAST_RANGE = 1e-5


@dataclass(frozen=True)
class FreeMask:
    """Proposes masks by likeness of dense features.

    Attributes:
        backbone: "embedded", any other CLIP, or "timm/NAME"; see ``find_backbone``.
        weights: the backbone's, a file or a CLIP's tag; None takes its own.
        maps: "features" for the backbone's last map, "keys" (vision transformers only) for the
            keys of its last attention.
        short_edge: the image's shorter side before the backbone, pixels.
        long_edge: upper limit of its longer side, pixels.
        limit: the largest number of masks before those of odd places are left out.
        floor: least maskness after it has decayed, 0 to 1.
        min_centre: masks whose centre lies higher, as a share of the image's height from the
            top, are left out.
        max_width: masks at least this share of the image's width are left out.
        device: "auto" (CUDA where there is one), or any torch device.
        precision: of the backbone: "fp32", "bf16", or "auto" (bf16 where the device multiplies it
            natively).

    Raises:
        ConfigurationError: for settings out of range, or a backbone that does not exist.
        WeightsError: when the weights file does not exist.
        WeightsUnavailable: when the weights are not in the cache and there is no network.
    """

    backbone: str = "embedded"
    weights: str | None = None
    maps: str = "features"
    short_edge: int = 800
    long_edge: int = 1333
    limit: int = 20
    floor: float = 0.7
    min_centre: float = 0.2
    max_width: float = 0.95
    device: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        shares = (self.floor, self.min_centre, self.max_width)
        if min(self.short_edge, self.long_edge, self.limit) < 1 or not all(
            0 <= share <= 1 for share in shares
        ):
            raise ConfigurationError(
                "expected short_edge, long_edge and limit from 1 and floor, min_centre and "
                f"max_width from 0 to 1, got {self.short_edge}, {self.long_edge}, {self.limit} "
                f"and {', '.join(map(str, shares))}"
            )
        stride = self._network.source.stride
        places = min(self.short_edge, self.long_edge) * self.long_edge // stride**2
        if places > MOST_PLACES:
            raise ConfigurationError(
                f"expected maps of at most {MOST_PLACES} places, images of {self.short_edge}x"
                f"{self.long_edge} pixels give {places}, one every {stride} pixels; lower "
                "short_edge and long_edge"
            )

    def configuration(self) -> dict[str, Any]:
        """All that the masks depend on."""
        return self._network.told("freemask", VERSION, asdict(self))

    def propose(self, image: UInt8Array) -> MaskProposals:
        """Masks of an image.

        Args:
            image: uint8 RGB (H, W, 3), any size from 1x1.

        Returns:
            At most ``limit`` masks, best quality first, perhaps none. Quality is maskness after
            matrix NMS, at least ``floor``. Details: ``boxes`` float32 (N, 4), the reference's,
            from the number of occupied rows and columns.

        Raises:
            ImageError: when the array is not a uint8 RGB image.
            WeightsError: when the weights are damaged or belong to another network.
        """
        height, width = checked(image).shape[:2]
        size = edges(height, width, self.short_edge, self.long_edge)
        features = self._network.look(image, size, Image.Resampling.BILINEAR)
        soft, quality = alike(features, self.floor, self.limit)
        masks: BoolArray = np.zeros((len(soft), height, width), np.bool_)
        for mask, one in zip(masks, soft, strict=True):
            # One at a time: as floats, those of a large image would fill the memory.
            large = functional.interpolate(one[None, None], mask.shape, mode="bilinear")
            mask[:] = (large[0, 0] >= 0.5).cpu().numpy()
        kept = distinct(masks)
        masks, quality = masks[kept], quality[kept]
        boxes = projected_boxes(masks)
        usual = self._usual(boxes, height, width)
        details = {"boxes": boxes[usual].astype(np.float32)}
        return MaskProposals(sealed(masks[usual]), quality=quality[usual], details=details)

    def _usual(self, boxes: FloatArray, height: int, width: int) -> BoolArray:
        """Which boxes (N, 4) are neither near the top nor across the image: bool (N,)."""
        centres = (boxes[:, 1] + boxes[:, 3]) / 2
        widths = boxes[:, 2] - boxes[:, 0]
        usual: BoolArray = (centres > self.min_centre * height) & (widths < self.max_width * width)
        return usual

    @cached_property
    def _network(self) -> DenseBackbone:
        return find_backbone(self.backbone, self.weights, self.maps, self.device, self.precision)


@torch.inference_mode()
def alike(features: Tensor, floor: float, limit: int) -> tuple[Tensor, FloatArray]:
    """The best sets of places that are alike, soft.

    Args:
        features: float32 (D, h, w).
        floor: least maskness after matrix NMS, 0 to 1.
        limit: how many at most.

    Returns:
        float32 (N, h, w), 0 to 1, and maskness after matrix NMS, float32 (N,), descending.
    """
    keys = functional.normalize(features.flatten(1), dim=0)
    queries = torch.cat([_at_scale(features, scale) for scale in SCALES])
    masks, maskness = _cut(queries, keys)
    # No mask below the floor can come back above it, and none lowers a better one: leaving them
    # out here changes nothing but the time that matrix NMS takes.
    good = torch.nonzero((masks.sum(dim=1) > 1) & (maskness >= floor))[:, 0]
    good = good[maskness[good].argsort(descending=True, stable=True)]
    decayed = matrix_nms(masks[good], maskness[good])
    best = decayed.argsort(descending=True, stable=True)[:limit]
    best = best[decayed[best] >= floor]
    soft = _answers(queries[good[best]], keys).reshape(-1, *features.shape[1:])
    return soft, decayed[best].cpu().numpy()


def _at_scale(features: Tensor, scale: float) -> Tensor:
    """Unit vectors (Q', D) of the map (D, h, w) resized by a factor, sides rounded down."""
    size = [max(1, int(side * scale)) for side in features.shape[1:]]
    resized = functional.interpolate(features[None], size, mode="bilinear")[0]
    return functional.normalize(resized.flatten(1), dim=0).T


def _cut(queries: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """The answers of queries (Q, D) among keys (D, P), cut at 0.5.

    Returns:
        bool (Q, P) and float32 (Q,), the mean of each answer within its mask, 0 for an empty one.
    """
    masks = torch.empty((len(queries), keys.shape[1]), dtype=torch.bool, device=keys.device)
    maskness = torch.empty(len(queries), device=keys.device)
    for start in range(0, len(queries), CHUNK):
        piece = slice(start, start + CHUNK)
        soft = _answers(queries[piece], keys)
        masks[piece] = soft >= 0.5
        maskness[piece] = (soft * masks[piece]).sum(dim=1) / masks[piece].sum(dim=1).clamp(min=1)
    return masks, maskness


def _answers(queries: Tensor, keys: Tensor) -> Tensor:
    """Cosines of queries (Q, D) and keys (D, P), each row stretched from 0 to 1: (Q, P)."""
    cosines = queries @ keys
    cosines -= cosines.amin(dim=1, keepdim=True)
    span = cosines.amax(dim=1, keepdim=True)
    return torch.where(span > LEAST_RANGE, cosines / span, 0)
