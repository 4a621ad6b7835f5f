"""Settings with which each proposer runs offline and fast: small models with test weights."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

#: Fixtures by proposer that give its settings; a proposer that needs none is not named.
SETTINGS: dict[str, str] = {
    "freesolo": "freesolo_settings",
    "freemask": "freemask_settings",
    "maskcut": "maskcut_settings",
    "sam": "sam_settings",
    "sam2": "sam2_settings",
}


@pytest.fixture(scope="session")
def proposer_settings(request: pytest.FixtureRequest) -> Callable[[str], dict[str, Any]]:
    """The settings of a proposer by its name."""
    return lambda name: request.getfixturevalue(SETTINGS[name]) if name in SETTINGS else {}


def _lenient(folder: Path) -> dict[str, Any]:
    """Settings with which a random model's masks, in which it hardly believes, are kept."""
    kept = {"pred_iou": -100.0, "stability": 0.0, "min_area": 0}
    return {"model": str(folder), "precision": "fp32", **kept}


@pytest.fixture(scope="session")
def sam_settings(sam_folder: Callable[[str], Path]) -> dict[str, Any]:
    """A small random SAM."""
    return _lenient(sam_folder("sam"))


@pytest.fixture(scope="session")
def sam2_settings(sam_folder: Callable[[str], Path]) -> dict[str, Any]:
    """A small random SAM 2."""
    return _lenient(sam_folder("sam2"))


@pytest.fixture(scope="session")
def freemask_settings() -> dict[str, Any]:
    """The embedded CLIP on a small image, for which the paper's sizes would take seconds."""
    return {"short_edge": 160, "long_edge": 266, "precision": "fp32"}


@pytest.fixture(scope="session")
def maskcut_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A small random vision transformer of timm's."""
    path = tmp_path_factory.mktemp("backbone") / "vit.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_file(timm.create_model("test_vit").state_dict(), path)
    return {"backbone": "timm/test_vit", "weights": str(path)}


@pytest.fixture(scope="session")
def freesolo_recipe() -> dict[str, torch.Tensor]:
    """FreeSOLO's checkpoint as the golden recipe fills it, seed 0: tensors by name."""
    folder = Path(__file__).parent.parent / "golden" / "freesolo"
    spec = importlib.util.spec_from_file_location("freesolo_weights", folder / "weights.py")
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    lines = (folder / "state_dict_names.txt").read_text().splitlines()
    entries = [line.split("\t") for line in lines]
    shapes = {name: [int(side) for side in re.findall(r"\d+", shape)] for name, shape, _ in entries}
    blank = {name: torch.empty(shape) for name, shape in shapes.items()}
    filled: dict[str, torch.Tensor] = recipe.fill_state_dict(blank, 0)
    return filled


@pytest.fixture(scope="session")
def freesolo_checkpoint(
    freesolo_recipe: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A file with these weights, wrapped as the released one is."""
    path = tmp_path_factory.mktemp("freesolo") / "checkpoint.pth"
    torch.save({"model": freesolo_recipe, "iteration": 29999}, path)
    return path


@pytest.fixture(scope="session")
def freesolo_settings(freesolo_checkpoint: Path) -> dict[str, Any]:
    """FreeSOLO at a small size, so that an image takes a fraction of a second."""
    return {"weights": str(freesolo_checkpoint), "short_edge": 96, "long_edge": 400}
