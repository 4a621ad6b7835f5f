"""``freesolo``: the paper's mask proposals (Wang et al. 2022).

A network trained without labels proposes for every cell of five grids a mask and two scores
(SOLOv2 with ResNet-101 and a feature pyramid). Scores that are peaks, masks that are sure of
themselves and matrix NMS leave the proposals.
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
from refmask.ops.pixels import projected_boxes
from refmask.proposals.freesolo.decode import Chosen, choose, find_candidates, soft_masks
from refmask.proposals.freesolo.input import network_input, resized
from refmask.proposals.freesolo.network import Network, load_network
from refmask.proposals.freesolo.upsample import paint
from refmask.types import BoolArray, MaskProposals, UInt8Array, sealed
from refmask.weights.hashing import sha256_of
from refmask.weights.hub import fetch

#: Counted up whenever the same image gets other masks than before.
VERSION = 1


@dataclass(frozen=True)
class FreeSolo:
    """Proposes masks with FreeSOLO's network.

    Attributes:
        weights: a checkpoint with the released one's names and shapes; None fetches the released
            one from the hub, once.
        short_edge: length of the image's shorter side for the network, in pixels.
        long_edge: upper limit of its longer side, in pixels.
        score_threshold: cells with this score or less propose nothing.
        update_threshold: masks with a lower quality are left out.
        limit: the largest number of masks per image, up to 500.
        uncapped: no limit of the longer side, which is cut to whole pixels instead of rounded, as
            in the paper's released code.
        precision: "fp32" for the reference's masks, "bf16" for more than twice the speed and
            masks that differ where the network is unsure, or "auto" (bf16 where the device
            multiplies it natively).
        device: "auto" (CUDA where there is one), or any torch device.

    Raises:
        ConfigurationError: when a setting is out of range or the device is not here.
        WeightsError: when there is no file at ``weights``.
        WeightsUnavailable: when the released weights are neither cached nor to be fetched.
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
            faults.append(f"1 <= short_edge <= long_edge, got {self.short_edge}, {self.long_edge}")
        for name in ("score_threshold", "update_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                faults.append(f"{name} from 0 to 1, got {getattr(self, name)}")
        if not 1 <= self.limit <= 500:
            faults.append(f"limit from 1 to 500, got {self.limit}")
        if faults:
            raise ConfigurationError(f"expected {'; '.join(faults)}")
        choose_precision(self.precision, self._place)
        if not self._path.is_file():
            raise WeightsError(
                f"expected a weights file at {self._path}, there is none; check the path"
            )

    def configuration(self) -> dict[str, Any]:
        """All that the masks depend on."""
        settings = {name: value for name, value in asdict(self).items() if name != "device"}
        return {"proposer": "freesolo", "version": VERSION, **settings} | {
            "weights": self._digest,
            "precision": precision_name(self._dtype),
        }

    @torch.inference_mode()
    def propose(self, image: UInt8Array) -> MaskProposals:
        """Masks of an image.

        Args:
            image: uint8 RGB (H, W, 3), any size from 1x1.

        Returns:
            At most ``limit`` masks, best quality first, perhaps none. Details: ``cells`` int16
            (N, 4): level, grid row, grid column, class channel; ``category_scores`` and
            ``maskness``, whose product the quality is before it decays; ``boxes`` float32 (N, 4),
            the reference's, from the number of occupied rows and columns.

        Raises:
            ImageError: when the array is no uint8 RGB image, or would become too large.
            WeightsError: when the weights are damaged or belong to another network.
        """
        small = resized(image, self.short_edge, None if self.uncapped else self.long_edge)
        with exact_convolutions(self._dtype):
            levels, features = self._network(network_input(small).to(self._place, self._dtype))
        height, width = features.shape[-2:]
        places = features[0].permute(1, 2, 0).reshape(height * width, -1)
        candidates = find_candidates(levels, self.score_threshold)
        chosen = choose(candidates, places, self.update_threshold, self.limit)
        soft = soft_masks(chosen.kernels, places).reshape(-1, height, width)
        return _proposals(chosen, paint(soft, small.shape[:2], image.shape[:2]))

    @cached_property
    def _place(self) -> torch.device:
        return choose_device(self.device)

    @cached_property
    def _dtype(self) -> torch.dtype:
        return choose_precision(self.precision, self._place)

    @cached_property
    def _path(self) -> Path:
        return fetch("freesolo") if self.weights is None else Path(self.weights)

    @cached_property
    def _digest(self) -> str:
        return sha256_of(self._path)

    @cached_property
    def _network(self) -> Network:
        return load_network(self._path, self._place, self._dtype)


def _proposals(chosen: Chosen, masks: BoolArray) -> MaskProposals:
    """The chosen masks but those that cover no pixel of the image."""
    full = np.flatnonzero(masks.any(axis=(1, 2)))
    masks = masks[full]
    cells, scores, maskness, quality = (part.cpu().numpy()[full] for part in chosen[:4])
    details = {
        "cells": cells.astype(np.int16),
        "category_scores": scores,
        "maskness": maskness,
        "boxes": projected_boxes(masks).astype(np.float32),
    }
    return MaskProposals(sealed(masks), quality=quality, details=details)
