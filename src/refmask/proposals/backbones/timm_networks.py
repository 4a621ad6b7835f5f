"""timm's networks as dense backbones."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download
from torch import Tensor, nn

from refmask.errors import ConfigurationError, WeightsError, WeightsUnavailable
from refmask.ops.pixels import PixelStatistics
from refmask.proposals.backbones import check_keys
from refmask.proposals.backbones.checkpoints import fill_backbone, read_checkpoint
from refmask.weights.hashing import sha256_of
from refmask.weights.hub import within_reach

#: The file in which timm publishes weights on the hub.
FILE = "model.safetensors"


@dataclass(frozen=True)
class TimmSource:
    """One of timm's networks that is known and whose weights are here.

    Attributes:
        name: timm's.
        path: the weights file.
        stride: pixels between places.
        multiple: images have sides of multiples of it.
    """

    name: str
    path: Path
    stride: int
    multiple: int

    def identity(self) -> dict[str, str]:
        """Name, and the SHA-256 of the weights."""
        return {"backbone": f"timm/{self.name}", "weights_sha256": sha256_of(self.path)}

    def build(self, device: torch.device, precision: str) -> TimmNetwork:  # noqa: ARG002
        """The network with its weights; the caller casts."""
        model = _create(self.name)
        fill_backbone(model, read_checkpoint(self.path), str(self.path))
        return TimmNetwork(model.eval().requires_grad_(False).to(device))


class TimmNetwork:
    """A network with its weights.

    Args:
        model: any of timm's with ``forward_intermediates``.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        told = model.pretrained_cfg
        interpolation = "bilinear" if told.get("interpolation") == "bilinear" else "bicubic"
        self.statistics = PixelStatistics(
            side=told["input_size"][-1],
            mean=tuple(told["mean"]),
            std=tuple(told["std"]),
            interpolation=interpolation,
        )

    def dense(self, pixels: Tensor, kind: str) -> Tensor:
        """The map of an image.

        Args:
            pixels: float32 (1, 3, H, W).
            kind: "features" for the last map: of a vision transformer the patch tokens after the
                last block and the final layer norm, where it has one before pooling; of a ResNet
                the last stage's output. "keys" for the keys of the last block's attention as the
                linear layer ``qkv`` gives them, heads concatenated, without the class token.

        Returns:
            (1, D, h, w).
        """
        if kind == "keys":
            last = self.model.blocks[-1]
            # The last block's input holds the patches only: keys are computed place by place.
            tokens = self._maps(pixels, [len(self.model.blocks) - 2], norm=False)
            keys = last.attn.qkv(last.norm1(tokens.permute(0, 2, 3, 1))).chunk(3, dim=-1)[1]
            return keys.permute(0, 3, 1, 2)  # type: ignore[no-any-return]
        return self._maps(pixels, 1, norm=True)

    def _maps(self, pixels: Tensor, indices: int | list[int], norm: bool) -> Tensor:
        found: list[Tensor] = self.model.forward_intermediates(
            pixels, indices=indices, norm=norm, stop_early=True, intermediates_only=True
        )
        return found[-1]


def find_timm(name: str, weights: str | None, kind: str) -> TimmSource:
    """One of timm's networks by name; see ``find_backbone``."""
    from timm.models.resnet import ResNet

    with torch.device("meta"):
        model = _create(name)
    check_keys(kind, _has_keys(model), f"timm/{name}")
    stride = int(model.feature_info[-1]["reduction"])
    return TimmSource(
        name=name,
        path=_published(name, model.pretrained_cfg) if weights is None else _local(weights),
        stride=stride,
        # ResNets pad, and so take any size; others lose what exceeds a multiple of their stride.
        multiple=1 if isinstance(model, ResNet) else stride,
    )


def _create(name: str) -> Any:
    """The bare network without classifier, for images of any size.

    Raises:
        ConfigurationError: when timm has no such network, or it gives no maps of any size.
    """
    import timm

    create: Callable[..., nn.Module] = partial(timm.create_model, name, num_classes=0)
    model: Any
    try:
        if not timm.is_model(name.partition(".")[0]):
            raise RuntimeError("unknown name")
        # Position embeddings are resized to the image, where there are any.
        try:
            model = create(dynamic_img_size=True)
        except TypeError:
            model = create()
    except RuntimeError as error:
        near = difflib.get_close_matches(name, timm.list_pretrained(), n=4, cutoff=0.5)
        raise ConfigurationError(
            f"expected timm/NAME with a name of timm's, got timm/{name} ({error})"
            + (f"; did you mean timm/{', timm/'.join(near)}?" if near else "")
        ) from None
    fixed = model.pretrained_cfg.get("fixed_input_size") and not hasattr(model, "dynamic_img_size")
    if fixed or not hasattr(model, "forward_intermediates"):
        raise ConfigurationError(
            f"expected a network that reads images of any size, timm/{name} does not; take a "
            "ResNet or a plain vision transformer"
        )
    return model


def _has_keys(model: nn.Module) -> bool:
    """Whether the last block computes its keys from its normalised input by one linear layer."""
    from timm.models.eva import EvaBlock
    from timm.models.vision_transformer import Block

    blocks = getattr(model, "blocks", None)
    last = blocks[-1] if isinstance(blocks, nn.Sequential | nn.ModuleList) else None
    return isinstance(last, Block | EvaBlock) and isinstance(last.attn.qkv, nn.Linear)


def _local(weights: str) -> Path:
    if not Path(weights).is_file():
        raise WeightsError(f"expected a weights file at {weights}, there is none; check the path")
    return Path(weights)


def _published(name: str, told: dict[str, Any]) -> Path:
    """The file of weights that timm publishes for a network, downloaded once."""
    repository = told.get("hf_hub_id")
    if not repository:
        raise ConfigurationError(f"timm publishes no weights of {name}; pass a file as weights")
    file = told.get("hf_hub_filename") or FILE
    try:
        if not within_reach(repository):
            raise OSError("the hub does not answer")
        return Path(hf_hub_download(repository, file))
    except Exception as error:
        raise WeightsUnavailable(
            f"the weights of timm/{name} are not in the local cache and could not be fetched; on a "
            f"machine with network download {file} from {repository} on the Hugging Face hub and "
            "pass it as the proposer's weights (NAME:weights=FILE), or copy that machine's "
            "~/.cache/huggingface here; `proposals=grouping` works now"
        ) from error
