"""CLIP: ``load_clip`` and what it loads.

``vit``, ``resnet`` and ``text`` are the towers, written for reading, with equations 2 and 3;
``kernels`` computes the same features fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refmask.clip.backbone import ClipBackbone as ClipBackbone
    from refmask.clip.loading import load_clip as load_clip

#: Where the public names live, each imported on first use: ``sources`` needs no torch.
_HOME = {"ClipBackbone": "backbone", "load_clip": "loading"}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'refmask.clip' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"refmask.clip.{_HOME[name]}"), name)
