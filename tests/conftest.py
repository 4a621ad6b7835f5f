"""What tests share: small deterministic models, a fixed proposer, a fixed parser."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.utils._python_dispatch import TorchDispatchMode

from refmask.classifier import Classifier, load_classifier
from refmask.cli import faults
from refmask.clip import ClipBackbone, load_clip
from refmask.settings import OPTIONS
from refmask.settings.file import VARIABLE
from refmask.settings.precedence import variable
from refmask.types import MaskProposals, TargetPhrase, UInt8Array

pytest_plugins = ("skips",)
os.environ[faults.VARIABLE] = faults.OFF  # so that faults show

GOLDEN = Path(__file__).parent / "golden" / "clip"

TEXT = {"context_length": 77, "vocab_size": 49408, "width": 128, "heads": 2, "layers": 3}
TINY = {
    "tiny_vit32": {"layers": 12, "width": 128, "head_width": 64, "patch_size": 32},
    "tiny_vit16": {"layers": 12, "width": 128, "head_width": 64, "patch_size": 16},
    "tiny_rn": {"layers": [1, 1, 1, 1], "width": 16, "head_width": 64, "patch_size": None},
}

SAM_CONFIGS = Path(__file__).parent / "proposals" / "sam_configs"
#: Class, seed and spread of weights with which small random models offer several masks.
RANDOM_SAMS = {"sam": ("SamModel", 5, 0.5), "sam2": ("Sam2Model", 3, 0.7)}


def _recipe() -> Any:
    spec = importlib.util.spec_from_file_location("golden_weights", GOLDEN / "weights.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session", autouse=True)
def _nobodys_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Neither the developer's configuration nor the weights cached here change a test."""
    folder = tmp_path_factory.mktemp("nobody")
    with pytest.MonkeyPatch.context() as patch:
        for name in OPTIONS:
            patch.delenv(variable(name), raising=False)
        patch.setenv(VARIABLE, str(folder / "config.toml"))
        patch.setenv("XDG_DATA_HOME", str(folder / "data"))
        patch.setenv("HF_HUB_CACHE", str(folder / "hub"))
        patch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder / "hub"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Small tests gain little from threads, and lose much when the cores are shared."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def error() -> Callable[[torch.Tensor, torch.Tensor], float]:
    """Largest difference of two tensors, over the second's largest value."""
    return lambda ours, theirs: ((ours - theirs).abs().max() / theirs.abs().max()).item()


@pytest.fixture(scope="session")
def golden_folder() -> Path:
    """Where the golden vectors lie."""
    return GOLDEN


@pytest.fixture(scope="session")
def golden() -> Callable[[str], dict[str, Any]]:
    """Arrays of a golden file by its stem."""
    return lambda name: dict(np.load(GOLDEN / f"{name}.npz"))


@pytest.fixture(scope="session")
def golden_images() -> list[tuple[UInt8Array, MaskProposals]]:
    """The two golden images with their masks."""
    return [
        (
            np.array(Image.open(GOLDEN / f"image{k}.png").convert("RGB")),
            MaskProposals(np.load(GOLDEN / f"masks{k}.npz")["masks"]),
        )
        for k in (0, 1)
    ]


@pytest.fixture(scope="session")
def golden_phrases() -> list[TargetPhrase]:
    """The golden expressions as the reference reads them."""
    entries = json.loads((GOLDEN / "expressions.json").read_text())["expressions"]
    return [TargetPhrase(e["raw"], e["text"], e["noun_phrase"], e["head_word"]) for e in entries]


@pytest.fixture(scope="session")
def model_files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[str, str]]:
    """Model and weights arguments for a golden model, its weights filled by the recipe."""
    folder = tmp_path_factory.mktemp("models")
    fill = _recipe().fill_state_dict

    def make(name: str) -> tuple[str, str]:
        weights = folder / f"{name}.safetensors"
        if name in TINY:
            vision = {"image_size": 224, **TINY[name]}
            cfg = {"embed_dim": 64, "quick_gelu": True, "vision_cfg": vision, "text_cfg": TEXT}
            (folder / f"{name}.json").write_text(json.dumps(cfg))
            model = str(folder / f"{name}.json")
        else:
            model = {"vit_b32": "ViT-B-32-quickgelu", "rn50": "RN50-quickgelu"}[name]
            cfg = open_clip.get_model_config(model)
        if not weights.exists():
            save_file(fill(open_clip.CLIP(**cfg).state_dict(), 0), weights)
        return model, str(weights)

    return make


@pytest.fixture(scope="session")
def golden_model(
    model_files: Callable[[str], tuple[str, str]],
) -> Callable[[str], ClipBackbone]:
    """A golden model, loaded in fp32."""
    loaded: dict[str, ClipBackbone] = {}

    def load(name: str) -> ClipBackbone:
        if name not in loaded:
            loaded[name] = load_clip(*model_files(name), precision="fp32")
        return loaded[name]

    return load


