"""Groups of images for the card, and work recorded there."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from refmask.types import BoolArray, FloatArray, UInt8Array


class Group(NamedTuple):
    """Some images as the prototype takes them, in memory or on the card."""

    images: Tensor
    packed: Tensor
    boxes: Tensor

    def to(self, device: torch.device) -> Group:
        """The same on a device; from pinned memory without waiting."""
        return Group(*(part.to(device, non_blocking=True) for part in self))


class Graph:
    """A work on the card whose launches were recorded; its result is overwritten by the next call.

    Args:
        work: waits for nothing, and has no shapes but those of its inputs.
        inputs: such as it will have.
    """

    def __init__(self, work: Callable[..., Tensor], *inputs: Tensor) -> None:
        self._work = work  # what it reads lies where the recorded launches look for it
        self._inputs = [part.clone() for part in inputs]
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(2):  # what is made when first needed must be there
                work(*self._inputs)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._result = work(*self._inputs)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """The result of inputs."""
        for place, part in zip(self._inputs, inputs, strict=True):
            place.copy_(part, non_blocking=True)
        return self.replay()

    def replay(self) -> Tensor:
        """The result of the inputs that are there."""
        self._graph.replay()
        return self._result


def packed(image: UInt8Array, masks: BoolArray, boxes: FloatArray) -> Group:
    """An image and its masks ready for the card, a group of one."""
    one = (image, bits(masks), boxes)
    return Group(*(torch.tensor(part)[None] for part in one))


def bits(masks: BoolArray) -> UInt8Array:
    """Masks (N, H, W), W a multiple of 8, as bits: uint8 (N, H, W / 8)."""
    # All in one go: row by row, NumPy gives way to other threads so often that they all wait.
    return np.packbits(masks.reshape(-1)).reshape(*masks.shape[:2], -1)


def repeated(group: Group, times: int) -> Group:
    """The same image so many times."""
    return Group(*(part.repeat(times, *[1] * (part.ndim - 1)) for part in group))


def pack_into(
    slot: Group, place: int, image: UInt8Array, masks: BoolArray, boxes: FloatArray
) -> None:
    """Write an image and its masks into a place of a group in memory."""
    # Through NumPy, which lets other threads go on and starts none of its own.
    for held, part in zip(slot, (image, bits(masks), boxes), strict=True):
        held[place].numpy()[:] = part
