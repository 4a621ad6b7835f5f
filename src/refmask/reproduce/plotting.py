"""Plots: figures as PDF and PNG, with their numbers as CSV and a caption."""

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

#: Distinct for all kinds of colour vision (Okabe and Ito, 2008), also by their markers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")
#: Size of a panel, in inches.
WIDTH, HEIGHT = 4.6, 3.4
DPI = 160
BAND = 0.18
#: Share of a group's width that its bars fill.
FILLED = 0.8

#: Removes what would differ between calls from the files.
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

    def add(self, x: float, metric: Interval) -> None:
        """Append a point; the metric is 0 to 1."""
        self.x.append(x)
        self.y.append(100 * metric.value)
        self.low.append(100 * metric.low)
        self.high.append(100 * metric.high)

    def values(self) -> list[Row]:
        """Overall IoU and interval of each point, as columns of the CSV."""
        points = zip(self.y, self.low, self.high, strict=True)
        return [{"oIoU": y, "low": low, "high": high} for y, low, high in points]


def check_plotting() -> None:
    """Check that figures can be drawn, before any work.

    Raises:
        MissingResource: when matplotlib is not installed.
    """
    try:
        import matplotlib.backends.backend_agg  # noqa: F401
    except ImportError:
        raise MissingResource(
            "drawing figures needs matplotlib, which is not installed; "
            "run 'pip install \"refmask[figures]\"'"
        ) from None


def panels(
    count: int = 1, *, one_scale: bool = False, width: float = WIDTH
) -> tuple[Figure, list[Axes]]:
    """A figure of panels side by side, without a display or pyplot.

    Args:
        count: number of panels.
        one_scale: they share the y axis.
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
        panel: to draw on.
        curve: to draw.
        number: its number in the panel, for colour and marker.
        marked: the x of a large marker.
    """
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    panel.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=BAND, linewidth=0)
    panel.plot(curve.x, curve.y, color=colour, marker=marker, markersize=3, label=curve.label)
    for x, y in zip(curve.x, curve.y, strict=True):
        if x == marked:
            panel.plot([x], [y], color=colour, marker=marker, markersize=9)


def draw_bars(
    panel: Axes,
    bars: Mapping[int, float],
    label: str,
    series: tuple[int, int],
    ends: Mapping[int, tuple[float, float]] | None = None,
) -> None:
    """One series of bars, beside those of the other series in each group.

    Args:
        panel: to draw on.
        bars: height by number of the group; groups may be missing.
        label: of the series, for the legend.
        series: number of the series, and how many there are.
        ends: lower and upper end of each bar's interval.
    """
    number, count = series
    width = FILLED / count
    shift = (number - (count - 1) / 2) * width
    x, heights = [group + shift for group in bars], list(bars.values())
    colour = COLOURS[number % len(COLOURS)]
    panel.bar(x, heights, width, color=colour, label=label, edgecolor="white", linewidth=0.5)
    if ends is not None:
        # Centred on the interval: its quantiles may both lie on one side of the value.
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
        context: its folder takes the files.
        name: of the files.
        figure: to write.
        rows: every number that is drawn, by column; the first row has all columns.
        caption: what the figure shows.
        notes: every rule that affects a number.
    """
    listed = "".join(f"- {note}\n" for note in notes)
    return [
        *save_figure(context.out, name, figure),
        context.write(f"{name}.csv", _csv(rows)),
        context.write(f"{name}.md", caption + "\n" + (f"\n{listed}" if listed else "")),
    ]


def save_figure(out: Path, name: str, figure: Figure) -> list[Path]:
    """Write NAME.pdf and NAME.png into a folder; returns their paths."""
    written = []
    for kind, metadata in _UNDATED.items():
        content = io.BytesIO()
        figure.savefig(content, format=kind, dpi=DPI, metadata=metadata)
        written.append(out / f"{name}.{kind}")
        write_whole(written[-1], content.getvalue())
    return written


def _csv(rows: Sequence[Row]) -> str:
    content = io.StringIO()
    writer = csv.DictWriter(content, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        shown = {k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()}
        writer.writerow(shown)
    return content.getvalue()
