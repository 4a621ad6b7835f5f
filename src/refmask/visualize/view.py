"""What an answer needs to show itself in a notebook."""

from __future__ import annotations

from dataclasses import dataclass

from refmask.answer import Segmentation
from refmask.types import MaskProposals, UInt8Array
from refmask.visualize.overlay import overlay, png


@dataclass(frozen=True, eq=False)
class Overlay:
    """A picture and its proposals, by reference: a ``refmask.types.View``.

    Attributes:
        image: uint8 RGB (H, W, 3).
        proposals: N masks of that size.
    """

    image: UInt8Array
    proposals: MaskProposals

    def png(self, answer: Segmentation) -> bytes:
        """A PNG file of an answer drawn over the picture, with its reasons."""
        return png(overlay(self.image, self.proposals, answer))
