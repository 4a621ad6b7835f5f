"""All kinds of input."""

from __future__ import annotations

from pathlib import Path

from attack import annotations, asked, images, kept, models
from attack.gadgets import gadgets
from attack.kinds import Kind

SUBJECTS = (images, annotations, models, kept, asked)


def all_kinds(canary: Path) -> list[Kind]:
    """All kinds, with pickles that would make the canary."""
    made = gadgets(canary)
    return [kind for subject in SUBJECTS for kind in subject.kinds(made)]
