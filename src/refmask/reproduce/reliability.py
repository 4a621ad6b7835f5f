"""The reliability diagram of a calibration: confidence against how often answers are right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from refmask.evaluation.calibrating import Fit
from refmask.metrics.reliability import BINS, Bins
from refmask.reproduce.plotting import COLOURS, panels, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "reliability"
#: Area of the largest bin's mark, in points squared.
LARGEST = 180.0


def reliability_diagram(fit: Fit, out: Path) -> list[Path]:
    """Draw before beside after, on the images that were not fitted on.

    Args:
        fit: from ``calibrate``.
        out: the folder to write ``reliability.pdf`` and ``reliability.png`` into.

    Returns:
        Their paths.

    Raises:
        ConfigurationError: when they cannot be written.
        MissingResource: when matplotlib is not installed.
    """
    figure, axes = panels(2, one_scale=True)
    for number, (panel, title, bins) in enumerate(
        zip(axes, ("before", "after"), (fit.before, fit.after), strict=True)
    ):
        _draw(panel, bins, COLOURS[number])
        panel.set_title(f"{title}: ECE {bins.ece:.3f}", fontsize=10)
    axes[0].set_ylabel("share of right answers")
    return save_figure(out, NAME, figure)


def _draw(panel: Axes, bins: Bins, colour: str) -> None:
    """Each bin a mark, the larger the more answers, over the diagonal where all should lie."""
    rows = bins.rows()
    most = max((row["answers"] for row in rows), default=1)
    panel.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1)
    panel.vlines(
        [row["confidence"] for row in rows],
        [row["confidence"] for row in rows],
        [row["right"] for row in rows],
        color=colour,
        linewidth=1,
    )
    panel.scatter(
        [row["confidence"] for row in rows],
        [row["right"] for row in rows],
        s=[LARGEST * row["answers"] / most for row in rows],
        color=colour,
    )
    panel.set(xlim=(0, 1.02), ylim=(0, 1.05), xlabel=f"confidence, in {BINS} bins")
