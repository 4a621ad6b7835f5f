"""How cost grows with masks, with the image and with expressions.

    python benchmarks/scaling.py [--threads 2] [--runs 3]

ViT-B/32 with deterministic weights. Prints a table, writes ``results/scaling.json`` and draws
``docs/scaling.png``. Nothing may grow faster than linearly, beyond a constant; an image's size
counts in pixels, all of which have to be read.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cases
import numpy as np
import tables
import torch
from cases import Pair
from harness import alternate, figures, machine, write
from matplotlib.ticker import LogLocator, NullLocator
from scipy.optimize import nnls

from refmask.reproduce.plotting import COLOURS, panels
from refmask.types import MaskProposals

PLOT = Path(__file__).parent.parent / "docs" / "scaling.png"

MASKS = (10, 25, 50, 100, 200, 400)
#: Longer sides, of images of 4:3 with so many masks each.
SIDES, MASKS_OF_SIDES = (300, 640, 1200, 2000, 4000), 20
EXPRESSIONS = (1, 3, 10, 30, 100, 300, 1000)
#: Exponents that are tried for the fit.
EXPONENTS = np.arange(0.05, 3.0, 0.01)


def main() -> None:
    """Measure, print, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    # More would run out of expressions.
    parser.add_argument("--runs", type=int, default=3, choices=(1, 2, 3))
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    with tempfile.TemporaryDirectory() as folder:
        pair = cases.load(cases.model("ViT-B/32", 3), Path(folder))
    content = {"runs": chosen.runs, "axes": axes(pair, chosen.runs)}
    print(tables.scaling({"machine": machine(), **content}))
    print(write("scaling", content))
    draw(content["axes"], PLOT)


def axes(pair: Pair, runs: int) -> list[dict[str, Any]]:
    """Masks, pixels and expressions, each with what it costs."""
    return [
        axis("masks", MASKS, by_masks(pair), runs),
        axis("pixels", [side * side * 3 // 4 for side in SIDES], by_sides(pair), runs),
        axis("expressions", EXPRESSIONS, by_expressions(pair), runs),
    ]


def by_masks(pair: Pair) -> list[Callable[[int], Any]]:
    """One look at an image of 480x640."""
    image, drawn = cases.make_image(), [cases.masks(count) for count in MASKS]
    return [lambda _, m=masks: pair.segmenter.look(image, MaskProposals(m)) for masks in drawn]


def by_sides(pair: Pair) -> list[Callable[[int], Any]]:
    """One look at an image that grows."""

    def look(side: int) -> Callable[[int], Any]:
        size = side * 3 // 4, side
        image, masks = cases.make_image(*size), cases.masks(MASKS_OF_SIDES, *size)
        return lambda _: pair.segmenter.look(image, MaskProposals(masks))

    return [look(side) for side in SIDES]


def by_expressions(pair: Pair) -> list[Callable[[int], Any]]:
    """Further expressions about an image; none is asked twice, since texts' features are kept."""
    scene = pair.segmenter.look(cases.make_image(), MaskProposals(cases.masks(50)))
    starts = itertools.accumulate((0, *EXPRESSIONS))
    every = sum(EXPRESSIONS)
    return [
        lambda run, n=count, s=start: scene.find(cases.expressions(n, run * every + s))
        for count, start in zip(EXPRESSIONS, starts, strict=False)
    ]


def axis(
    name: str, sizes: Sequence[int], works: list[Callable[[int], Any]], runs: int
) -> dict[str, Any]:
    """Seconds at each size, and how they grow."""
    print(f"{name} ...", flush=True)
    taken = alternate({str(size): work for size, work in zip(sizes, works, strict=True)}, runs)
    medians = [figures(seconds)["median"] for seconds in taken.values()]
    return {
        "name": name,
        "sizes": list(sizes),
        "seconds": [figures(seconds) for seconds in taken.values()],
        **growth(sizes, medians),
    }


def growth(sizes: Sequence[int], seconds: list[float]) -> dict[str, float]:
    """The curve ``constant + slope * size ** exponent`` that fits best, relatively.

    Returns:
        Its three numbers; and ``steepest``, the exponent between the two neighbours on a straight
        line of logarithms between which seconds grow most: at most 1 where nothing grows faster
        than linearly, but for noise.
    """
    x, y = np.asarray(sizes, np.float64), np.asarray(seconds)
    x = x / x.max()  # for numbers of one magnitude

    def fit(exponent: float) -> tuple[float, Any]:
        columns = np.stack([np.ones_like(x), x**exponent], axis=1) / y[:, None]
        found, residual = nnls(columns, np.ones_like(y))
        return residual, found

    exponent = min(EXPONENTS, key=lambda candidate: fit(candidate)[0])
    constant, slope = fit(exponent)[1]
    steps = np.diff(np.log(y)) / np.diff(np.log(x))
    return {
        "constant": float(constant),
        "slope": float(slope / max(sizes) ** exponent),
        "exponent": round(float(exponent), 2),
        "steepest": float(steps.max()),
    }


def draw(found: list[dict[str, Any]], path: Path) -> None:
    """Points, from least to most, with the fitted curves and what linear growth would be."""
    figure, drawn = panels(len(found))
    for panel, told, colour in zip(drawn, found, COLOURS, strict=False):
        x = np.array(told["sizes"], float)
        low, y, high = (
            np.array([s[name] for s in told["seconds"]]) for name in ("least", "median", "most")
        )
        panel.errorbar(x, y, (y - low, high - y), fmt="o", color=colour, capsize=3)
        smooth = np.geomspace(x[0], x[-1])
        fitted = told["constant"] + told["slope"] * smooth ** told["exponent"]
        panel.plot(smooth, fitted, color=colour, label=f"fit, exponent {told['exponent']:.2f}")
        panel.plot(x, y[-1] * x / x[-1], color="0.6", linestyle=":", label="linear, no constant")
        panel.set(xscale="log", yscale="log", xlabel=told["name"], ylabel="seconds")
        panel.set_xticks(x, [short(size) for size in told["sizes"]])
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter("{x:g}")
        for along in (panel.xaxis, panel.yaxis):
            along.set_minor_locator(NullLocator())
        panel.legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=130, metadata={"Software": None})


def short(size: int) -> str:
    """A size as a tick names it."""
    return str(size) if size < 10_000 else f"{size / 1e6:.2g} M"


if __name__ == "__main__":
    main()
