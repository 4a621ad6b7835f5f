"""Published weights that are recommended, by quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Part:
    """One model of a kit.

    Attributes:
        name: a key of ``catalogue.PUBLISHED``.
        title: what to call it.
    """

    name: str
    title: str


@dataclass(frozen=True)
class Kit:
    """Weights that work together.

    Attributes:
        model: the CLIP's architecture, as ``refmask.load`` takes it.
        clip: scores masks.
        masks: a SAM 2, which proposes them.
    """

    model: str
    clip: Part
    masks: Part

    @property
    def parts(self) -> tuple[Part, Part]:
        """Both."""
        return self.clip, self.masks

    def proposals(self, weights: Path) -> str:
        """``masks`` as ``refmask.load`` takes it, by its weights file."""
        return f"sam2:model={weights.parent}"


def title(parts: Sequence[Part]) -> str:
    """A name for some parts of a kit."""
    return " with ".join(part.title for part in parts)


#: The kit for most machines.
STANDARD = "standard"
#: For photographs, by quality.
RECOMMENDED = {
    STANDARD: Kit(
        "ViT-B-32-quickgelu",
        Part("openai-vit-b-32", "CLIP ViT-B/32 of OpenAI"),
        Part("sam2.1-hiera-tiny", "SAM 2.1 tiny"),
    ),
    "high": Kit(
        "ViT-L-14-quickgelu",
        Part("openai-vit-l-14", "CLIP ViT-L/14 of OpenAI"),
        Part("sam2.1-hiera-large", "SAM 2.1 large"),
    ),
}
