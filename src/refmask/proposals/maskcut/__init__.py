"""``maskcut``: masks without training, by normalised cuts of a vision transformer's keys.

The positions of a feature map are cut in two where the keys of the last attention are least
similar; the foreground part is a mask, and the rest is cut again. This is MaskCut of Wang et al.,
"Cut and Learn for Unsupervised Object Detection and Instance Segmentation" (CVPR 2023), section
3.2, made for DINO, with two differences. The eigenvectors come from a Lanczos instead of a dense
solver, with the same result. Joint bilateral upsampling along the image's contours replaces the
dense CRF that sharpens the masks, whose library is no longer maintained.

Written from a description of the released code; results with DINO's weights could not be compared.

Shapes: h x w the feature map, H x W the image.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from refmask.errors import ConfigurationError
from refmask.ops.images import checked
from refmask.ops.maps import enlarge
from refmask.ops.masks import distinct
from refmask.proposals.backbones import DenseBackbone, find_backbone
from refmask.proposals.maskcut.cuts import cut_out
from refmask.types import BoolArray, MaskProposals, UInt8Array, sealed

#: Incremented whenever the same image gets other masks than before.
VERSION = 1
#: Positions of the largest feature map: the graph has the square of it, here 0.5 GB.
MOST_PLACES = 8192
#: A refined mask with a lower IoU with the mask before refinement is dropped.
LEAST_AGREEMENT = 0.5


@dataclass(frozen=True)
class MaskCut:
    """Proposes a few masks by repeated normalised cuts.

    Attributes:
        backbone: "timm/NAME" of a vision transformer, DINO's above all, or a CLIP that is one,
            such as "embedded"; see ``find_backbone``.
        weights: the backbone's, a file or a CLIP's tag; None for its default.
        masks: number of cuts; each gives at most one mask.
        tau: two positions are similar when the cosine of their keys is above it, 0 to 1.
        side: side in pixels of the square that the image is resized to; rounded to whole patches.
        refine: upsample the masks along the image's contours and fill their holes; otherwise
            resize the blocks of the patches.
        device: "auto" (CUDA where there is one), or any torch device; the cuts run on the CPU.
        precision: of the backbone: "fp32", "bf16", or "auto" (bf16 where the device multiplies it
            natively).

    Raises:
        ConfigurationError: for settings out of range, or a backbone that does not exist or has no
            keys.
        WeightsError: when the weights file does not exist.
        WeightsUnavailable: when the weights are not in the cache and there is no network.
    """

    backbone: str = "timm/vit_small_patch8_224.dino"
    weights: str | None = None
    masks: int = 3
    tau: float = 0.15
    side: int = 480
    refine: bool = True
    device: str = "auto"
    precision: str = "fp32"

    def __post_init__(self) -> None:
        if self.masks < 1 or not 0 <= self.tau < 1:
            raise ConfigurationError(
                f"masks is at least 1 and tau from 0 to below 1, not {self.masks} and {self.tau}"
            )
        stride = self._network.source.stride
        longest = int(MOST_PLACES**0.5) * stride
        if not 2 * stride <= self.side <= longest:
            raise ConfigurationError(
                f"side is from {2 * stride} to {longest} pixels for patches of {stride}, "
                f"not {self.side}"
            )

    def configuration(self) -> dict[str, Any]:
        """All that the masks depend on."""
        return self._network.proposer_configuration("maskcut", VERSION, asdict(self))

    def propose(self, image: UInt8Array) -> MaskProposals:
        """Masks of an image.

        Args:
            image: uint8 RGB (H, W, 3), any size from 1x1.

        Returns:
            At most ``masks`` masks in the order of the cuts, possibly none. The method gives no
            scores: quality is 1, 1/2, 1/3, ... in this order.

        Raises:
            ImageError: when the array is not a uint8 RGB image.
            WeightsError: when the weights are damaged or belong to another network.
        """
        square = (self.side, self.side)
        keys = self._network.encode(checked(image), square, Image.Resampling.LANCZOS)
        parts = cut_out(keys.cpu().numpy(), self.masks, self.tau)
        if self.refine:
            masks = refined(parts, image)
        else:
            height, width = image.shape[:2]
            masks = enlarged(parts, self._network.source.stride, (height, width))
        masks = masks[distinct(masks)]
        return MaskProposals(
            sealed(masks), quality=1 / np.arange(1, len(masks) + 1, dtype=np.float32)
        )

    @cached_property
    def _network(self) -> DenseBackbone:
        return find_backbone(self.backbone, self.weights, "keys", self.device, self.precision)


def refined(masks: BoolArray, image: UInt8Array) -> BoolArray:
    """Masks along the contours of the image, their holes filled.

    Args:
        masks: bool (N, h, w), no two of them overlapping.
        image: uint8 RGB (H, W, 3).

    Returns:
        bool (N', H, W), N' at most N: masks that refinement changed too much are dropped.
    """
    from scipy.ndimage import binary_fill_holes

    size = image.shape[:2]
    height, width = masks.shape[1:]
    labels = np.zeros((height, width), np.int32)
    for number, mask in enumerate(masks, 1):
        labels[mask] = number
    small = Image.fromarray(image).resize((width, height), Image.Resampling.BOX)
    large = enlarge(labels, np.asarray(small), image)
    results = []
    for number, mask in enumerate(masks, 1):
        sharp = binary_fill_holes(large == number)
        blocks = _nearest(mask, *size)
        if (sharp & blocks).sum() >= LEAST_AGREEMENT * max((sharp | blocks).sum(), 1):
            results.append(sharp)
    return np.array(results, np.bool_).reshape(-1, *size)


def enlarged(masks: BoolArray, patch: int, size: tuple[int, int]) -> BoolArray:
    """Masks as blocks of ``patch`` pixels, resized and thresholded at half of their maximum.

    Args:
        masks: bool (N, h, w).
        patch: pixels along a patch of the network's input.
        size: H, W.

    Returns:
        bool (N, H, W), some possibly empty.
    """
    result = np.zeros((len(masks), *size), np.bool_)
    for large, mask in zip(result, masks, strict=True):
        blocks = np.kron(mask.astype(np.uint8) * 255, np.ones((patch, patch), np.uint8))
        resized = np.asarray(Image.fromarray(blocks).resize(size[::-1]))
        large[:] = resized > resized.max() / 2
    return result


def _nearest(mask: BoolArray, height: int, width: int) -> BoolArray:
    """A mask (h, w) at another size: the patch that contains each pixel's centre."""
    rows = (2 * np.arange(height) + 1) * len(mask) // (2 * height)
    columns = (2 * np.arange(width) + 1) * mask.shape[1] // (2 * width)
    return np.asarray(mask[np.ix_(rows, columns)])
