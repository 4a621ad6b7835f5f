"""What an answer needs to show itself in a notebook."""

from __future__ import annotations

from dataclasses import dataclass

from refmask.answer import Segmentation
from refmask.types import UInt8Array
from refmask.visualize.overlay import overlay, png


@dataclass(frozen=True, eq=False)
class Overlay:
    """An image by reference: a ``refmask.answer.View``.

    Attributes:
        image: uint8 RGB (H, W, 3).
    """

    image: UInt8Array

    def png(self, answer: Segmentation) -> bytes:
        """A PNG file of an answer drawn over the image, with its reasons."""
        return png(overlay(self.image, answer))
