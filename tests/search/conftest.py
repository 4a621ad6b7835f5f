"""A small, quick system, and images."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from refmask.factory import assemble
from refmask.scene import Scene
from refmask.search import Index
from refmask.segmenter import Segmenter
from refmask.types import MaskProposals, UInt8Array

#: Bytes and sides of images differ, so that nothing is equal by chance.
SIZES = ((60, 80), (64, 64), (90, 70), (50, 100), (72, 96), (81, 63))


@dataclass(frozen=True)
class Pieces:
    """Cuts an image into ``rows`` x 2 pieces; one whose first pixel is black has none."""

    rows: int = 2

    def configuration(self) -> dict[str, Any]:
        return {"proposer": "pieces", "rows": self.rows}

    def propose(self, image: UInt8Array) -> MaskProposals:
        height, width = image.shape[:2]
        if not image[0, 0].any():
            return MaskProposals.empty(height, width)
        masks = np.zeros((2 * self.rows, height, width), np.bool_)
        edges = np.linspace(0, height, self.rows + 1).astype(int)
        for row, (top, bottom) in enumerate(pairwise(edges)):
            middle = width * (row + 2) // (self.rows + 4)
            masks[2 * row, top:bottom, :middle] = True
            masks[2 * row + 1, top:bottom, middle:] = True
        return MaskProposals(masks)


def _paint(path: Path, seed: int) -> Path:
    """An image of smooth patches of colour, another one for each seed."""
    height, width = SIZES[seed % len(SIZES)]
    patches = np.random.default_rng(seed).integers(40, 256, (4, 5, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(patches).resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture(scope="session")
def paint() -> Callable[[Path, int], Path]:
    return _paint


@pytest.fixture
def make_segmenter(golden_model: Any, fixed_parser: Any) -> Callable[..., Segmenter]:
    """A system; settings are the method's."""

    def make(
        rows: int = 2, model: str = "tiny_vit32", parser: Any = fixed_parser, **settings: Any
    ) -> Segmenter:
        return assemble(golden_model(model), Pieces(rows), parser=parser, settings=settings)

    return make


@pytest.fixture
def segmenter(make_segmenter: Callable[..., Segmenter]) -> Segmenter:
    return make_segmenter()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of six images, two of them further below."""
    folder = tmp_path / "photos"
    for seed in range(6):
        below = folder / "sea, 50% o'clock" if seed > 3 else folder
        _paint(below / f"p{seed}.png", seed)
    return folder


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, golden_model: Any) -> tuple[Path, Path]:
    """An index of 40 images with 8 regions each, and their folder; not to be written to."""
    base = tmp_path_factory.mktemp("filled")
    for seed in range(40):
        _paint(base / "photos" / ("even" if seed % 2 == 0 else "odd") / f"{seed}.png", seed)
    system = assemble(golden_model("tiny_vit32"), Pieces(4), parser=None)  # type: ignore[arg-type]
    Index.open(base / "index", system, create=True).add([base / "photos"])
    return base / "index", base / "photos"


@pytest.fixture(scope="session")
def looked(filled: tuple[Path, Path], golden_model: Any) -> dict[str, Scene]:
    """Scenes of its images by path."""
    system = assemble(golden_model("tiny_vit32"), Pieces(4), parser=None)  # type: ignore[arg-type]
    return {str(path): system.look(path) for path in sorted(filled[1].rglob("*.png"))}


@pytest.fixture
def copied(filled: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of that index, to be written to."""
    return Path(shutil.copytree(filled[0], tmp_path / "index"))


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes every later encoding of an image fail."""
    return lambda: monkeypatch.setattr("refmask.segmenter.Segmenter.look", None)
