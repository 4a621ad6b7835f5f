"""refmask: an image and a phrase in, the mask of that one thing out.

>>> import refmask
>>> scene = refmask.load().look("street.jpg")                          # doctest: +SKIP
>>> answer = scene.find("the cat lying on the seat of the scooter")    # doctest: +SKIP
>>> answer.mask, answer.confidence, answer.why.phrase.noun_phrase      # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refmask.answer import Candidate as Candidate
    from refmask.answer import Segmentation as Segmentation
    from refmask.clip import ClipBackbone as ClipBackbone
    from refmask.clip import load_clip as load_clip
    from refmask.compat import Compat as Compat
    from refmask.data import load_dataset as load_dataset
    from refmask.errors import ConfigurationError as ConfigurationError
    from refmask.errors import ExpressionError as ExpressionError
    from refmask.errors import ImageError as ImageError
    from refmask.errors import InputError as InputError
    from refmask.errors import MaskError as MaskError
    from refmask.errors import MissingResource as MissingResource
    from refmask.errors import ModelError as ModelError
    from refmask.errors import RefmaskError as RefmaskError
    from refmask.errors import RefmaskWarning as RefmaskWarning
    from refmask.errors import UnsupportedTower as UnsupportedTower
    from refmask.errors import WeightsError as WeightsError
    from refmask.errors import WeightsUnavailable as WeightsUnavailable
    from refmask.evaluation.evaluate import evaluate as evaluate
    from refmask.factory import load as load
    from refmask.methods import Method as Method
    from refmask.ops.images import read_image as read_image
    from refmask.proposals import load_proposer as load_proposer
    from refmask.proposals.refine import Refinement as Refinement
    from refmask.provenance import Provenance as Provenance
    from refmask.scene import Scene as Scene
    from refmask.segmenter import Segmenter as Segmenter
    from refmask.text.parser import PhraseParser as PhraseParser
    from refmask.types import ContextFeatures as ContextFeatures
    from refmask.types import MaskProposals as MaskProposals
    from refmask.types import MaskProposer as MaskProposer
    from refmask.types import Query as Query
    from refmask.types import Sample as Sample
    from refmask.types import TargetPhrase as TargetPhrase
    from refmask.why import Why as Why

#: Where the public names live. Each is imported on first use, so that the command starts quickly.
_PUBLIC = {
    "answer": ("Candidate", "Segmentation"),
    "clip": ("ClipBackbone", "load_clip"),
    "compat": ("Compat",),
    "data": ("load_dataset",),
    "errors": (
        "ConfigurationError",
        "ExpressionError",
        "ImageError",
        "InputError",
        "MaskError",
        "MissingResource",
        "ModelError",
        "RefmaskError",
        "RefmaskWarning",
        "UnsupportedTower",
        "WeightsError",
        "WeightsUnavailable",
    ),
    "evaluation.evaluate": ("evaluate",),
    "methods": ("Method",),
    "ops.images": ("read_image",),
    "proposals": ("load_proposer",),
    "proposals.refine": ("Refinement",),
    "text.parser": ("PhraseParser",),
    "provenance": ("Provenance",),
    "scene": ("Scene",),
    "factory": ("load",),
    "segmenter": ("Segmenter",),
    "types": (
        "ContextFeatures",
        "MaskProposals",
        "MaskProposer",
        "Query",
        "Sample",
        "TargetPhrase",
    ),
    "why": ("Why",),
}
_HOME = {name: f"refmask.{module}" for module, names in _PUBLIC.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'refmask' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
