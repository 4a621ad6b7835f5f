"""The paper's tables, one function each, which returns the files it wrote: Markdown and CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from refmask import compat
from refmask.evaluation.summary import rules
from refmask.metrics import intervals
from refmask.reproduce import paper
from refmask.reproduce.context import REFCOCOG_VAL, RESNET, VIT, Column, ExperimentContext
from refmask.reproduce.sweep import Blend, sweep
from refmask.reproduce.table import Cell, Table, cell, interval_cell, rules_of

NAMES = {"refcoco": "RefCOCO", "refcoco+": "RefCOCO+", "refcocog": "RefCOCOg"}
SPLIT_BY = {"(U)": "umd", "(G)": "google"}
VAL_COLUMNS = (
    Column("RefCOCO val", "refcoco", "val"),
    Column("RefCOCO+ val", "refcoco+", "val"),
    REFCOCOG_VAL,
)
PHRASECUT_COLUMNS = (
    Column("all", "phrasecut", "test"),
    Column("unseen", "phrasecut", "test", subset="unseen"),
)
#: The paper's blend of the two features (equations 5 and 8).
PAPER_BLEND: Blend = (0.85, 0.5)


@dataclass(frozen=True)
class Row:
    """A method with an image tower.

    Attributes:
        method: a key of ``METHODS``.
        tower: VIT or RESNET.
    """

    method: str
    tower: str

    def label(self, context: ExperimentContext) -> str:
        """As printed, with the tower's name or that of the model in its place."""
        return f"{self.method} {context.tower_name(self.tower)}"


#: The rows of table 1, in its order.
ROWS = (
    Row("grad-cam", RESNET),
    Row("score-map", RESNET),
    Row("region-token", VIT),
    Row("cropping", RESNET),
    Row("cropping", VIT),
    Row("global-local", RESNET),
    Row("global-local", VIT),
)
OURS = ROWS[-1]
TABLE_2_ROWS = (ROWS[0], ROWS[1], ROWS[2], ROWS[4], ROWS[6])


def rows_of(
    context: ExperimentContext, rows: tuple[Row, ...] = ROWS
) -> tuple[list[Row], list[str]]:
    """The rows whose tower has a model, and a note about the others."""
    usable = [row for row in rows if row.tower in context.models]
    absent = [f"{row.method} {row.tower}" for row in rows if row not in usable]
    note = f"no model was given for {', '.join(absent)}"
    return usable, [note] if absent else []


def table1(context: ExperimentContext) -> list[Path]:
    """All methods on all splits, with the proposals' upper bound; one table per metric."""
    columns = context.columns(tuple(_column_of(*pair) for pair in paper.COLUMNS))
    rows, notes = rows_of(context)
    labels = [row.label(context) for row in rows]
    others = dict.fromkeys(name for column in columns for name in context.others(column))
    upper = f"upper bound {context.proposer_name}"
    tables = {
        metric: Table(
            f"Table 1, {metric}",
            [*labels, *_reported(context, metric), *others, upper],
            [column.label for column in columns],
            notes=notes,
        )
        for metric in ("oIoU", "mIoU")
    }
    for number, column in enumerate(columns):
        for row in rows:
            summary = context.evaluate(
                column, context.segmenter(row.tower, row.method, column), row.label(context)
            )
            for metric, table in tables.items():
                own = _printed(context, metric, (row.method, row.tower), number)
                table.cells[row.label(context), column.label] = cell(summary, metric, own)
                best = _printed(context, metric, paper.UPPER_BOUND, number)
                table.cells[upper, column.label] = cell(summary, f"upper {metric}", best)
            notes += [note for note in rules_of(summary) if note not in notes]
        for name, path in context.others(column).items():
            summary = context.score(column, path, name)
            for metric, table in tables.items():
                table.cells[name, column.label] = cell(summary, metric)
        for metric, table in tables.items():
            for name, printed in _reported(context, metric).items():
                table.cells[name, column.label] = Cell(paper=printed[number])
    return [
        path
        for metric, table in tables.items()
        for path in context.write_table(table, f"table1-{metric}")
    ]


