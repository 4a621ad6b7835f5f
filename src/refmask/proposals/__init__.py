"""Mask proposers: class-agnostic masks of a picture.

To add one: one file or folder beside this one and one line in ``PROPOSERS``.
"""

from __future__ import annotations

from collections.abc import Callable

from refmask.errors import ConfigurationError
from refmask.types import MaskProposer


def _grouping() -> MaskProposer:
    from refmask.proposals.grouping import Grouping

    return Grouping()


#: Proposers that need nothing but the picture, by name.
PROPOSERS: dict[str, Callable[[], MaskProposer]] = {
    "grouping": _grouping,
}


def load_proposer(spec: str, stem: str | None = None) -> MaskProposer:
    """The proposer that a specification names.

    Args:
        spec: a name in ``PROPOSERS``, or ``masks:PATH`` for given masks: a folder of PNGs, an
            ``.npz`` file or a COCO ``.json`` file. ``{stem}`` in PATH stands for the picture's
            file name without its extension.
        stem: the picture's, where known.

    Raises:
        ConfigurationError: for an unknown name, or ``{stem}`` without a stem.
        MaskError: when the given masks cannot be read.
    """
    kind, _, path = spec.partition(":")
    if kind == "masks" and path:
        from refmask.proposals.given import GivenMasks

        if "{stem}" in path and stem is None:
            raise ConfigurationError(
                f"proposals '{spec}' need the picture's name for {{stem}}, but it has none; "
                "give the path without {stem}"
            )
        return GivenMasks(path.replace("{stem}", stem or ""), stem)
    if spec not in PROPOSERS:
        known = ", ".join([*PROPOSERS, "masks:PATH"])
        raise ConfigurationError(f"unknown proposals '{spec}'; choose one of: {known}")
    return PROPOSERS[spec]()
