"""Figure 4, right: zero-shot against supervised systems that saw k instances of each class.

Such systems are trained elsewhere, on what ``refmask data fewshot`` draws; their masks come as
predictions named ``NAME@K``, such as ``LAVT@4``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from refmask.errors import ConfigurationError
from refmask.evaluation.summary import Summary
from refmask.metrics import Interval
from refmask.reproduce.context import REFCOCOG_VAL, VIT, ExperimentContext
from refmask.reproduce.plotting import (
    BAND,
    COLOURS,
    Curve,
    Row,
    check_plotting,
    draw_curve,
    panels,
    write_figure,
)
from refmask.reproduce.table import rules_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Name of a system and k -> the file of its masks.
Named = dict[tuple[str, int], Path]


def fig4(context: ExperimentContext) -> list[Path]:
    """Our line, and one per supervised system over k; PDF, PNG, CSV and caption.

    Raises:
        ConfigurationError: when a prediction's name does not tell k.
    """
    check_plotting()
    named = _named(context)
    (column, *_) = context.columns((REFCOCOG_VAL,))
    name = f"global-local {context.tower_name(VIT)}"
    scored = {key: context.score(column, path, "{}@{}".format(*key)) for key, path in named.items()}
    ours = context.evaluate(column, context.segmenter(VIT, "global-local", column), name)
    curves = [_curve(system, scored) for system in dict.fromkeys(system for system, _ in named)]
    figure, (panel,) = panels()
    _draw_ours(panel, _interval(ours), f"{name}, zero-shot")
    for number, curve in enumerate(curves):
        draw_curve(panel, curve, number + 1)
    _draw_shots(panel, sorted({k for _, k in named}))
    panel.set(xlabel="instances per class in training (k)", ylabel=f"oIoU on {column.label} (%)")
    panel.set_ylim(bottom=0)
    panel.legend(frameon=False)
    caption = (
        f"# Figure 4, right: few-shot supervision, {column.label}\n\n"
        "oIoU of systems trained on k instances of each class, beside the zero-shot system, which "
        "sees none; bands are 95 % intervals."
    )
    notes = list(dict.fromkeys(note for run in (ours, *scored.values()) for note in rules_of(run)))
    if not named:
        notes.append("no supervised system is drawn: no prediction NAME@K=FILE was given")
        context.say(notes[-1])
    return write_figure(context, "fig4", figure, _rows(name, ours, curves), caption, notes)


def _named(context: ExperimentContext) -> Named:
    found = {}
    for text, path in context.predictions.items():
        if "@" not in text:
            continue  # a row of tables
        system, _, shots = text.rpartition("@")
        if not system or not shots.isdecimal() or int(shots) < 1:
            raise ConfigurationError(
                f"expected a prediction NAME@K=FILE for figure 4, with K the instances per class "
                f"that the system was trained on, got the name '{text}'; name it as LAVT@4"
            )
        found[system, int(shots)] = path
    return dict(sorted(found.items(), key=lambda item: item[0][1]))


def _curve(system: str, scored: dict[tuple[str, int], Summary]) -> Curve:
    curve = Curve(system)
    for (name, shots), summary in scored.items():
        if name == system:
            curve.add(shots, _interval(summary))
    return curve


def _interval(summary: Summary) -> Interval:
    return Interval(**summary["figures"]["oIoU"])


def _draw_ours(panel: Axes, figure: Interval, label: str) -> None:
    panel.axhspan(100 * figure.low, 100 * figure.high, color=COLOURS[0], alpha=BAND, linewidth=0)
    panel.axhline(100 * figure.value, color=COLOURS[0], linestyle="--", label=label)


def _draw_shots(panel: Axes, shots: list[int]) -> None:
    """Ticks at the numbers that there are, which are usually doubled from one to the next."""
    if shots:
        panel.set_xscale("log", base=2)
    panel.set_xticks(shots, [str(number) for number in shots])
    panel.minorticks_off()


def _rows(name: str, ours: Summary, curves: list[Curve]) -> list[Row]:
    own = Curve(name)
    own.add(0, _interval(ours))
    return [
        {"system": curve.label, "k": int(k), **figures}
        for curve in (own, *curves)
        for k, figures in zip(curve.x, curve.figures(), strict=True)
    ]
