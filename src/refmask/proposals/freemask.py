"""``freemask``: masks without training, from the similarity of deep features.

Every position of a feature map is a query; its similarities to all positions, thresholded at half
of their range, are a mask. This is Free Mask of Wang et al., "FreeSOLO" (CVPR 2022), section 3.1,
there with DenseCL's ResNet-101. Written from a description of the released code; results with the
authors' weights could not be compared.

Shapes: D x h x w the feature map, P = h * w positions, Q queries, H x W the image.
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

#: Incremented whenever the same image gets other masks than before.
VERSION = 1
#: Scales of the feature map whose positions are queries.
SCALES = (1.0, 0.5, 0.25)
#: Positions of the largest feature map: memory and time grow with its square, here to about 2 GB.
MOST_PLACES = 8192
#: Queries per batch; bounds memory.
CHUNK = 512
#: A smaller range of cosines is rounding error.
LEAST_RANGE = 1e-5


@dataclass(frozen=True)
class FreeMask:
    """Proposes masks by similarity of dense features.

    Attributes:
        backbone: "embedded", any other CLIP, or "timm/NAME"; see ``find_backbone``.
        weights: the backbone's, a file or a CLIP's tag; None for its default.
        maps: "features" for the backbone's last feature map, "keys" (vision transformers only)
            for the keys of its last attention.
        short_edge: the image's shorter side for the backbone, pixels.
        long_edge: upper limit of its longer side, pixels.
        limit: the largest number of masks before the filters below.
        floor: least maskness after matrix NMS, 0 to 1.
        min_centre: drop masks whose centre lies higher, as a share of the image's height from the
            top.
        max_width: drop masks at least this share of the image's width.
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
                "short_edge, long_edge and limit are at least 1, floor, min_centre and max_width "
                f"from 0 to 1, not {self.short_edge}, {self.long_edge}, {self.limit} and "
                f"{', '.join(map(str, shares))}"
            )
        stride = self._network.source.stride
        places = min(self.short_edge, self.long_edge) * self.long_edge // stride**2
        if places > MOST_PLACES:
            raise ConfigurationError(
                f"images of {self.short_edge}x{self.long_edge} pixels give feature maps of "
                f"{places} positions, one every {stride} pixels, at most {MOST_PLACES} are "
                "supported; lower short_edge and long_edge"
            )

    def configuration(self) -> dict[str, Any]:
        """All that the masks depend on."""
        return self._network.proposer_configuration("freemask", VERSION, asdict(self))

    def propose(self, image: UInt8Array) -> MaskProposals:
        """Masks of an image.

        Args:
            image: uint8 RGB (H, W, 3), any size from 1x1.

        Returns:
            At most ``limit`` masks, best quality first, possibly none. Quality is maskness after
            matrix NMS, at least ``floor``. Details: ``boxes`` float32 (N, 4), the reference's,
            from the number of occupied rows and columns.

        Raises:
            ImageError: when the array is not a uint8 RGB image.
            WeightsError: when the weights are damaged or belong to another network.
        """
        height, width = checked(image).shape[:2]
        size = edges(height, width, self.short_edge, self.long_edge)
        features = self._network.encode(image, size, Image.Resampling.BILINEAR)
        soft, quality = alike(features, self.floor, self.limit)
        masks: BoolArray = np.zeros((len(soft), height, width), np.bool_)
        for mask, small in zip(masks, soft, strict=True):
            # One at a time: all of a large image's as floats would fill the memory.
            large = functional.interpolate(small[None, None], mask.shape, mode="bilinear")
            mask[:] = (large[0, 0] >= 0.5).cpu().numpy()
        rows = np.flatnonzero(distinct(masks))
        boxes = projected_boxes(masks[rows])
        centres, widths = (boxes[:, 1] + boxes[:, 3]) / 2, boxes[:, 2] - boxes[:, 0]
        plausible = (centres > self.min_centre * height) & (widths < self.max_width * width)
        rows, details = rows[plausible], {"boxes": boxes[plausible].astype(np.float32)}
        return MaskProposals(sealed(masks[rows]), quality=quality[rows], details=details)

    @cached_property
    def _network(self) -> DenseBackbone:
        return find_backbone(self.backbone, self.weights, self.maps, self.device, self.precision)


@torch.inference_mode()
def alike(features: Tensor, floor: float, limit: int) -> tuple[Tensor, FloatArray]:
    """The best soft masks of similar positions.

    Args:
        features: float32 (D, h, w).
        floor: least maskness after matrix NMS, 0 to 1.
        limit: the largest number of masks.

    Returns:
        float32 (N, h, w), 0 to 1, and maskness after matrix NMS, float32 (N,), descending.
    """
    keys = functional.normalize(features.flatten(1), dim=0)
    queries = torch.cat([_at_scale(features, scale) for scale in SCALES])
    masks, maskness = _cut(queries, keys)
    # Matrix NMS only lowers scores, and a mask lowers no better one: dropping masks below the floor
    # here changes only the time it takes.
    good = torch.nonzero((masks.sum(dim=1) > 1) & (maskness >= floor))[:, 0]
    good = good[maskness[good].argsort(descending=True, stable=True)]
    decayed = matrix_nms(masks[good], maskness[good])
    best = decayed.argsort(descending=True, stable=True)[:limit]
    best = best[decayed[best] >= floor]
    soft = _similarities(queries[good[best]], keys).reshape(-1, *features.shape[1:])
    return soft, decayed[best].cpu().numpy()


def _at_scale(features: Tensor, scale: float) -> Tensor:
    """Unit vectors (Q', D) of the map (D, h, w) resized by a factor, sides rounded down."""
    size = [max(1, int(side * scale)) for side in features.shape[1:]]
    resized = functional.interpolate(features[None], size, mode="bilinear")[0]
    return functional.normalize(resized.flatten(1), dim=0).T


def _cut(queries: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """Similarities of queries (Q, D) and keys (D, P), thresholded at 0.5.

    Returns:
        bool (Q, P), and float32 (Q,), the mean similarity within each mask, 0 for an empty one.
    """
    masks = torch.empty((len(queries), keys.shape[1]), dtype=torch.bool, device=keys.device)
    maskness = torch.empty(len(queries), device=keys.device)
    for start in range(0, len(queries), CHUNK):
        piece = slice(start, start + CHUNK)
        soft = _similarities(queries[piece], keys)
        masks[piece] = soft >= 0.5
        maskness[piece] = (soft * masks[piece]).sum(dim=1) / masks[piece].sum(dim=1).clamp(min=1)
    return masks, maskness


def _similarities(queries: Tensor, keys: Tensor) -> Tensor:
    """Cosines of queries (Q, D) and keys (D, P), each row rescaled to 0..1: (Q, P)."""
    cosines = queries @ keys
    cosines -= cosines.amin(dim=1, keepdim=True)
    span = cosines.amax(dim=1, keepdim=True)
    return torch.where(span > LEAST_RANGE, cosines / span, 0)
