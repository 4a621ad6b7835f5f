"""The rows of tables 1 and 2: each method with the image tower it is made for."""

from __future__ import annotations

from dataclasses import dataclass

from refmask.reproduce.context import RESNET, VIT, ExperimentContext


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
        """As printed: with the tower's name, or the model's where that is another."""
        return f"{self.method} {context.tower_name(self.tower)}"


#: In the order of table 1.
ROWS = (
    Row("grad-cam", RESNET),
    Row("score-map", RESNET),
    Row("region-token", VIT),
    Row("cropping", RESNET),
    Row("cropping", VIT),
    Row("global-local", RESNET),
    Row("global-local", VIT),
)


def rows_of(
    context: ExperimentContext, rows: tuple[Row, ...] = ROWS
) -> tuple[list[Row], list[str]]:
    """Those rows whose tower is there, and a note about the others."""
    there = [row for row in rows if row.tower in context.models]
    absent = [f"{row.method} {row.tower}" for row in rows if row not in there]
    note = f"no model was given for {', '.join(absent)}: see --resnet and --vit"
    return there, [note] if absent else []
