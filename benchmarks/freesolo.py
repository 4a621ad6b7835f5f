"""How much faster and smaller ``freesolo`` is than its network written down plainly in fp32.

    python benchmarks/freesolo.py [--weights FILE] [--image FILE] [--runs 5] [--threads 2]

Without weights the golden recipe's are used, and its image of 427x640; ``--image noise`` takes
480x640 pixels of noise. Prints the median seconds per image of each, taken in turn, wall clock
and processor time, their ratios, and the peak memory of each in a process of its own (libraries,
weights and one image included). Writes ``results/freesolo.json``.
"""

from __future__ import annotations

import argparse
import importlib.util
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import freesolo_plain
import numpy as np
import torch
from harness import figures, write

from refmask.ops.images import read_image
from refmask.proposals.freesolo import FreeSolo
from refmask.types import UInt8Array
from refmask.weights.reading import read_weights

GOLDEN = Path(__file__).parent.parent / "tests" / "golden" / "freesolo"
VARIANTS = ("plain", "fp32", "bf16")
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def recipe_weights(path: Path) -> None:
    """Write the golden recipe's weights to a file."""
    spec = importlib.util.spec_from_file_location("recipe", GOLDEN / "weights.py")
    assert spec is not None
    assert spec.loader is not None
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    weights = {}
    for line in (GOLDEN / "state_dict_names.txt").read_text().splitlines():
        name, shape, _ = line.split("\t")
        weights[name] = torch.empty([int(side) for side in re.findall(r"\d+", shape)])
    torch.save(recipe.fill_state_dict(weights, 0), path)


def variant(name: str, weights: str) -> Callable[[UInt8Array], Any]:
    """What proposes masks: "plain", or ours in "fp32" or "bf16"."""
    if name == "plain":
        state = read_weights(Path(weights))
        return lambda image: freesolo_plain.propose(state, image)
    return FreeSolo(weights, precision=name, device="cpu").propose


def make_image(name: str) -> UInt8Array:
    """An image file, or 480x640 pixels of "noise"."""
    if name == "noise":
        return np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    return read_image(name)


def peak(name: str, chosen: argparse.Namespace, weights: str) -> float:
    """Gigabytes that a process needs at most which does nothing but look at the image once."""
    command = [sys.executable, __file__, "--measure", name, "--weights", weights]
    command += ["--image", chosen.image, "--threads", str(chosen.threads)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(output)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights")
    parser.add_argument("--image", default=str(GOLDEN / "a1_427x640.png"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--measure", choices=VARIANTS, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    image = make_image(chosen.image)
    if chosen.measure:
        variant(chosen.measure, chosen.weights)(image)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
        return
    print(f"{platform.machine()}, {chosen.threads} threads, torch {torch.__version__}")
    print(f"python {platform.python_version()}, image {image.shape[1]}x{image.shape[0]}")
    with tempfile.TemporaryDirectory() as folder:
        weights = chosen.weights or str(Path(folder) / "weights.pth")
        if not chosen.weights:
            recipe_weights(Path(weights))
        content = {"image": Path(chosen.image).name, "runs": chosen.runs}
        print(write("freesolo", content | {"variants": compare(chosen, weights, image)}))


def compare(chosen: argparse.Namespace, weights: str, image: UInt8Array) -> dict[str, Any]:
    """Measure the memory of all variants apart, then time them in turn."""
    # First, since a process counts the memory of the one that started it as its own.
    memory = {name: peak(name, chosen, weights) for name in VARIANTS}
    proposers = {name: variant(name, weights) for name in VARIANTS}
    seconds: dict[str, list[tuple[float, ...]]] = {name: [] for name in VARIANTS}
    for run in range(chosen.runs + 1):
        for name, propose in proposers.items():
            start = [clock() for clock in CLOCKS.values()]
            propose(image)
            if run:  # the first is to warm up
                clocks = zip(CLOCKS.values(), start, strict=True)
                seconds[name].append(tuple(clock() - begun for clock, begun in clocks))
    rows = {name: told(seconds[name], memory[name]) for name in VARIANTS}
    for name, row in rows.items():
        plain = rows["plain"]
        wall, cpu = (plain[clock]["median"] / row[clock]["median"] for clock in CLOCKS)
        print(
            f"{name:5}  {row['wall']['median']:6.2f} s wall  {row['cpu']['median']:6.2f} s "
            f"processor  {wall:4.2f} and {cpu:4.2f} times as fast as plain  "
            f"peak {row['gigabytes']:.2f} GB ({row['gigabytes'] / plain['gigabytes']:.2f} of plain)"
        )
    return rows


def told(seconds: list[tuple[float, ...]], gigabytes: float) -> dict[str, Any]:
    """What the results say of a variant."""
    times = zip(CLOCKS, zip(*seconds, strict=True), strict=True)
    return {name: figures(list(taken)) for name, taken in times} | {"gigabytes": gigabytes}


if __name__ == "__main__":
    main()
