"""CLIP: ``load_clip`` and what it loads.

``vit``, ``resnet`` and ``text`` are the towers, written for reading, with equations 2 and 3;
``kernels`` computes the same features fast.
"""

from refmask.clip.backbone import ClipBackbone
from refmask.clip.loading import load_clip

__all__ = ["ClipBackbone", "load_clip"]
