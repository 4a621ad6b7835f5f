"""Published checkpoints of backbones under timm's names of parameters."""

from __future__ import annotations

import re
from pathlib import Path

from torch import Tensor, nn

from refmask.weights.pickled import read_pickled
from refmask.weights.reading import fill, read_weights

#: What self-supervised training wraps around the backbone that is kept; of a checkpoint with such
#: names nothing else is taken (MoCo, MoCo v3, MMCV's classifiers).
WRAPPINGS = ("encoder_q.", "base_encoder.", "backbone.")
#: Parameters that no map depends on: the classifier's, and batch norm's counts of batches.
UNUSED = re.compile(r"(fc|head|head_dist)\..*|(.*\.)?num_batches_tracked")
#: Detectron2's names of a ResNet's parts to timm's, in this order.
FROM_DETECTRON2 = (
    (re.compile(r"^stem\."), ""),
    (re.compile(r"^res([2-5])\."), lambda found: f"layer{int(found[1]) - 1}."),
    (re.compile(r"\bconv([123])\.norm\."), r"bn\1."),
    (re.compile(r"\bshortcut\.norm\."), "downsample.1."),
    (re.compile(r"\bshortcut\."), "downsample.0."),
)


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Tensors of a checkpoint by timm's names.

    Args:
        path: ``.safetensors``, ``.pt``, ``.pth`` or ``.bin`` (see ``read_weights``), or a ``.pkl``
            in Detectron2's format (see ``read_pickled``).

    Raises:
        WeightsError: when the file is missing, damaged, or holds more than tensors.
    """
    weights = read_pickled(path) if path.suffix == ".pkl" else read_weights(path)
    for wrapping in WRAPPINGS:
        if any(name.startswith(wrapping) for name in weights):
            weights = {
                name.removeprefix(wrapping): value
                for name, value in weights.items()
                if name.startswith(wrapping)
            }
    if any(name.startswith("res2.") for name in weights):
        weights = {_from_detectron2(name): value for name, value in weights.items()}
    return weights


def fill_backbone(model: nn.Module, weights: dict[str, Tensor], source: str) -> None:
    """Load weights strictly but for what no map depends on; see ``fill``.

    Args:
        model: a network without its classifier.
        weights: by the model's names; with or without a classifier.
        source: for messages.

    Raises:
        WeightsError: naming the first few differences.
    """
    kept = {name: value for name, value in weights.items() if not UNUSED.fullmatch(name)}
    own = {name: value for name, value in model.state_dict().items() if UNUSED.fullmatch(name)}
    fill(model, kept | own, source)


def _from_detectron2(name: str) -> str:
    for pattern, replacement in FROM_DETECTRON2:
        name = pattern.sub(replacement, name)
    return name
