"""Figures as PDF and PNG, with their numbers as CSV and a caption that says what is shown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from refmask.errors import MissingResource
from refmask.metrics import Interval
from refmask.ops.files import write_whole
from refmask.reproduce.context import ExperimentContext

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Told apart by all kinds of colour vision (Okabe and Ito, 2008), and by their markers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")
#: Of one panel, in inches.
WIDTH, HEIGHT = 4.6, 3.4
DPI = 160
BAND = 0.18
#: Of the space between two groups of bars, what the bars take.
FILLED = 0.8

#: Everything in a file that would differ from one call to the next.
_UNDATED = {"pdf": {"CreationDate": None}, "png": {"Software": None}}

Value = str | int | float | None
#: One line of a CSV, by column.
Row = dict[str, Value]


@dataclass
class Curve:
    """Overall IoU against something, in percent, with intervals.

    Attributes:
        label: as the legend names it.
        x: of each point.
        y: of each point.
        low: lower end of each interval.
        high: upper end of each interval.
    """

    label: str
    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def add(self, x: float, figure: Interval) -> None:
        """Append a point; the figure is 0 to 1, as metrics give it."""
        self.x.append(x)
        self.y.append(100 * figure.value)
        self.low.append(100 * figure.low)
        self.high.append(100 * figure.high)

    def figures(self) -> list[Row]:
        """The last columns of each point's line in the CSV."""
        points = zip(self.y, self.low, self.high, strict=True)
        return [{"oIoU": y, "low": low, "high": high} for y, low, high in points]


def check_plotting() -> None:
    """Make sure that figures can be drawn, before anything is computed for them.

    Raises:
        MissingResource: when matplotlib is not installed.
    """
    try:
        import matplotlib.backends.backend_agg  # noqa: F401
    except ImportError:
        raise MissingResource(
            "expected matplotlib to draw figures, it is not installed; install it with "
            "'pip install \"refmask[figures]\"'"
        ) from None


def panels(
    count: int = 1, *, one_scale: bool = False, width: float = WIDTH
) -> tuple[Figure, list[Axes]]:
    """A figure of panels side by side, drawn without a display or any state of pyplot.

    Args:
        count: number of panels.
        one_scale: their y axes are the same.
        width: of each, in inches.

    Raises:
        MissingResource: when matplotlib is not installed.
    """
    check_plotting()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * count, HEIGHT), layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(1, count, sharey=one_scale, squeeze=False)[0])
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="y", color="0.88", linewidth=0.8)
        panel.set_axisbelow(True)
        panel.tick_params(labelsize=9)
    return figure, axes


def draw_curve(panel: Axes, curve: Curve, number: int, marked: float | None = None) -> None:
    """A line with a marker at each point and its intervals as a band.

    Args:
        panel: where.
        curve: what.
        number: its place among the panel's, for colour and marker.
        marked: the x whose marker is large.
    """
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    panel.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=BAND, linewidth=0)
    panel.plot(curve.x, curve.y, color=colour, marker=marker, markersize=3, label=curve.label)
    own = [(x, y) for x, y in zip(curve.x, curve.y, strict=True) if x == marked]
    for x, y in own:
        panel.plot([x], [y], color=colour, marker=marker, markersize=9)


def draw_bars(
    panel: Axes,
    bars: Mapping[int, float],
    label: str,
    place: tuple[int, int],
    ends: Mapping[int, tuple[float, float]] | None = None,
) -> None:
    """One series of bars, beside those of the other series in each group.

    Args:
        panel: where.
        bars: height by number of the group; groups may be absent.
        label: as the legend names the series.
        place: number of the series, and how many there are.
        ends: lower and upper end of each bar's interval.
    """
    number, count = place
    width = FILLED / count
    shift = (number - (count - 1) / 2) * width
    x, heights = [group + shift for group in bars], list(bars.values())
    colour = COLOURS[number % len(COLOURS)]
    panel.bar(x, heights, width, color=colour, label=label, edgecolor="white", linewidth=0.5)
    if ends is not None:
        # Around its own middle: a quantile of resampled values may lie on one side of the value.
        middle = [sum(ends[group]) / 2 for group in bars]
        half = [(ends[group][1] - ends[group][0]) / 2 for group in bars]
        panel.errorbar(x, middle, half, fmt="none", ecolor="0.25", capsize=3, linewidth=1)


def write_figure(
    context: ExperimentContext,
    name: str,
    figure: Figure,
    rows: Sequence[Row],
    caption: str,
    notes: Iterable[str] = (),
) -> list[Path]:
    """Write NAME.pdf, NAME.png, NAME.csv and NAME.md, the same bytes for the same figure.

    Args:
        context: whose folder takes them.
        name: of the files.
        figure: what was drawn.
        rows: every number that is drawn, by column; the first row names the columns.
        caption: what is shown.
        notes: every rule that affects a number.
    """
    written = []
    for kind, metadata in _UNDATED.items():
        content = io.BytesIO()
        figure.savefig(content, format=kind, dpi=DPI, metadata=metadata)
        written.append(context.out / f"{name}.{kind}")
        write_whole(written[-1], content.getvalue())
    listed = "".join(f"- {note}\n" for note in notes)
    return [
        *written,
        context.write(f"{name}.csv", _csv(rows)),
        context.write(f"{name}.md", caption + "\n" + (f"\n{listed}" if listed else "")),
    ]


def _csv(rows: Sequence[Row]) -> str:
    content = io.StringIO()
    writer = csv.DictWriter(content, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        shown = {k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()}
        writer.writerow(shown)
    return content.getvalue()
