"""The paper's tables and figures.

To add one: a function that takes an ``ExperimentContext`` and returns the files it wrote, named
like the experiment with ``_`` for ``-``; and one line in ``EXPERIMENTS``.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from refmask.reproduce.context import ExperimentContext

#: Name -> the module with its function, and what it shows.
EXPERIMENTS = {
    "table1": ("tables", "all methods on all splits, oIoU and mIoU"),
    "table2": ("tables", "all methods on the data sets' own instances"),
    "table3": ("tables", "visual by textual features"),
    "table4": ("tables", "the noun phrases of the paper's expressions"),
    "table5": ("tables", "right classes, and overlap where the class is right"),
    "phrasecut": ("tables", "PhraseCut test, all classes and unseen ones"),
    "noun-phrases": ("tables", "how often the noun phrase is the whole expression"),
    "fig4": ("fig4", "ours, and supervised systems trained on k instances per class"),
    "fig5": ("galleries", "examples: levels of the visual feature"),
    "fig6": ("galleries", "examples: levels of the textual feature"),
    "fig7": ("galleries", "examples: all methods side by side"),
    "fig8": ("charts", "words and nouns of expressions"),
    "fig9": ("charts", "gain of the noun phrase, by the expression's length"),
    "fig10": ("galleries", "examples: why answers fail"),
    "fig11": ("charts", "overall IoU against alpha and against beta"),
    "fig12": ("fig12", "overall IoU against the number of masked blocks, per ViT"),
    "fig13": ("galleries", "examples: typical answers on RefCOCO"),
    "fig14": ("galleries", "examples: typical answers on RefCOCO+"),
    "fig15": ("galleries", "examples: typical answers on RefCOCOg"),
}


def make(name: str, context: ExperimentContext) -> list[Path]:
    """Make a table or figure by its name in ``EXPERIMENTS``; returns the files written."""
    module = importlib.import_module(f"refmask.reproduce.{EXPERIMENTS[name][0]}")
    files: list[Path] = getattr(module, name.replace("-", "_"))(context)
    return files
