"""How much memory an evaluation needs at most, and whether it grows with the images.

    python benchmarks/memory.py [--images 2000] [--vit 40] [--workers N]

Runs ``refmask evaluate`` on a drawn data set of RefCOCO's shape (``refcoco_shaped.py``) in a
process of its own and looks every quarter of a second at the memory it holds (resident, libraries
and mapped weights included): with the embedded model over all images, which shows growth, and
with a ViT-B/32 of pseudo-random weights over the first few. Prints a line for each and writes
``results/memory.json``. Needs Linux.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cases
import numpy as np
import refcoco_shaped
from harness import write

#: A run is told in so many equal parts.
PARTS = 10
SECONDS = 0.25
#: What is asked: bytes at most, and bytes that an image may add: of 2,000 images 20 MB.
MOST, MOST_PER_IMAGE = 2.5e9, 10e3
#: Growth is told of runs of at least so many images; less is lost in what comes and goes.
TOLD = 500


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--vit", type=int, default=40, help="images that ViT-B/32 looks at")
    parser.add_argument("--workers", type=int, help="as 'refmask evaluate' takes it")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        drawn = refcoco_shaped.make(folder / "data", chosen.images)
        vit, weights = cases.files(cases.model("ViT-B/32"), folder)
        models = {
            "embedded": (chosen.images, ["--model", "embedded"]),
            "ViT-B/32": (chosen.vit, ["--model", vit, "--weights", weights]),
        }
        rows = []
        for model, (images, words) in models.items():
            words += ["--first", str(images), "--out", str(folder / f"run-{len(rows)}")]
            words += [] if chosen.workers is None else ["--workers", str(chosen.workers)]
            held = watched(drawn, words, folder / f"run-{len(rows)}")
            rows.append({"model": model, "images": images} | told(*held))
            print(line(rows[-1]), flush=True)
    write("memory", {"rows": rows})


def watched(
    drawn: refcoco_shaped.Shaped, words: list[str], out: Path
) -> tuple[list[tuple[int, int]], int]:
    """Run ``refmask evaluate`` to its end.

    Returns:
        Images done and bytes held, a pair for each look, and the most bytes ever held.
    """
    command = [sys.executable, "-m", "refmask", "evaluate", str(drawn.dataset), "--split", "val"]
    command += ["--proposals", drawn.proposals, *words]
    looks, most = [], 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            found = memory(process.pid)
            if "VmRSS" in found:  # gone once the process has ended
                looks.append((done(out), found["VmRSS"]))
                most = found["VmHWM"]
            time.sleep(SECONDS)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return looks, most


def memory(process: int) -> dict[str, int]:
    """What Linux tells of a process's memory, in bytes by name."""
    status = Path(f"/proc/{process}/status").read_text()
    return {name: 1024 * int(size) for name, size in re.findall(r"(Vm\w+):\s+(\d+) kB", status)}


def done(out: Path) -> int:
    """How many images a run has recorded."""
    times = out / "times.jsonl"
    return times.read_bytes().count(b"\n") if times.exists() else 0


def told(looks: list[tuple[int, int]], most: int) -> dict[str, Any]:
    """A row of the results file.

    Returns:
        ``peak``, bytes; ``parts``, median bytes held in each tenth of the images; of a long run
        ``growth``, bytes per image, fitted to its second half, when pools are filled; and
        whether what is asked is ``met``.
    """
    images, held = np.array([look for look in looks if look[0]], np.float64).T
    part = np.minimum(PARTS * images / images.max(), PARTS - 1).astype(int)
    parts = [float(np.median(held[part == k])) for k in range(PARTS) if (part == k).any()]
    row: dict[str, Any] = {"peak": most, "parts": parts, "met": most <= MOST}
    if images.max() >= TOLD:
        late = part >= PARTS // 2
        row["growth"] = float(np.polyfit(images[late], held[late], 1)[0])
        row["met"] &= row["growth"] <= MOST_PER_IMAGE
    return row


def line(row: dict[str, Any]) -> str:
    """A row as people read it."""
    parts = " ".join(f"{part / 1e9:.2f}" for part in row["parts"])
    growth = f", {row['growth'] / 1e3:+.1f} kB per image" if "growth" in row else ""
    return (
        f"{row['model']}, {row['images']} images: at most {row['peak'] / 1e9:.2f} GB, "
        f"by tenths of the run {parts} GB{growth}"
    )


if __name__ == "__main__":
    main()
