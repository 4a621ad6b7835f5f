"""``freesolo``: the paper's mask proposals (Wang et al. 2022).

A network trained without labels predicts a mask and two scores for every cell of five grids
(SOLOv2 with ResNet-101 and a feature pyramid). Local maxima of the scores, high mask probabilities
and matrix NMS select the proposals.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from refmask.errors import ConfigurationError, WeightsError
from refmask.ops.devices import (
    choose_device,
    choose_precision,
    exact_convolutions,
    precision_name,
)
from refmask.ops.images import checked
from refmask.ops.pixels import projected_boxes, resize_shorter_side
from refmask.proposals.freesolo.decode import Chosen, choose, find_candidates, soft_masks
from refmask.proposals.freesolo.network import Network, load_network, network_input
from refmask.proposals.freesolo.upsample import paint
from refmask.types import BoolArray, MaskProposals, UInt8Array, sealed
from refmask.weights.hashing import sha256_of
from refmask.weights.hub import fetch

#: Incremented whenever the same image gets other masks than before.
VERSION = 1


@dataclass(frozen=True)
class FreeSolo:
    """Proposes masks with FreeSOLO's network.

    Attributes:
        weights: a checkpoint with the released one's names and shapes; None downloads the released
            one from the hub, once.
        short_edge: length of the image's shorter side for the network, in pixels.
        long_edge: upper limit of its longer side, in pixels.
        score_threshold: drop cells with this score or less.
        update_threshold: drop masks with a lower quality.
        limit: the largest number of masks per image, up to 500.
        uncapped: no limit of the longer side, which is truncated to whole pixels instead of
            rounded, as in the paper's released code.
        precision: "fp32" for the reference's masks, "bf16" for more than twice the speed and
            masks that differ where the network is unsure, or "auto" (bf16 where the device
            multiplies it natively).
        device: "auto" (CUDA where there is one), or any torch device.

    Raises:
        ConfigurationError: when a setting is out of range or the device is not available.
        WeightsError: when there is no file at ``weights``.
        WeightsUnavailable: when the released weights are neither cached nor downloadable.
    """

    weights: str | None = None
    short_edge: int = 800
    long_edge: int = 1333
    score_threshold: float = 0.1
    update_threshold: float = 0.05
    limit: int = 100
    uncapped: bool = False
    precision: str = "auto"
    device: str = "auto"

    def __post_init__(self) -> None:
        faults = []
        if not 1 <= self.short_edge <= self.long_edge:
            faults.append(
                "short_edge is at least 1 and at most long_edge, "
                f"not {self.short_edge} and {self.long_edge}"
            )
        for name in ("score_threshold", "update_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                faults.append(f"{name} is from 0 to 1, not {getattr(self, name)}")
        if not 1 <= self.limit <= 500:
            faults.append(f"limit is from 1 to 500, not {self.limit}")
        if faults:
            raise ConfigurationError("; ".join(faults))
        choose_precision(self.precision, self._device)
        if not self._path.is_file():
            raise WeightsError(f"there is no weights file at {self._path}; check the path")

    def configuration(self) -> dict[str, Any]:
        """All that the masks depend on."""
        settings = {name: value for name, value in asdict(self).items() if name != "device"}
        return {"proposer": "freesolo", "version": VERSION, **settings} | {
            "weights": self._weights_sha256,
            "precision": precision_name(self._dtype),
        }

    @torch.inference_mode()
    def propose(self, image: UInt8Array) -> MaskProposals:
        """Masks of an image.

        Args:
            image: uint8 RGB (H, W, 3), any size from 1x1.

        Returns:
            At most ``limit`` masks, best quality first, possibly none. Details: ``cells`` int16
            (N, 4): level, grid row, grid column, class channel; ``category_scores`` and
            ``maskness``, whose product is the quality before matrix NMS; ``boxes`` float32 (N, 4),
            the reference's, from the number of occupied rows and columns.

        Raises:
            ImageError: when the array is no uint8 RGB image, or would become too large.
            WeightsError: when the weights are damaged or belong to another network.
        """
        longest = None if self.uncapped else self.long_edge
        small = resize_shorter_side(checked(image), self.short_edge, longest)
        with exact_convolutions(self._dtype):
            levels, features = self._network(network_input(small).to(self._device, self._dtype))
        height, width = features.shape[-2:]
        flat = features[0].permute(1, 2, 0).reshape(height * width, -1)
        candidates = find_candidates(levels, self.score_threshold)
        chosen = choose(candidates, flat, self.update_threshold, self.limit)
        soft = soft_masks(chosen.kernels, flat).reshape(-1, height, width)
        return _proposals(chosen, paint(soft, small.shape[:2], image.shape[:2]))

    @cached_property
    def _device(self) -> torch.device:
        return choose_device(self.device)

    @cached_property
    def _dtype(self) -> torch.dtype:
        return choose_precision(self.precision, self._device)

    @cached_property
    def _path(self) -> Path:
        return fetch("freesolo") if self.weights is None else Path(self.weights)

    @cached_property
    def _weights_sha256(self) -> str:
        return sha256_of(self._path)

    @cached_property
    def _network(self) -> Network:
        return load_network(self._path, self._device, self._dtype)


def _proposals(chosen: Chosen, masks: BoolArray) -> MaskProposals:
    """The chosen masks without empty ones."""
    nonempty = np.flatnonzero(masks.any(axis=(1, 2)))
    masks = masks[nonempty]
    cells, scores, maskness, quality = (part.cpu().numpy()[nonempty] for part in chosen[:4])
    details = {
        "cells": cells.astype(np.int16),
        "category_scores": scores,
        "maskness": maskness,
        "boxes": projected_boxes(masks).astype(np.float32),
    }
    return MaskProposals(sealed(masks), quality=quality, details=details)
