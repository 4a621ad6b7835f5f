"""``refmask calibrate``: fit confidences to how often a run's answers are right."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from refmask.errors import MissingResource

if TYPE_CHECKING:
    from refmask.evaluation.calibrating import Fit
    from refmask.fingerprint import Fingerprint
    from refmask.selection import Calibration


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "runs",
        type=Path,
        metavar="RUN",
        nargs="+",
        help="a folder of 'refmask evaluate'; several of one model and method are fitted together",
    )
    parser.add_argument(
        "--present",
        type=float,
        default=0.95,
        metavar="SHARE",
        help="where expressions about nothing are asked: find at least this share of the things "
        "that are there (default 0.95)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print what is fitted, without storing it"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="for calibration.json and the diagram (default: calibration/ in the first RUN)",
    )


def run(args: argparse.Namespace) -> int:
    """Fit, print how much better confidences are, draw, and store."""
    from refmask.evaluation.calibrating import calibrate, calibration_of, read_answers
    from refmask.ops.files import write_whole
    from refmask.settings import file

    if not args.dry_run:
        file.check()
    settings, answers = read_answers(args.runs)
    start = replace(calibration_of(settings[0]), fitted=_about(settings))
    fit = calibrate(answers, start, args.present)
    _print(fit, settings)
    out = args.out or args.runs[0] / "calibration"
    write_whole(out / "calibration.json", json.dumps(fit.to_dict(), indent=1).encode() + b"\n")
    print(f"calibration.json{_drawn(fit, out)} in {out}")
    if not args.dry_run:
        print(f"stored in {_store(fit.calibration, settings[0])}; answers take it from now on")
    return 0


def _about(settings: list[Fingerprint]) -> str:
    """What a calibration is fitted on: "gscenes val, scenes val"."""
    return ", ".join(dict.fromkeys(f"{one['data']} {one['split']}".strip() for one in settings))


def _print(fit: Fit, settings: list[Fingerprint]) -> None:
    print(
        f"{_about(settings)}: {fit.expressions} expressions about {fit.images} images; fitted on "
        "one half of the images and measured on the other:\n"
    )
    rows = {
        "calibration error (ECE)": (fit.before.ece, fit.after.ece),
        "negative log likelihood": (fit.before.nll, fit.after.nll),
        "what is there, found": fit.absence.get("there"),
        "what is not there, not found": fit.absence.get("absent"),
    }
    print("| | before | after |\n|---|---|---|")
    for name, pair in rows.items():
        if pair is not None:
            print(f"| {name} | {pair[0]:.3f} | {pair[1]:.3f} |")
    found = fit.calibration
    print(
        f"\nFitted on all: temperature {found.temperature:g}, similarity {found.similarity:g}, "
        f"contrast {found.contrast:g}, bias {found.bias:g}"
    )


def _drawn(fit: Fit, out: Path) -> str:
    """Draw the diagram; returns what to add to the list of files."""
    from refmask.reproduce.reliability import reliability_diagram

    try:
        return "".join(f", {path.name}" for path in reliability_diagram(fit, out))
    except MissingResource as error:
        print(f"refmask: note: {error}", file=sys.stderr)
        return ""


def _store(calibration: Calibration, settings: Fingerprint) -> Path:
    """Write a calibration into the configuration file; returns its path."""
    from refmask.settings import file
    from refmask.settings.fitted import FittedCalibration, with_fitted

    before = file.read()
    new = FittedCalibration(settings["weights_sha256"], settings["method"], **asdict(calibration))
    return file.write(replace(before, calibrations=with_fitted(before.calibrations, new)))
