"""A drawn data set of RefCOCO's shape: what evaluations are timed and weighed on.

    python benchmarks/refcoco_shaped.py FOLDER [--images 100] [--seed 0]
    refmask evaluate FOLDER --split val --proposals "masks:FOLDER/masks/{stem}.npz"

JPEG images of 480x640 pixels with eight blobs each, two or three of which (2.5 on average) are
referred to by six or eight expressions (7 on average) of RefCOCO's length; 50 given masks each,
blobs drawn anew and places without a blob. Only costs are like RefCOCO's: no model can tell the
blobs apart.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from refmask.ops import rle
from refmask.types import BoolArray, UInt8Array

HEIGHT, WIDTH = 480, 640
BLOBS, MASKS, CORNERS = 8, 50, 24
#: Sentences about each referred blob, of images with even and with odd numbers.
SENTENCES = ((3, 3), (3, 3, 2))
NOUNS = ("guy", "woman", "girl", "car", "pizza", "zebra", "chair", "horse", "laptop", "couch")
COLOURS = ("red", "blue", "white", "black", "striped", "brown", "dark", "green")
PLACES = ("left", "right", "middle", "far left", "front", "back", "bottom right", "top")
#: RefCOCO's expressions have 3.6 words on average.
TEMPLATES = (
    "{place}",
    "{place} {noun}",
    "{colour} {noun}",
    "the {noun} on the {place}",
    "{noun} in {colour} on {place}",
    "{place} {noun} with {colour} {other}",
)

Generator = np.random.Generator
#: x1, y1, x2, y2, ... in pixels.
Polygon = npt.NDArray[np.float64]


class Shaped(NamedTuple):
    """Where a data set lies, as ``refmask evaluate`` is told.

    Attributes:
        dataset: DATASET, a folder in REFER's layout; its split is "val".
        proposals: ``--proposals`` of the given masks.
    """

    dataset: Path
    proposals: str


def make(folder: Path, images: int, seed: int = 0) -> Shaped:
    """Draw a data set; what lies in the folder already is overwritten.

    Args:
        folder: where it goes.
        images: how many. Each depends on the seed and its own number alone, so that the first of
            many are those of a few.
        seed: of the drawing.
    """
    for place in ("images", "shaped", "masks"):
        (folder / place).mkdir(parents=True, exist_ok=True)
    listed, annotations, refs = [], [], []
    for number in range(1, images + 1):
        rng = np.random.default_rng((seed, number))
        polygons = [blob(rng) for _ in range(BLOBS)]
        name = f"{number:06d}.jpg"
        Image.fromarray(draw(rng, polygons)).save(folder / "images" / name, quality=90)
        write_masks(folder / "masks" / f"{number}.npz", rng, polygons)
        listed.append({"id": number, "file_name": name, "height": HEIGHT, "width": WIDTH})
        annotations += [annotation(number, *pair) for pair in enumerate(polygons)]
        refs += [ref(rng, number, *pair) for pair in enumerate(SENTENCES[number % 2])]
    categories = [{"id": row, "name": noun} for row, noun in enumerate(NOUNS[:BLOBS], 1)]
    tables = {"images": listed, "annotations": annotations, "categories": categories}
    (folder / "shaped" / "instances.json").write_text(json.dumps(tables))
    (folder / "shaped" / "refs.json").write_text(json.dumps(refs))
    return Shaped(folder, f"masks:{folder}/masks/{{stem}}.npz")


def blob(rng: Generator) -> Polygon:
    """A round thing with a wavy outline, from 2 % to 20 % of the image."""
    angles = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    radius = rng.uniform(45, 140) * (1 + 0.25 * np.sin(3 * angles + rng.uniform(0, 6)))
    centre = rng.uniform((60, 60), (WIDTH - 60, HEIGHT - 60))
    corners = centre + np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)
    return corners.clip((0, 0), (WIDTH, HEIGHT)).round(2).ravel()


def mask_of(polygon: Polygon) -> BoolArray:
    """Its bool (HEIGHT, WIDTH) mask."""
    return rle.from_polygons([polygon.tolist()], HEIGHT, WIDTH)


def texture(rng: Generator) -> UInt8Array:
    """Smooth colours over the whole image."""
    few = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
    return np.array(few.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))


def draw(rng: Generator, polygons: list[Polygon]) -> UInt8Array:
    """An image of blobs, the later ones in front, with a camera's noise."""
    image = texture(rng)
    for polygon in polygons:
        mask = mask_of(polygon)
        image[mask] = texture(rng)[mask]
    noisy = image + rng.normal(0, 6, image.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def write_masks(path: Path, rng: Generator, polygons: list[Polygon]) -> None:
    """Write the proposals of an image: each blob drawn anew four times, and other places."""
    drawn = [polygon + rng.normal(0, 4, polygon.shape) for polygon in polygons for _ in range(4)]
    drawn += [blob(rng) for _ in range(MASKS - len(drawn))]
    masks = np.stack([mask_of(polygon) for polygon in drawn])
    packed = np.packbits(masks.reshape(MASKS, -1), axis=1)
    np.savez_compressed(path, masks_packed=packed, masks_shape=masks.shape)


def annotation(image: int, row: int, polygon: Polygon) -> dict[str, Any]:
    """A blob as COCO tells of it."""
    return {
        "id": BLOBS * image + row,
        "image_id": image,
        "category_id": row + 1,
        "segmentation": [polygon.tolist()],
        "iscrowd": 0,
    }


def ref(rng: Generator, image: int, row: int, count: int) -> dict[str, Any]:
    """What is said about a blob, as REFER tells of it."""
    number = BLOBS * image + row
    sentences = [
        {"sent_id": 10 * number + k, "raw": text, "sent": text}
        for k, text in enumerate(expression(rng) for _ in range(count))
    ]
    return {
        "ref_id": number,
        "ann_id": number,
        "image_id": image,
        "category_id": row + 1,
        "split": "val",
        "sentences": sentences,
    }


def expression(rng: Generator) -> str:
    """One to six words, often the same ones, as people write."""
    template = str(rng.choice(TEMPLATES))
    return template.format(
        place=rng.choice(PLACES),
        noun=rng.choice(NOUNS),
        colour=rng.choice(COLOURS),
        other=rng.choice(NOUNS),
    )


def main() -> None:
    """Draw one and tell how to ask it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    made = make(chosen.folder, chosen.images, chosen.seed)
    print(f"refmask evaluate {made.dataset} --split val --proposals '{made.proposals}'")


if __name__ == "__main__":
    main()
