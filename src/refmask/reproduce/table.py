"""A table of metrics: ours, the paper's and the difference, as Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from refmask.metrics import Interval


@dataclass(frozen=True)
class Cell:
    """One metric, in percent; None for what is unknown or not printed.

    Attributes:
        ours: as measured.
        paper: as printed.
        low: lower end of our interval.
        high: upper end of our interval.
    """

    ours: float | None = None
    paper: float | None = None
    low: float | None = None
    high: float | None = None

    def difference(self) -> float | None:
        """Ours minus the paper's."""
        if self.ours is None or self.paper is None:
            return None
        return self.ours - self.paper


@dataclass
class Table:
    """Metrics by row and column.

    Attributes:
        title: what it shows.
        rows: labels of rows, in order.
        columns: labels of columns, in order.
        cells: by row and column; missing cells are empty.
        notes: sentences below it: every rule that affects a metric.
    """

    title: str
    rows: list[str]
    columns: list[str]
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """Each cell as ``ours (paper, difference)``."""
        lines = [f"# {self.title}", ""]
        lines.append("| | " + " | ".join(self.columns) + " |")
        lines.append("|---" * (len(self.columns) + 1) + "|")
        for row in self.rows:
            shown = [_shown(self._cell(row, column)) for column in self.columns]
            lines.append(f"| {row} | " + " | ".join(shown) + " |")
        lines += ["", "Ours (the paper's, the difference), in percent."]
        lines += ["", *[f"- {note}" for note in self.notes]] if self.notes else []
        return "\n".join(lines) + "\n"

    def csv(self) -> str:
        """One line per cell: row, column, ours, low, high, paper, difference."""
        content = io.StringIO()
        writer = csv.writer(content, lineterminator="\n")
        writer.writerow(["row", "column", "ours", "low", "high", "paper", "difference"])
        writer.writerows(self._lines())
        return content.getvalue()

    def _cell(self, row: str, column: str) -> Cell:
        return self.cells.get((row, column), Cell())

    def _lines(self) -> Iterator[list[str]]:
        for row in self.rows:
            for column in self.columns:
                cell = self._cell(row, column)
                values = (cell.ours, cell.low, cell.high, cell.paper, cell.difference())
                if any(value is not None for value in values):
                    yield [row, column, *["" if v is None else f"{v:.4f}" for v in values]]


def cell(summary: Mapping[str, Any], metric: str, paper: float | None = None) -> Cell:
    """A metric of a run's summary, in percent, beside the paper's; ours is empty if undefined."""
    ours = summary["figures"].get(metric)
    return Cell(paper=paper) if ours is None else interval_cell(Interval(**ours), paper)


def interval_cell(interval: Interval, paper: float | None = None) -> Cell:
    """A metric and its interval, in percent, beside the paper's."""
    return Cell(100 * interval.value, paper, 100 * interval.low, 100 * interval.high)


def rules_of(summary: Mapping[str, Any]) -> list[str]:
    """The rules of a run and what it left out, as notes."""
    settings = summary["configuration"]
    split = f"{settings['data']} {settings['split']}"
    notes = list(summary["rules"])
    if summary["without_proposals"]:
        notes.append(f"{split}: {summary['without_proposals']} expressions without proposals")
    if summary["missing_images"]["count"]:
        notes.append(f"{split}: {summary['missing_images']['count']} images were missing")
    if "first" in settings:
        notes.append(f"{split}: only the first {settings['first']} images")
    return notes


def _shown(cell: Cell) -> str:
    ours = "-" if cell.ours is None else f"{cell.ours:.2f}"
    if cell.paper is None:
        return ours if cell.ours is not None else ""
    difference = cell.difference()
    gap = "" if difference is None else f", {difference:+.2f}"
    return f"{ours} ({cell.paper:.2f}{gap})"