def _reported(context: ExperimentContext, metric: str) -> dict[str, tuple[float | None, ...]]:
    """Metrics of other systems as the paper reports them, by name."""
    if context.on_scenes:
        return {}
    if metric == "oIoU":
        return {"LAVT, supervised, as reported": paper.LAVT}
    return {"TSEG, weakly supervised, as reported": paper.TABLE_1[metric]["TSEG", "reported"]}


def _printed(context: ExperimentContext, metric: str, row: paper.Row, number: int) -> float | None:
    """The paper's value, where data and proposals are the same."""
    same = not context.on_scenes and context.proposer_name == "freesolo"
    return paper.TABLE_1[metric][row][number] if same else None


def _column_of(dataset: str, split: str) -> Column:
    name, _, letter = split.partition(" ")
    return Column(f"{NAMES[dataset]} {split}", dataset, name, SPLIT_BY.get(letter))


def table2(context: ExperimentContext) -> list[Path]:
    """All methods on the data sets' own instances, so that only the choice is judged.

    Beside the paper's oIoU, "choice" is the share of right instances.
    """
    metrics = ("oIoU", "choice")
    columns = context.columns(VAL_COLUMNS)
    rows, notes = rows_of(context, TABLE_2_ROWS)
    names = [f"{column.label} {metric}" for column in columns for metric in metrics]
    table = Table(
        "Table 2, instances as proposals", [r.label(context) for r in rows], names, notes=notes
    )
    for column in columns:
        for row in rows:
            segmenter = context.segmenter(row.tower, row.method, column)
            summary = context.evaluate(
                column, segmenter, f"{row.label(context)} instances", instances=True
            )
            printed = None if context.on_scenes else paper.TABLE_2[row.method][column.dataset]
            for metric, value in zip(metrics, (printed, None), strict=True):
                name = f"{column.label} {metric}"
                table.cells[row.label(context), name] = cell(summary, metric, value)
            notes += [note for note in rules_of(summary) if note not in notes]
    return context.write_table(table, "table2")


def table3(context: ExperimentContext) -> list[Path]:
    """Visual by textual features, three by three, from one pass."""
    (column, *_) = context.columns((REFCOCOG_VAL,))
    results = sweep(context, column, VIT)
    alpha, beta = own_blend(context, column)
    visual = {"global": 1.0, "local": 0.0, "global-local": alpha}
    textual = {"global": 1.0, "local": 0.0, "global-local": beta}
    table = Table(
        f"Table 3, oIoU, {column.label}",
        [f"visual {name}" for name in visual],
        [f"text {name}" for name in textual],
        notes=[f"global-local is alpha {alpha} and beta {beta}", *notes(context)],
    )
    for row, a in visual.items():
        for name, b in textual.items():
            printed = None if context.on_scenes else paper.TABLE_3[row][name]
            ours = intervals(results[a, b])["oIoU"]
            table.cells[f"visual {row}", f"text {name}"] = interval_cell(ours, printed)
    return context.write_table(table, "table3")


def notes(context: ExperimentContext) -> list[str]:
    """The rules of an experiment on a sweep."""
    return [*rules(compat.by_name(context.compat, "vit"), chooses=True), *context.limits]


def own_blend(context: ExperimentContext, column: Column) -> Blend:
    """The blend of the model's card on scenes, else the paper's; both are on the grid."""
    method = context.segmenter(VIT, "global-local", column).method
    alpha, beta = getattr(method, "alpha", PAPER_BLEND[0]), getattr(method, "beta", PAPER_BLEND[1])
    return (round(float(alpha), 2), round(float(beta), 1))


