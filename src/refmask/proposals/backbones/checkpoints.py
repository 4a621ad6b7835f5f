"""Published checkpoints of backbones, renamed to timm's parameter names."""

from __future__ import annotations

import re
from pathlib import Path

from torch import Tensor, nn

from refmask.weights.pickled import read_pickled
from refmask.weights.reading import fill, read_weights

#: Prefixes of the backbone in checkpoints of self-supervised training (MoCo, MoCo v3, MMCV's
#: classifiers); other parameters are dropped.
WRAPPINGS = ("encoder_q.", "base_encoder.", "backbone.")
#: Parameters that no feature map depends on: the classifier's, and batch norm's batch counters.
UNUSED = re.compile(r"(fc|head|head_dist)\..*|(.*\.)?num_batches_tracked")
#: Detectron2's names of a ResNet's parameters to timm's, in this order.
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
    """Load weights strictly, except ``UNUSED`` ones; see ``fill``.

    Args:
        model: a network without its classifier.
        weights: by the model's names; with or without a classifier.
        source: for messages.

    Raises:
        WeightsError: naming the first few differences.
    """
    used = {name: value for name, value in weights.items() if not UNUSED.fullmatch(name)}
    unused = {name: value for name, value in model.state_dict().items() if UNUSED.fullmatch(name)}
    fill(model, used | unused, source)


def _from_detectron2(name: str) -> str:
    for pattern, replacement in FROM_DETECTRON2:
        name = pattern.sub(replacement, name)
    return name
