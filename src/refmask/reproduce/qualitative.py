"""What the figures of images share: from records and picked examples to a figure's files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from refmask.errors import ConfigurationError
from refmask.evaluation.comparing import RunRecords
from refmask.ops import rle
from refmask.reproduce.context import VIT, Column, ExperimentContext
from refmask.reproduce.examples import Example, Records
from refmask.reproduce.panels import Colour, Panel, Row, draw
from refmask.reproduce.plotting import Value, check_plotting, write_figure
from refmask.types import Query, Sample
from refmask.visualize.comparison import TRUTH
from refmask.visualize.overlay import ANSWER

ONE_A_IMAGE = "ties go by the expression's id; of an image at most one expression is shown"


@dataclass(frozen=True)
class Gallery:
    """A figure of examples.

    Attributes:
        name: of its files.
        shows: a sentence.
        rule: how its examples are picked, a sentence.
        column: the split they are of.
        answers: what is drawn, by column title and expression's id: each with ``mask`` (a
            run-length encoding) and ``iou``, the first also with ``expression`` and
            ``noun_phrase``.
        examples: what the rule picked.
        abreast: examples side by side.
        colours: of outlines by column title, where it is not an answer's.
        notes: sentences below.
    """

    name: str
    shows: str
    rule: str
    column: Column
    answers: Mapping[str, Records]
    examples: Sequence[Example]
    abreast: int = 1
    colours: Mapping[str, Colour] = field(default_factory=dict)
    notes: Sequence[str] = ()


def check_ready(context: ExperimentContext) -> None:
    """Make sure that examples can be made and drawn, before anything is computed for them.

    Raises:
        ConfigurationError: when no model stands for the vision transformer, whose answers they are.
        MissingResource: when matplotlib is not installed.
    """
    check_plotting()
    if VIT not in context.models:
        raise ConfigurationError(f"expected a model as {VIT}, none was given; name one as `vit`")


def counted(found: RunRecords) -> Records:
    """The records of a run that its figures count, by the expression's id."""
    return {query: record for query, record in found.records.items() if found.counts(query)}


def write_gallery(context: ExperimentContext, gallery: Gallery) -> list[Path]:
    """Draw the examples; PDF, PNG, CSV and a caption, which alone tells where none was found."""
    caption = f"{gallery.shows} Data: {gallery.column.label}. {gallery.rule}"
    notes = [ONE_A_IMAGE, *gallery.notes, *_limits(context)]
    if not gallery.examples:
        told = "".join(f"- {note}\n" for note in notes)
        text = f"{caption}\n\nNo expression fits the rule.\n\n{told}"
        return [context.write(f"{gallery.name}.md", text)]
    dataset = context.dataset(gallery.column)
    rows = [_row(gallery, example, dataset.sample(example.image)) for example in gallery.examples]
    figure = draw(["ground truth", *gallery.answers], rows, gallery.abreast)
    listed = [_listed(gallery, example) for example in gallery.examples]
    return write_figure(context, gallery.name, figure, listed, caption, notes)


def query_of(sample: Sample, example: Example) -> Query:
    """The example's expression with its target."""
    return next(query for query in sample.queries if query.id == example.query)


def _row(gallery: Gallery, example: Example, sample: Sample) -> Row:
    query = query_of(sample, example)
    told = {name: records[example.query] for name, records in gallery.answers.items()}
    panels = [Panel(query.target, TRUTH)]
    for name, record in told.items():
        colour = gallery.colours.get(name, ANSWER)
        panels.append(Panel(rle.decode(record["mask"]), colour, f"IoU {record['iou']:.2f}"))
    phrase = next(iter(told.values()))["noun_phrase"]
    return Row(sample.image, query.expression, phrase, panels, example.note)


def _listed(gallery: Gallery, example: Example) -> dict[str, Value]:
    """What is drawn of an example, in numbers."""
    told = {name: records[example.query] for name, records in gallery.answers.items()}
    expression = next(record["expression"] for record in told.values())
    row: dict[str, Value] = {"image": example.image, "query": example.query}
    row |= {"expression": expression, "example of": example.note}
    return row | {f"IoU {name}": float(record["iou"]) for name, record in told.items()}


def _limits(context: ExperimentContext) -> list[str]:
    """By whose rules the records were made, and what was left out."""
    limited = [] if context.first is None else [f"only the first {context.first} images"]
    return [f"arithmetic and rules of the evaluation: compat {context.compat}", *limited]