def table4(context: ExperimentContext) -> list[Path]:
    """The noun phrases that the parser finds in the paper's expressions.

    The paper highlights each phrase; its text gives only the head.
    """
    expressions = [expression for expression, _ in paper.TABLE_4]
    phrases = context.phrase_parser(expressions)
    right = sum(p.head == head for p, (_, head) in zip(phrases, paper.TABLE_4, strict=True))
    lines = ["# Table 4, noun phrases", "", "| expression | noun phrase | head | paper's head |"]
    lines.append("|---|---|---|---|")
    content = io.StringIO()
    rows = csv.writer(content, lineterminator="\n")
    rows.writerow(["expression", "noun phrase", "head", "paper's head"])
    for phrase, (expression, head) in zip(phrases, paper.TABLE_4, strict=True):
        cells = (expression, phrase.noun_phrase, phrase.head, head)
        lines.append("| " + " | ".join(cells) + " |")
        rows.writerow(cells)
    lines += ["", f"{right} of {len(phrases)} heads are the paper's.", ""]
    return [
        context.write("table4.md", "\n".join(lines)),
        context.write("table4.csv", content.getvalue()),
    ]


def table5(context: ExperimentContext) -> list[Path]:
    """The global feature improves the choice of the instance, not of the class.

    Both sides use the same level: global is the global visual feature with the whole expression,
    local the local one with the noun phrase (the paper's oIoU are on table 3's diagonal).
    """
    metrics = ("MC-ACC", "CC-oIoU", "oIoU")
    (column, *_) = context.columns((REFCOCOG_VAL,))
    results = sweep(context, column, VIT)
    blends = {"global": (1.0, 1.0), "local": (0.0, 0.0)}
    blends["global-local"] = own_blend(context, column)
    table = Table(f"Table 5, {column.label}", list(blends), list(metrics), notes=notes(context))
    for row, blend in blends.items():
        ours = intervals(results[blend])
        for name in metrics:
            printed = None if context.on_scenes else paper.TABLE_5[row][name]
            if name in ours:
                table.cells[row, name] = interval_cell(ours[name], printed)
    return context.write_table(table, "table5")


def phrasecut(context: ExperimentContext) -> list[Path]:
    """PhraseCut: phrases about classes that no supervised system has seen (supplement)."""
    method = "global-local"
    columns = context.columns(PHRASECUT_COLUMNS)
    others = [] if context.on_scenes else [row for row in paper.PHRASECUT if row != method]
    table = Table("PhraseCut, oIoU", [*others, method], [column.label for column in columns])
    for column in columns:
        for row in others:
            table.cells[row, column.label] = Cell(paper=paper.PHRASECUT[row][column.label])
        segmenter = context.segmenter(VIT, method, column)
        summary = context.evaluate(column, segmenter, f"{method} {context.tower_name(VIT)}")
        printed = None if context.on_scenes else paper.PHRASECUT[method][column.label]
        table.cells[method, column.label] = cell(summary, "oIoU", printed)
        table.notes += [note for note in rules_of(summary) if note not in table.notes]
    return context.write_table(table, "phrasecut")


def noun_phrases(context: ExperimentContext) -> list[Path]:
    """How often the noun phrase is the whole expression, so that both texts are equal."""
    row = "noun phrase = expression"
    columns = context.columns(VAL_COLUMNS)
    table = Table("Noun phrases that are the whole expression", [row], [c.label for c in columns])
    for column in columns:
        phrases = context.phrase_parser(context.expressions(column))
        same = sum(phrase.noun_phrase == phrase.text for phrase in phrases)
        printed = None if context.on_scenes else paper.WHOLE_SENTENCE[column.dataset]
        table.cells[row, column.label] = Cell(100 * same / len(phrases), printed)
        table.notes.append(f"{column.label}: {len(phrases)} expressions")
    table.notes.append("the paper does not name the splits of its shares")
    return context.write_table(table, "noun-phrases")
