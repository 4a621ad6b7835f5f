"""How often the noun phrase is the whole expression, so that both texts are one (supplement A)."""

from __future__ import annotations

from pathlib import Path

from refmask.reproduce import paper
from refmask.reproduce.context import REFCOCOG_VAL, Column, ExperimentContext
from refmask.reproduce.table import Cell, Table

COLUMNS = (
    Column("RefCOCO val", "refcoco", "val"),
    Column("RefCOCO+ val", "refcoco+", "val"),
    REFCOCOG_VAL,
)
ROW = "noun phrase = expression"


def make(context: ExperimentContext) -> list[Path]:
    """Parse every expression of the splits; Markdown and CSV."""
    columns = context.columns(COLUMNS)
    table = Table("Noun phrases that are the whole expression", [ROW], [c.label for c in columns])
    for column in columns:
        said = [query.expression for s in context.samples(column) for query in s.queries]
        phrases = context.phrase_parser(said)
        same = sum(phrase.noun_phrase == phrase.text for phrase in phrases)
        printed = None if context.on_scenes else paper.WHOLE_SENTENCE[column.dataset]
        table.cells[ROW, column.label] = Cell(100 * same / len(said), printed)
        table.notes.append(f"{column.label}: {len(said)} expressions")
    table.notes.append("the paper does not say over which splits its shares are")
    return context.write_table(table, "noun-phrases")
