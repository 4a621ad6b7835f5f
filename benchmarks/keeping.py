"""What it costs to look at an image again: at all, from a store, from a saved scene.

    python benchmarks/keeping.py [--model ViT-B/32] [--masks 50] [--runs 5]

Prints seconds per image of 480x640 (median, least, most), how many times as fast as looking each
is, and bytes on the disk. The same images and masks, in turns; the weights are random.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path

import cases
from harness import alternate, figures

import refmask
from refmask import MaskProposals, Scene
from refmask.cache.features import FeatureCache


def measure(model: cases.Model, count: int, runs: int) -> tuple[int, int, dict[str, list[float]]]:
    """Bytes in a store and in a scene's file, and seconds of each work.

    Args:
        model: looks.
        count: masks.
        runs: of each work.
    """
    proposals, image = MaskProposals(cases.masks(count)), cases.make_image()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = refmask.load(*cases.files(model, folder), proposals="grouping")
        features, saved = FeatureCache(folder / "store"), folder / "scene.safetensors"
        storing = dataclasses.replace(plain, features=features)
        storing.look(image, proposals).save(saved)
        sizes = features.held()[1], saved.stat().st_size
        works = {
            "looked at": lambda _: plain.look(image, proposals),
            # Another image each time.
            "and kept": lambda run: storing.look(image ^ (run + 1), proposals),
            "from the store": lambda _: storing.look(image, proposals),
            "and saved": lambda _: plain.look(image, proposals).save(saved),
            "from a scene": lambda _: Scene.load(saved, plain),
        }
        return *sizes, alternate(works, runs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="ViT-B/32")
    parser.add_argument("--masks", type=int, default=50)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    stored, saved, taken = measure(cases.model(chosen.model), chosen.masks, chosen.runs)
    print(f"{chosen.model}, {chosen.masks} masks: {stored} bytes in the store,", end=" ")
    print(f"{saved} in a scene with its image")
    usual = figures(taken["looked at"])["median"]
    for name, seconds in taken.items():
        told = figures(seconds)
        shown = "  ".join(f"{key} {value:.4f} s" for key, value in told.items())
        print(f"{name:16} {shown}  {usual / told['median']:.1f}x")


if __name__ == "__main__":
    main()
