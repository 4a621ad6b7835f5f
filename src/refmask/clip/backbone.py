"""One loaded CLIP: images, masks in context and texts to features."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from refmask.clip.kernels import ResnetTower, Tower, VitTower, text_tower_of
from refmask.clip.kernels.linear import PLACES
from refmask.clip.model import Clip
from refmask.clip.tokens import Tokenizer, tokenize
from refmask.errors import ConfigurationError, ExpressionError, RefmaskWarning
from refmask.ops.pixels import PixelStatistics
from refmask.weights.hashing import sha256_of

#: Texts whose gradients are computed at a time.
BATCH = 32


@dataclass(frozen=True, eq=False)
class ClipBackbone:
    """A CLIP model with all it needs to read pixels and texts.

    Attributes:
        model: in evaluation mode, on ``device``.
        tower: the fast form of its image tower.
        tokenizer: list of T texts -> int64 (T, context).
        statistics: how its weights want pixels.
        device: where it computes.
        precision: torch.float32 or torch.bfloat16, of its features.
        name: model and weights, for reports.
        advice: blend settings its card recommends ("alpha", "beta", "mask_layers"), if any.
        weights: the file its weights were read from, where there is one.
        model_cfg: its configuration, in open_clip's form.
    """

    model: Clip
    tower: Tower
    tokenizer: Tokenizer
    statistics: PixelStatistics
    device: torch.device
    precision: torch.dtype
    name: str
    advice: dict[str, Any] = field(default_factory=dict)
    weights: Path | None = None
    model_cfg: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """One line, without weights."""
        return f"<ClipBackbone {self.name}: {self.family}, {self.dim} numbers, on {self.device}>"

    @property
    def family(self) -> str:
        """Kind of its image tower: "vit" or "resnet"."""
        return self.tower.family

    @cached_property
    def weights_sha256(self) -> str | None:
        """SHA-256 of the weights' file, where there is one; read when first asked for."""
        return None if self.weights is None else sha256_of(self.weights)

    @property
    def logit_scale(self) -> float:
        """Learnt factor on cosines, exp of the parameter."""
        return float(self.model.logit_scale.detach().exp())

    @torch.inference_mode()
    def encode_image(self, pixels: Tensor) -> Tensor:
        """Ordinary image features.

        Pixels float32 (B, 3, S, S), normalised, to float32 (B, D) on the CPU, not normalised.
        """
        height, width = self.tower.grid
        batch = max(1, PLACES // (height * width))
        features = torch.empty((len(pixels), self.dim))
        for start in range(0, len(pixels), batch):
            some = slice(start, start + batch)
            features[some] = self.tower.encode(pixels[some].to(self.device))
        return features

    @torch.inference_mode()
    def encode_masked(self, pixels: Tensor, masks: Tensor, **settings: Any) -> Tensor:
        """Mask-guided features of one image (equations 2 and 3).

        Args:
            pixels: float32 (1, 3, S, S), normalised.
            masks: float32 (N, h, w) at ``tower.grid``, 0 to 1.
            settings: the tower's own: ``mask_layers`` (the paper's k) for vision transformers,
                ``unit_places`` for ResNets.

        Returns:
            float32 (N, D) on the CPU, not normalised; a mask of ones gives ``encode_image``.

        Raises:
            ConfigurationError: for a setting that the tower does not have.
        """
        self.check_settings(settings)
        pool = self.tower.masked(pixels.to(self.device), **settings)
        return pool(masks.to(self.device)).cpu()

    @torch.inference_mode()
    def encode_regions(self, pixels: Tensor, regions: Tensor, **settings: Any) -> Tensor:
        """Region tokens' features of one image.

        Args:
            pixels: float32 (1, 3, S, S), normalised.
            regions: bool (N, h, w) at ``tower.grid``: the patches of each region.
            settings: as ``VitTower.regions`` takes them.

        Returns:
            float32 (N, D) on the CPU, not normalised; a region of all patches gives
            ``encode_image``.

        Raises:
            ConfigurationError: when the tower is no vision transformer.
        """
        pool = self.region_tower.regions(pixels.to(self.device), **settings)
        return pool(regions.to(self.device)).cpu()

    @torch.inference_mode()
    def encode_places(self, pixels: Tensor, bias_seed: int | None = None) -> Tensor:
        """Features of the joint space at each place of an image.

        Args:
            pixels: float32 (1, 3, S, S), normalised.
            bias_seed: see ``Compat``.

        Returns:
            float32 (1, D, h, w) on the CPU, not normalised.

        Raises:
            ConfigurationError: when the tower is no ResNet.
        """
        return self.pooled_tower.places(pixels.to(self.device), bias_seed).cpu()

    @torch.inference_mode()
    def feature_map(self, pixels: Tensor) -> Tensor:
        """The feature map that is pooled to an image feature.

        Pixels float32 (1, 3, S, S), normalised, to float32 (1, C, h, w) on the CPU. Raises
        ConfigurationError when the tower is no ResNet.
        """
        return self.pooled_tower.dense(pixels.to(self.device), "features").cpu()

    def channel_gradients(self, features: Tensor, texts: Tensor) -> Tensor:
        """How each text's logit grows with each channel of a feature map.

        The gradient of logit scale times cosine, summed over the places. Gradients are of the
        feature map only; weights have none, before and after.

        Args:
            features: float (1, C, h, w), from ``feature_map``.
            texts: float (T, D), any length but 0.

        Returns:
            (T, C) on the CPU, of the type of ``features``.

        Raises:
            ConfigurationError: when the tower is no ResNet.
        """
        tower = self.pooled_tower
        # Inference mode, here or around the caller, would forbid gradients.
        with torch.inference_mode(False), torch.enable_grad():
            gradients = features.new_empty((len(texts), features.shape[1]))
            for start in range(0, len(texts), BATCH):
                some = functional.normalize(texts[start : start + BATCH].to(self.device).clone())
                maps = features.to(self.device).repeat(len(some), 1, 1, 1).requires_grad_()
                cosines = (functional.normalize(tower.pool(maps).to(some.dtype)) * some).sum()
                (gradient,) = torch.autograd.grad(self.logit_scale * cosines, maps)
                gradients[start : start + BATCH] = gradient.sum(dim=(2, 3)).cpu()
        return gradients

    @property
    def region_tower(self) -> VitTower:
        """The tower, if it is a vision transformer; else raises ConfigurationError."""
        if not isinstance(self.tower, VitTower):
            raise ConfigurationError(
                f"expected a vision transformer such as ViT-B-32-quickgelu for region tokens, "
                f"{self.name} is a {self.tower.family} model; choose another model or method"
            )
        return self.tower

    @property
    def pooled_tower(self) -> ResnetTower:
        """The tower, if it is a ResNet; else raises ConfigurationError."""
        if not isinstance(self.tower, ResnetTower):
            raise ConfigurationError(
                f"expected a ResNet such as RN50-quickgelu for maps before attention pooling, "
                f"{self.name} is a {self.tower.family} model; choose another model or method"
            )
        return self.tower

    def check_settings(self, settings: Iterable[str]) -> None:
        """Raise ConfigurationError unless the tower has all of these settings."""
        foreign = sorted(set(settings) - self.tower.settings)
        if foreign:
            raise ConfigurationError(
                f"{self.name} is a {self.tower.family} model, which has no {', '.join(foreign)}; "
                "leave it out"
            )

    @torch.inference_mode()
    def encode_text(self, texts: Sequence[str], *, refuse_long: bool = False) -> Tensor:
        """Text features, each distinct text computed once.

        Args:
            texts: T texts. What exceeds the model's context is cut off, with a RefmaskWarning.
            refuse_long: raise instead of cutting.

        Returns:
            float32 (T, D) on the CPU, not normalised, computed in ``precision``.

        Raises:
            ExpressionError: for a text longer than the context, with ``refuse_long``.
        """
        if not texts:
            return torch.empty((0, self.dim))
        ids = self._tokens(list(texts), refuse_long)
        keys = [row.tobytes() for row in ids.numpy()]
        distinct = {key: place for place, key in enumerate(keys)}
        features = self._text_tower(ids[[*distinct.values()]].to(self.device)).cpu()
        number = {key: place for place, key in enumerate(distinct)}
        return features[[number[key] for key in keys]]

    @cached_property
    def _text_tower(self) -> Callable[[Tensor], Tensor]:
        return text_tower_of(self.model.text, self.precision)

    @property
    def dim(self) -> int:
        """D, the width of the features."""
        return self.model.visual.output_dim

    def _tokens(self, texts: list[str], refuse: bool) -> Tensor:
        """Ids (T, context) of texts; raises, or warns, when one is longer than the model reads."""
        ids, cut = tokenize(self.tokenizer, texts)
        if not cut:
            return ids
        told = f"expected at most {ids.shape[1]} tokens, {cut[0][:40]!r}... has more"
        if refuse:
            raise ExpressionError(f"{told}; shorten it, or use the default compat")
        message = f"{told}; {self.name} reads only its beginning, so shorten it"
        warnings.warn(message, RefmaskWarning, stacklevel=2)
        return ids
