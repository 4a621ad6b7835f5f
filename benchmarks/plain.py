"""The paper's equations (``refmask.reference``) as the released code runs them, in fp32.

The yardstick of ``speed.py``: open_clip's own modules, no care for speed, nothing kept from one
referred object to the next. ``compat.py`` names what it does otherwise than the paper;
``tests/benchmarks/test_plain.py`` holds it against the golden vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from refmask import reference
from refmask.types import BoolArray, FloatArray, TargetPhrase, UInt8Array

SHORTER_SIDE = 800
SIDE = 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's
FILL = MEAN  # of pixels that are normalised already


@dataclass(frozen=True, eq=False)
class Plain:
    """A CLIP of open_clip and the paper's settings.

    Attributes:
        model: an ``open_clip.CLIP`` with an image tower of either kind, in fp32.
        tokenizer: list of texts -> int64 (T, 77).
        mask_layers: the paper's k, for vision transformers.
        alpha: weight of the global visual feature (equation 5).
        beta: weight of the whole expression (equation 8).
    """

    model: Any
    tokenizer: Callable[[list[str]], Tensor]
    mask_layers: int = 3
    alpha: float = 0.85
    beta: float = 0.5

    @property
    def is_resnet(self) -> bool:
        """Whether the image tower is a ResNet, whose features are normalised at other places."""
        return hasattr(self.model.visual, "attnpool")

    def scores(
        self, image: UInt8Array, masks: BoolArray, phrases: Sequence[TargetPhrase]
    ) -> FloatArray:
        """All there is to do for one referred object: float32 (T, N), one row per phrase.

        Args:
            image: uint8 RGB (H, W, 3).
            masks: bool (N, H, W).
            phrases: of that one object.
        """
        seen = self.look(image, masks)
        return np.concatenate([self.compare(*seen, *self.read(phrase)) for phrase in phrases])

    @torch.inference_mode()
    def look(self, image: UInt8Array, masks: BoolArray) -> tuple[Tensor, Tensor]:
        """Global and local visual features, float32 (N, D) each."""
        pixels, floats = prepare(image), torch.tensor(masks).float()[:, None]
        in_context = self.in_context(bilinear(pixels, (SIDE, SIDE)), floats)
        alone = self.model.encode_image(cut(bilinear(pixels, image.shape[:2]), floats))
        return in_context, functional.normalize(alone) if self.is_resnet else alone

    def in_context(self, pixels: Tensor, masks: Tensor) -> Tensor:
        """Equation 2 or 3 on open_clip's modules: (1, 3, 224, 224), (N, 1, H, W) -> (N, D)."""
        visual = self.model.visual
        if self.is_resnet:
            grid = bilinear(masks, (SIDE // 32, SIDE // 32))[:, 0]
            return reference.masked_attention_pooling(
                pixels, grid, lambda pixels: normalised_map(visual, pixels), visual.attnpool
            )
        return reference.token_masking(
            pixels,
            bilinear(masks, visual.grid_size)[:, 0],
            visual._embeds,
            visual.transformer.resblocks,
            lambda tokens: visual.ln_post(tokens) @ visual.proj,
            self.mask_layers,
        )

    @torch.inference_mode()
    def read(self, phrase: TargetPhrase) -> tuple[Tensor, Tensor]:
        """Features of the sentence and of its noun phrase, one after the other: (1, D) each."""
        whole = reference.sentence_feature(phrase, self.encode_text)
        part = reference.noun_phrase_feature(phrase, self.encode_text)
        if self.is_resnet:
            return functional.normalize(whole), functional.normalize(part)
        return whole, part

    def encode_text(self, texts: list[str]) -> Tensor:
        """float32 (T, D)."""
        return self.model.encode_text(self.tokenizer(texts))

    @torch.inference_mode()
    def compare(self, in_context: Tensor, alone: Tensor, whole: Tensor, part: Tensor) -> FloatArray:
        """Both blends and their similarity: float32 (1, N)."""
        visual = reference.visual_feature(in_context, alone, self.alpha)
        text = reference.text_feature(whole, part, self.beta)
        close = text @ visual.T if self.is_resnet else reference.similarity(visual, text)
        return (self.model.logit_scale.exp() * close).numpy()


def load_plain(model_cfg: dict[str, Any], weights: str, **settings: Any) -> Plain:
    """A model from open_clip's configuration and a ``.safetensors`` file."""
    model = open_clip.CLIP(**model_cfg).eval()
    model.load_state_dict(load_file(weights))
    return Plain(model, open_clip.SimpleTokenizer(), **settings)


def prepare(image: UInt8Array) -> Tensor:
    """float32 (1, 3, H', W'), normalised, the shorter side at 800 pixels."""
    height, width = image.shape[:2]
    shorter = min(height, width)
    size = (SHORTER_SIDE * width // shorter, SHORTER_SIDE * height // shorter)
    resized = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.array(resized)).permute(2, 0, 1)[None].float() / 255
    return (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def bilinear(pixels: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resized, corners not aligned, not antialiased."""
    return functional.interpolate(pixels, size, mode="bilinear", align_corners=False)


def cut(pixels: Tensor, masks: Tensor) -> Tensor:
    """Crops (N, 3, 224, 224), one after the other from products of image and masks.

    Args:
        pixels: float32 (1, 3, H, W), normalised, of the masks' size.
        masks: float32 (N, 1, H, W).
    """
    masked = pixels * masks + (1 - masks) * torch.tensor(FILL).view(3, 1, 1)  # (N, 3, H, W)
    crops = []
    for image, mask in zip(masked, masks, strict=True):
        edges = []
        for axis in (0, 1):  # columns, then rows
            places = mask[0].amax(axis).nonzero().double()
            centre, half = places.mean(), len(places) / 2
            edges.append(slice(int(centre - half), int(centre + half)))
        columns, rows = edges
        crops.append(bilinear(image[None, :, rows, columns], (SIDE, SIDE)))
    return torch.cat(crops)


def normalised_map(visual: Any, pixels: Tensor) -> Tensor:
    """The feature map (1, C, h, w) of open_clip's ``ModifiedResNet``, normalised at each place."""
    features = visual.stem(pixels)
    for layer in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
        features = layer(features)
    return functional.normalize(features, dim=1)