class RoundedConvolutions(TorchDispatchMode):
    """Names of the float32 convolutions computed within it that a card might round to TF32."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.rounded: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        del types
        floats = [arg for arg in args if isinstance(arg, torch.Tensor)][:1]
        if "conv" in func.__name__ and floats and floats[0].dtype == torch.float32:
            self.seen.append(func.__name__)
            if torch.backends.cudnn.allow_tf32:
                self.rounded.append(func.__name__)
        return func(*args, **(kwargs or {}))


@pytest.fixture
def rounded_convolutions() -> RoundedConvolutions:
    return RoundedConvolutions()


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """The offline model's classifier, in fp32."""
    return load_classifier(precision="fp32")


@pytest.fixture(scope="session")
def sam_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a small random "sam" or "sam2", as transformers writes it."""
    # Not at the top of the file: importing it takes seconds.
    transformers = importlib.import_module("transformers")
    root = tmp_path_factory.mktemp("sams")

    def make(name: str) -> Path:
        folder = root / name
        if not folder.exists():
            kind, seed, spread = RANDOM_SAMS[name]
            model_class = getattr(transformers, kind)
            config = json.loads((SAM_CONFIGS / f"{name}.json").read_text())
            with torch.random.fork_rng(), torch.no_grad():
                torch.manual_seed(seed)
                model = model_class(model_class.config_class(**config))
                for parameter, values in model.named_parameters():
                    if "norm" not in parameter:
                        values.normal_(0, spread)
            model.save_pretrained(folder)
        return folder

    return make


class FixedProposer:
    """Offers four quarters of an image, best first."""

    def propose(self, image: UInt8Array) -> MaskProposals:
        height, width = image.shape[:2]
        masks = np.zeros((4, height, width), np.bool_)
        for index, (rows, columns) in enumerate(
            (rows, columns)
            for rows in (slice(0, height // 2), slice(height // 2, height))
            for columns in (slice(0, width // 2), slice(width // 2, width))
        ):
            masks[index, rows, columns] = True
        return MaskProposals(masks, quality=np.array([0.9, 0.8, 0.7, 0.6]))


class FixedParser:
    """Takes the first two words for the noun phrase."""

    def __call__(self, expressions: Sequence[str]) -> list[TargetPhrase]:
        return [
            TargetPhrase(text, text, " ".join(text.split()[:2]), text.split()[-1])
            for text in expressions
        ]


@pytest.fixture
def fixed_proposer() -> FixedProposer:
    return FixedProposer()


@pytest.fixture
def fixed_parser() -> FixedParser:
    return FixedParser()


@pytest.fixture(scope="session")
def noise() -> UInt8Array:
    """An image of 60 x 80 pixels."""
    return np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)


def _annotated(number: int, image: int, category: int, *box: int) -> dict[str, Any]:
    """A rectangle, x1 y1 x2 y2, as an annotation in COCO's format."""
    left, top, right, bottom = box
    corners = [left, top, right, top, right, bottom, left, bottom]
    annotation = {"id": number, "image_id": image, "category_id": category, "iscrowd": 0}
    return annotation | {"segmentation": [corners]}


@pytest.fixture
def own_coco(tmp_path: Path) -> Path:
    """A folder with ``instances.json`` and ``images/``: four images of 3,200 pixels.

    One category is alone and large in image 5 ("teddy bear") and in image 3 ("cup"); the cup of 32
    pixels in image 5 covers 1 %, its spoon of 31 less.
    """
    root = tmp_path / "own"
    (root / "images").mkdir(parents=True)
    crowd = {"size": [40, 80], "counts": [0, 400, 2800]}
    tables = {
        "images": [
            {"id": number, "file_name": f"{number}.png", "height": 40, "width": 80}
            for number in (5, 3, 8, 2)
        ],
        "annotations": [
            _annotated(1, 5, 1, 10, 10, 30, 30),
            _annotated(2, 5, 2, 40, 4, 48, 8),
            _annotated(3, 5, 2, 50, 4, 52, 6),
            _annotated(4, 5, 3, 40, 32, 71, 33),
            _annotated(5, 5, 4, 60, 12, 70, 22),
            {**_annotated(6, 5, 4, 0, 0, 1, 1), "segmentation": crowd, "iscrowd": 1},
            _annotated(7, 3, 4, 2, 2, 12, 12),
            _annotated(8, 3, 4, 20, 2, 36, 18),
            _annotated(9, 3, 2, 50, 20, 62, 32),
            _annotated(10, 8, 4, 2, 2, 12, 12),
            _annotated(11, 8, 4, 20, 2, 36, 18),
        ],
        "categories": [
            {"id": number, "name": name}
            for number, name in enumerate(("teddy bear", "cup", "spoon", "dog", "hat"), 1)
        ],
    }
    (root / "instances.json").write_text(json.dumps(tables))
    for image in tables["images"]:
        pixels = np.full((40, 80, 3), (40, 90, 160), np.uint8)
        for number, one in enumerate(tables["annotations"]):
            if one["image_id"] == image["id"] and not one["iscrowd"]:
                left, top, _, _, right, bottom, *_ = one["segmentation"][0]
                pixels[top:bottom, left:right] = (20 * number, 250 - 20 * number, 40)
        Image.fromarray(pixels).save(root / "images" / image["file_name"])
    return root
