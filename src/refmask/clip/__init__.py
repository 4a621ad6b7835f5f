"""CLIP: ``load_clip`` and the image towers that know how to look at a mask.

To add a tower family: one file beside this one, and one line in ``families.FAMILIES``.
"""

from refmask.clip.backbone import ClipBackbone
from refmask.clip.loading import load_clip
from refmask.clip.row_cache import apart

__all__ = ["ClipBackbone", "apart", "load_clip"]
