"""CLIP: ``load_clip`` and the image towers that know how to look at a mask.

To add a tower family: one file beside this one, and one line in ``families.FAMILIES``.
"""

from refmask.clip.backbone import ClipBackbone
from refmask.clip.loading import load_clip

__all__ = ["ClipBackbone", "load_clip"]
