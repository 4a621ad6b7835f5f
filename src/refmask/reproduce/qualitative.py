"""Galleries: from records and chosen examples to the files of a figure."""

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

ONE_PER_IMAGE = "ties are broken by query id; at most one expression per image is shown"


@dataclass(frozen=True)
class Gallery:
    """A figure of examples.

    Attributes:
        name: of its files.
        shows: what it shows, a sentence.
        rule: the rule that picked the examples, a sentence.
        column: their split.
        answers: the records to draw, by column title and query id: each with ``mask`` (a
            run-length encoding) and ``iou``, the first also with ``expression`` and
            ``noun_phrase``.
        examples: the picked examples.
        abreast: examples side by side.
        colours: outline colours by column title, where not an answer's.
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
    """Check that examples can be computed and drawn, before any work.

    Raises:
        ConfigurationError: when there is no model for the vision transformer.
        MissingResource: when matplotlib is not installed.
    """
    check_plotting()
    if VIT not in context.models:
        raise ConfigurationError(f"there is no model for {VIT}; name one as `vit`")


def counted_records(run: RunRecords) -> Records:
    """The records that the run's metrics include, by query id."""
    return {query: record for query, record in run.records.items() if run.counts(query)}


def write_gallery(context: ExperimentContext, gallery: Gallery) -> list[Path]:
    """Write the examples as PDF, PNG, CSV and caption; only a caption where there are none."""
    caption = f"{gallery.shows} Data: {gallery.column.label}. {gallery.rule}"
    notes = [ONE_PER_IMAGE, *gallery.notes]
    notes += [f"arithmetic and rules of the evaluation: compat {context.compat}", *context.limits]
    if not gallery.examples:
        listed_notes = "".join(f"- {note}\n" for note in notes)
        text = f"{caption}\n\nNo expression fits the rule.\n\n{listed_notes}"
        return [context.write(f"{gallery.name}.md", text)]
    dataset = context.dataset(gallery.column)
    rows = [_row(gallery, example, dataset.sample(example.image)) for example in gallery.examples]
    figure = draw(["ground truth", *gallery.answers], rows, gallery.abreast)
    listed = [_listed(gallery, example) for example in gallery.examples]
    return write_figure(context, gallery.name, figure, listed, caption, notes)


def query_of(sample: Sample, example: Example) -> Query:
    """The example's query."""
    return next(query for query in sample.queries if query.id == example.query)


def _row(gallery: Gallery, example: Example, sample: Sample) -> Row:
    query = query_of(sample, example)
    records = {name: some[example.query] for name, some in gallery.answers.items()}
    panels = [Panel(query.target, TRUTH)]
    for name, record in records.items():
        colour = gallery.colours.get(name, ANSWER)
        panels.append(Panel(rle.decode(record["mask"]), colour, f"IoU {record['iou']:.2f}"))
    phrase = next(iter(records.values()))["noun_phrase"]
    return Row(sample.image, query.expression, phrase, panels, example.note)


def _listed(gallery: Gallery, example: Example) -> dict[str, Value]:
    """An example's line in the CSV."""
    records = {name: some[example.query] for name, some in gallery.answers.items()}
    return {
        "image": example.image,
        "query": example.query,
        "expression": next(iter(records.values()))["expression"],
        "example of": example.note,
        **{f"IoU {name}": float(record["iou"]) for name, record in records.items()},
    }
