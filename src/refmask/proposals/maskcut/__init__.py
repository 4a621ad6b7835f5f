"""``maskcut``: masks without training, by normalised cuts of a vision transformer's keys.

The places of an image are cut in two where the keys of the last attention are least alike; the
part that stands out is a mask, and what is left is cut again. This is MaskCut of Wang et al., "Cut
and Learn for Unsupervised Object Detection and Instance Segmentation" (CVPR 2023), section 3.2,
made for DINO. Two things differ. The eigenvectors come from a Lanczos solver, not a dense one, to
the same result. The dense CRF that sharpens the masks there needs a library that is no longer
kept; joint bilateral upsampling along the image's contours takes its place.

Written from a description of the released code; what DINO's weights give could not be compared
here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from refmask.errors import ConfigurationError
from refmask.ops.images import checked
from refmask.ops.masks import distinct
from refmask.proposals.backbones import DenseBackbone, find_backbone
from refmask.proposals.maskcut.cuts import cut_out
from refmask.proposals.maskcut.enlarging import enlarged, refined
from refmask.types import MaskProposals, UInt8Array, sealed

#: Counted up whenever the same image gets other masks than before.
VERSION = 1
#: Places of the largest map taken: the graph between them holds the square of it, 0.5 GB here.
MOST_PLACES = 8192


@dataclass(frozen=True)
class MaskCut:
    """Proposes a few masks by repeated normalised cuts.

    Attributes:
        backbone: "timm/NAME" of a vision transformer, DINO's above all, or a CLIP that is one,
            such as "embedded"; see ``find_backbone``.
        weights: the backbone's, a file or a CLIP's tag; None takes its own.
        masks: how many cuts are made; each gives one mask at most.
        tau: two places are alike when the cosine of their keys is above it, 0 to 1.
        side: side in pixels of the square that the image is stretched to; rounded to whole
            patches.
        refine: carry the masks over to the image along its contours and fill their holes;
            else the blocks of the patches are resized.
        device: "auto" (CUDA where there is one), or any torch device; the cuts are made on the
            CPU.
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
                f"expected masks from 1 and tau from 0 to below 1, got {self.masks} and {self.tau}"
            )
        stride = self._network.source.stride
        longest = int(MOST_PLACES**0.5) * stride
        if not 2 * stride <= self.side <= longest:
            raise ConfigurationError(
                f"expected a side from {2 * stride} to {longest} pixels for patches of {stride}, "
                f"got {self.side}"
            )

    def configuration(self) -> dict[str, Any]:
        """All that the masks depend on."""
        return self._network.told("maskcut", VERSION, asdict(self))

    def propose(self, image: UInt8Array) -> MaskProposals:
        """Masks of an image.

        Args:
            image: uint8 RGB (H, W, 3), any size from 1x1.

        Returns:
            At most ``masks`` masks in the order in which they are cut out, perhaps none. The
            method gives no scores: quality is 1, 1/2, 1/3, ... in this order.

        Raises:
            ImageError: when the array is not a uint8 RGB image.
            WeightsError: when the weights are damaged or belong to another network.
        """
        square = (self.side, self.side)
        keys = self._network.look(checked(image), square, Image.Resampling.LANCZOS)
        found = cut_out(keys.cpu().numpy(), self.masks, self.tau)
        if self.refine:
            masks = refined(found, image)
        else:
            height, width = image.shape[:2]
            masks = enlarged(found, self._network.source.stride, (height, width))
        masks = masks[distinct(masks)]
        return MaskProposals(
            sealed(masks), quality=1 / np.arange(1, len(masks) + 1, dtype=np.float32)
        )

    @cached_property
    def _network(self) -> DenseBackbone:
        return find_backbone(self.backbone, self.weights, "keys", self.device, self.precision)
