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

#: The weights file in timm's repositories on the hub.
FILE = "model.safetensors"


@dataclass(frozen=True)
class TimmSource:
    """One of timm's networks whose weights are on disk.

    Attributes:
        name: timm's.
        path: the weights file.
        stride: pixels between positions of its feature maps.
        multiple: the sides of its input are multiples of it.
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
        config = model.pretrained_cfg
        self.statistics = PixelStatistics(
            side=config["input_size"][-1],
            mean=tuple(config["mean"]),
            std=tuple(config["std"]),
            interpolation="bilinear" if config.get("interpolation") == "bilinear" else "bicubic",
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
            # The last block's input without the class token: keys depend on single positions.
            tokens = self._maps(pixels, [len(self.model.blocks) - 2], norm=False)
            keys = last.attn.qkv(last.norm1(tokens.permute(0, 2, 3, 1))).chunk(3, dim=-1)[1]
            return keys.permute(0, 3, 1, 2)  # type: ignore[no-any-return]
        return self._maps(pixels, 1, norm=True)

    def _maps(self, pixels: Tensor, indices: int | list[int], norm: bool) -> Tensor:
        maps: list[Tensor] = self.model.forward_intermediates(
            pixels, indices=indices, norm=norm, stop_early=True, intermediates_only=True
        )
        return maps[-1]


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
        # ResNets pad, and so take any size; others drop pixels beyond a multiple of their stride.
        multiple=1 if isinstance(model, ResNet) else stride,
    )


def _create(name: str) -> Any:
    """The bare network without classifier, for images of any size.

    Raises:
        ConfigurationError: when timm has no such network, or it has no feature maps of any size.
    """
    import timm

    create: Callable[..., nn.Module] = partial(timm.create_model, name, num_classes=0)
    model: Any
    try:
        if not timm.is_model(name.partition(".")[0]):
            raise RuntimeError("unknown name")
        try:  # resizes position embeddings, where there are any, to the image
            model = create(dynamic_img_size=True)
        except TypeError:
            model = create()
    except RuntimeError as error:
        near = difflib.get_close_matches(name, timm.list_pretrained(), n=4, cutoff=0.5)
        raise ConfigurationError(
            f"timm has no network timm/{name} ({error})"
            + (f"; did you mean timm/{', timm/'.join(near)}?" if near else "")
        ) from None
    fixed = model.pretrained_cfg.get("fixed_input_size") and not hasattr(model, "dynamic_img_size")
    if fixed or not hasattr(model, "forward_intermediates"):
        raise ConfigurationError(
            f"timm/{name} does not read images of any size; choose a ResNet or a plain vision "
            "transformer"
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
        raise WeightsError(f"there is no weights file at {weights}; check the path")
    return Path(weights)


def _published(name: str, config: dict[str, Any]) -> Path:
    """The weights file that timm publishes for a network, downloaded once."""
    repository = config.get("hf_hub_id")
    if not repository:
        raise ConfigurationError(f"timm publishes no weights of {name}; pass a file as weights")
    file = config.get("hf_hub_filename") or FILE
    try:
        if not within_reach(repository):
            raise OSError("the hub does not answer")
        return Path(hf_hub_download(repository, file))
    except Exception as error:
        raise WeightsUnavailable(
            f"the weights of timm/{name} are not in the local cache and could not be downloaded; "
            f"on a machine with network download {file} from {repository} on the Hugging Face hub "
            "and pass it as the proposer's weights (NAME:weights=FILE), or copy that machine's "
            "~/.cache/huggingface here; `proposals=grouping` works now"
        ) from error
