"""Figure 4, right: zero-shot against supervised systems trained on k instances of each class.

The training sets come from ``refmask data fewshot``, the systems' masks as predictions named
``NAME@K``, such as ``LAVT@4``.
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

#: (name of a system, k) -> the file of its masks.
FewShot = dict[tuple[str, int], Path]


def fig4(context: ExperimentContext) -> list[Path]:
    """Ours, and a curve per supervised system over k; PDF, PNG, CSV and caption.

    Raises:
        ConfigurationError: when the name of a prediction has no k.
    """
    check_plotting()
    files = _few_shot(context)
    (column, *_) = context.columns((REFCOCOG_VAL,))
    name = f"global-local {context.tower_name(VIT)}"
    scored = {key: context.score(column, path, "{}@{}".format(*key)) for key, path in files.items()}
    ours = context.evaluate(column, context.segmenter(VIT, "global-local", column), name)
    curves = [_curve(system, scored) for system in dict.fromkeys(system for system, _ in files)]
    figure, (panel,) = panels()
    _draw_ours(panel, _interval(ours), f"{name}, zero-shot")
    for number, curve in enumerate(curves):
        draw_curve(panel, curve, number + 1)
    _draw_shots(panel, sorted({k for _, k in files}))
    panel.set(xlabel="instances per class in training (k)", ylabel=f"oIoU on {column.label} (%)")
    panel.set_ylim(bottom=0)
    panel.legend(frameon=False)
    caption = (
        f"# Figure 4, right: few-shot supervision, {column.label}\n\n"
        "oIoU of systems trained on k instances of each class, beside the zero-shot system, which "
        "sees none; bands are 95 % intervals."
    )
    notes = list(dict.fromkeys(note for run in (ours, *scored.values()) for note in rules_of(run)))
    if not files:
        notes.append("no supervised system is drawn: there is no prediction NAME@K=FILE")
        context.say(notes[-1])
    return write_figure(context, "fig4", figure, _rows(name, ours, curves), caption, notes)


def _few_shot(context: ExperimentContext) -> FewShot:
    files = {}
    for name, path in context.predictions.items():
        if "@" not in name:
            continue  # a row of tables
        system, _, shots = name.rpartition("@")
        if not system or not shots.isdecimal() or int(shots) < 1:
            raise ConfigurationError(
                f"the name '{name}' of a prediction is not NAME@K, with K the instances per class "
                "in training; name it such as LAVT@4"
            )
        files[system, int(shots)] = path
    return dict(sorted(files.items(), key=lambda item: item[0][1]))


def _curve(system: str, scored: dict[tuple[str, int], Summary]) -> Curve:
    curve = Curve(system)
    for (name, shots), summary in scored.items():
        if name == system:
            curve.add(shots, _interval(summary))
    return curve


def _interval(summary: Summary) -> Interval:
    return Interval(**summary["figures"]["oIoU"])


def _draw_ours(panel: Axes, ours: Interval, label: str) -> None:
    panel.axhspan(100 * ours.low, 100 * ours.high, color=COLOURS[0], alpha=BAND, linewidth=0)
    panel.axhline(100 * ours.value, color=COLOURS[0], linestyle="--", label=label)


def _draw_shots(panel: Axes, shots: list[int]) -> None:
    """Ticks at each k on a logarithmic axis: k usually doubles."""
    if shots:
        panel.set_xscale("log", base=2)
    panel.set_xticks(shots, [str(number) for number in shots])
    panel.minorticks_off()


def _rows(name: str, ours: Summary, curves: list[Curve]) -> list[Row]:
    own = Curve(name)
    own.add(0, _interval(ours))
    return [
        {"system": curve.label, "k": int(k), **values}
        for curve in (own, *curves)
        for k, values in zip(curve.x, curve.values(), strict=True)
    ]
