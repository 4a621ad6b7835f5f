"""The source of an answer: model, proposals and method. Shown with every answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: The models that ship with refmask: the preview for photographs, and the one for emoji scenes.
OFFLINE, EMBEDDED = "offline", "embedded"
#: A model's limitation, by its name; captions show the part before the colon. A published CLIP
#: needs no label.
LABELS = {
    OFFLINE: "offline preview: ImageNet classes, not CLIP",
    EMBEDDED: "emoji model: knows emoji scenes only",
}

#: A SHA-256, and how many of its digits are shown.
DIGEST, DIGITS = re.compile("[0-9a-f]{64}"), 12


def label_of(model: str) -> str | None:
    """A model's limitation, by its name, or None."""
    return LABELS.get(model)


@dataclass(frozen=True)
class Provenance:
    """The source of an answer.

    Attributes:
        model: its name, or its file's name without folders.
        weights: SHA-256 of the model's weights; None when they are not in a file.
        proposals: the proposer and its settings.
        method: the scoring method and its settings.
        version: of refmask.
        label: the model's limitation, or None.
    """

    model: str
    weights: str | None
    proposals: str
    method: str
    version: str
    label: str | None = None

    def to_dict(self) -> dict[str, str | None]:
        """Its fields by name, for JSON."""
        return asdict(self)

    @property
    def caption(self) -> str:
        """The model in a few words: the start of its label, else its name."""
        return self.label.partition(":")[0] if self.label else self.model

    def __str__(self) -> str:
        """All of it on one line."""
        weights = f" {self.weights[:DIGITS]}" if self.weights else ""
        parts = f"model {self.model}{weights}, proposals {self.proposals}, method {self.method}"
        label = f" ({self.label})" if self.label else ""
        return f"refmask {self.version}{label}: {parts}"


def spelled(name: str, settings: Mapping[str, Any]) -> str:
    """A name with its settings, as ``refmask.load`` takes them: ``NAME:key=value,key=value``.

    Args:
        name: of a proposer or a method.
        settings: those that are None are left out; digests are shortened.
    """
    written = [f"{key}={_short(value)}" for key, value in settings.items() if value is not None]
    return f"{name}:{','.join(written)}" if written else name


def _short(value: Any) -> str:
    text = str(value)
    return text[:DIGITS] if DIGEST.fullmatch(text) else text
