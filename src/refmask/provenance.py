"""Where answers come from: told by every record, drawing and page that shows one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: The models that come with refmask: the preview for photographs, and the one for emoji scenes.
OFFLINE, EMBEDDED = "offline", "embedded"
#: What must be known about a model before its first answer is read; its first words stand in
#: captions. The weights of any published CLIP need no label.
LABELS = {
    OFFLINE: "offline preview: ImageNet classes, not CLIP",
    EMBEDDED: "emoji model: knows emoji scenes only",
}

#: A SHA-256, and how many of its digits are told among settings.
DIGEST, DIGITS = re.compile("[0-9a-f]{64}"), 12


def label_of(model: str) -> str | None:
    """What must be known about a model, by its name; None when that says it all."""
    return LABELS.get(model)


@dataclass(frozen=True)
class Provenance:
    """Where an answer comes from.

    Attributes:
        model: its name, a file's without its folders.
        weights: SHA-256 of the model's weights; None when they are no file.
        proposals: what offered the masks, with its settings.
        method: what scored them, with its settings.
        version: of refmask.
        label: what must be known about the model; None when its name says it all.
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
        """The model in a few words: how its label begins, else its name."""
        return self.label.partition(":")[0] if self.label else self.model

    def __str__(self) -> str:
        """All of it on one line."""
        weights = f" {self.weights[:DIGITS]}" if self.weights else ""
        told = f"model {self.model}{weights}, proposals {self.proposals}, method {self.method}"
        label = f" ({self.label})" if self.label else ""
        return f"refmask {self.version}{label}: {told}"


def spelled(name: str, settings: Mapping[str, Any]) -> str:
    """A name with its settings, as ``refmask.load`` takes them: ``NAME:key=value,key=value``.

    Args:
        name: of a proposer or a method.
        settings: those that are None are left out; digests are cut short.
    """
    told = [f"{key}={_short(value)}" for key, value in settings.items() if value is not None]
    return f"{name}:{','.join(told)}" if told else name


def _short(value: Any) -> str:
    text = str(value)
    return text[:DIGITS] if DIGEST.fullmatch(text) else text
