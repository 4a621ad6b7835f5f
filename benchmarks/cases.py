"""What speed is measured on: models, an image, masks and expressions, the same for both sides."""

from __future__ import annotations

import importlib.util
import itertools
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import open_clip
import torch
from PIL import Image
from plain import Plain, load_plain
from safetensors.torch import save_file

import refmask
from refmask.ops.images import read_image
from refmask.types import BoolArray, UInt8Array

GOLDEN = Path(__file__).parent.parent / "tests" / "golden" / "clip"

#: Shares of an image that masks cover, least and most; evenly spread on a logarithmic scale.
SHARES = (0.01, 0.6)

AGES = ("old", "new", "wet", "dirty", "clean", "shiny")
SIZES = ("big", "small", "tall", "tiny", "huge")
COLOURS = ("red", "blue", "white", "black", "brown", "green", "grey", "pink", "dark", "striped")
NOUNS = ("man", "woman", "girl", "car", "pizza", "zebra", "chair", "horse", "laptop", "couch")
NOUNS += ("bus", "cake", "dog", "cat", "bowl", "boat", "train", "bear", "sheep", "table")
PLACES = ("on the left", "in front", "behind the fence", "next to the boy", "in the middle")


class Model(NamedTuple):
    """A CLIP that is measured.

    Attributes:
        name: as people call it.
        cfg: open_clip's model configuration.
        mask_layers: the paper's k, for vision transformers.
    """

    name: str
    cfg: dict[str, Any]
    mask_layers: int | None = None


def model(name: str, mask_layers: int | None = None) -> Model:
    """One of OpenAI's by its name, "ViT-B/32" or "RN50"."""
    return Model(
        name, open_clip.get_model_config(f"{name.replace('/', '-')}-quickgelu"), mask_layers
    )


class Pair(NamedTuple):
    """The same model on both sides.

    Attributes:
        model: which.
        plain: the yardstick, in fp32.
        segmenter: ours, as users get it: default precision and compat.
    """

    model: Model
    plain: Plain
    segmenter: refmask.Segmenter


def load(model: Model, folder: Path) -> Pair:
    """A model with the golden recipe's weights on both sides.

    Args:
        model: which.
        folder: its configuration and weights are written there.
    """
    cfg, weights = files(model, folder)
    settings = {} if model.mask_layers is None else {"mask_layers": model.mask_layers}
    plain = load_plain(model.cfg, weights, **settings)
    return Pair(model, plain, refmask.load(cfg, weights, proposals="grouping", **settings))


def files(model: Model, folder: Path) -> tuple[str, str]:
    """A model's configuration and the golden recipe's weights, written there; their paths."""
    stem = model.name.replace("/", "-")
    cfg, weights = folder / f"{stem}.json", folder / f"{stem}.safetensors"
    cfg.write_text(json.dumps(model.cfg))
    with torch.device("meta"):
        shapes = open_clip.CLIP(**model.cfg).state_dict()
    drawn = _recipe().fill_state_dict(shapes, 0)
    # What the recipe does not draw are counters.
    save_file(
        {n: torch.zeros_like(t, device="cpu") if t.is_meta else t for n, t in drawn.items()},
        weights,
    )
    return str(cfg), str(weights)


def make_image(height: int = 480, width: int = 640) -> UInt8Array:
    """The first golden image, uint8 RGB, at any size."""
    image = Image.fromarray(read_image(GOLDEN / "image0.png"))
    return np.array(image.resize((width, height)))


def masks(count: int, height: int = 480, width: int = 640, seed: int = 0) -> BoolArray:
    """Ellipses somewhere in an image, bool (N, H, W), of ``SHARES``; the edge cuts some."""
    rng = np.random.default_rng(seed)
    rows, columns = np.ogrid[:height, :width]
    drawn = np.empty((count, height, width), np.bool_)
    for number, share in enumerate(rng.permutation(np.geomspace(*SHARES, count))):
        flat = rng.uniform(0.5, 2)  # height over width
        high = np.sqrt(share * height * width * flat / np.pi)
        x, y = rng.uniform(0.2, 0.8, 2) * (width, height)
        drawn[number] = ((rows - y) / high) ** 2 + ((columns - x) * flat / high) ** 2 <= 1
    return drawn


def expressions(count: int, start: int = 0) -> list[str]:
    """Distinct expressions with distinct noun phrases, out of 6,000 such as people write."""
    phrases = itertools.product(AGES, SIZES, COLOURS, NOUNS)
    told = itertools.islice(enumerate(phrases), start, start + count)
    return [f"the {' '.join(words)} {PLACES[k % len(PLACES)]}" for k, words in told]


def _recipe() -> Any:
    spec = importlib.util.spec_from_file_location("golden_weights", GOLDEN / "weights.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
