"""How much faster refmask is than the released code's steps written down plainly, in one run.

    python benchmarks/speed.py [--threads 2] [--runs 5] [--masks 50] [--only PART ...]

Plain (``plain.py``) computes in fp32 and does everything again for every referred object. Ours is
what users get: default precision, and default compat, which has the released code's work to do.
Both have the same deterministic weights, images, masks and expressions, and take turns. Prints a
table and writes ``results/speed.json``; of a choice of parts it only prints.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cases
import operations
import speed_evaluation
import speed_image
import tables
import torch
from harness import alternate, machine, write
from rows import Rates, Target, row

#: The models, and the paper's k for vision transformers.
MODELS = {"ViT-B/32": 3, "RN50": None, "ViT-B/16": 2, "ViT-L/14": 4}
EVALUATED = "ViT-B/32"
PARTS = (*MODELS, "evaluation", "freesolo", "help")


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--masks", type=int, default=50, help="of the one image")
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=", ".join(PARTS))
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    rates = measured_rates()
    rows = []
    for part in chosen.only or PARTS:
        found = measure(part, chosen.runs, rates, chosen.masks)
        # The whole takes long: what is measured is shown at once.
        print(tables.speed({"rows": found}), file=sys.stderr, flush=True)
        rows += found
    content = {
        "runs": chosen.runs,
        "masks": chosen.masks,
        "mask_share": float(cases.masks(chosen.masks).mean()),
        "rates": asdict(rates),
        "rows": rows,
    }
    print(tables.speed({"machine": machine(), **content}))
    if not chosen.only:
        print(write("speed", content))


def measured_rates() -> Rates:
    """What linear layers reach here."""
    return Rates(operations.rate(torch.float32), operations.rate(torch.bfloat16))


def measure(part: str, runs: int, rates: Rates, masks: int) -> list[dict[str, Any]]:
    """The rows of a part; its models are gone when it is done."""
    if part == "help":
        return [help_row(runs)]
    name = part if part in MODELS else EVALUATED
    with tempfile.TemporaryDirectory() as folder:
        pair = cases.load(cases.model(name, MODELS[name]), Path(folder))
        if part == "evaluation":
            found = [speed_evaluation.given(pair, runs, rates, Path(folder))]
        elif part == "freesolo":
            found = [speed_evaluation.freesolo(pair, runs, rates, Path(folder))]
        else:
            found = speed_image.rows(pair, runs, rates, masks)
    del pair
    gc.collect()
    return found


def help_row(runs: int) -> dict[str, Any]:
    """How long ``refmask --help`` takes."""
    command = [sys.executable, "-m", "refmask", "--help"]
    works = {"help": lambda _: subprocess.run(command, check=True, capture_output=True)}
    return row("refmask --help", alternate(works, runs)["help"], target=Target(seconds=0.3))


if __name__ == "__main__":
    main()
