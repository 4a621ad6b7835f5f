"""How good an answer ``grouping`` makes possible: its best mask for each thing in fresh scenes.

    python benchmarks/grouping_upper_bound.py [--count 40] [--seed 0] [--side 400]

Prints mean best IoU and recall at 0.5 and 0.75, for objects and for surfaces, masks per image
and seconds per image (processor time, median and worst).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from refmask.metrics import best_iou
from refmask.proposals import load_proposer

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

from emoji_scenes import Sprites, generate


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=40, help="number of scenes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side", type=int, default=400, help="of a scene, in pixels")
    chosen = parser.parse_args()
    proposer = load_proposer("grouping")
    found: dict[str, list[float]] = {"objects": [], "surfaces": []}
    counts, seconds = [], []
    for sample in generate(chosen.count, chosen.seed, sprites=Sprites(), side=chosen.side):
        start = time.process_time()
        proposals = proposer.propose(sample.image)
        seconds.append(time.process_time() - start)
        counts.append(len(proposals))
        things = sample.instances.masks
        half = len(things) // 2
        for name, targets in (("objects", things[:half]), ("surfaces", things[half:])):
            # An item without a surface has an empty one.
            targets = targets[targets.any(axis=(1, 2))]
            found[name] += best_iou(proposals.masks, targets).tolist()
    for name, values in found.items():
        ious = np.array(values)
        print(
            f"{name:9} {len(ious):4}  mean best IoU {ious.mean():.3f}  "
            f"recall@0.5 {(ious > 0.5).mean():.3f}  recall@0.75 {(ious > 0.75).mean():.3f}"
        )
    print(f"masks per image: mean {np.mean(counts):.1f}, most {max(counts)}")
    print(f"seconds per image: median {np.median(seconds):.2f}, most {max(seconds):.2f}")


if __name__ == "__main__":
    main()
