"""How many multiply-adds must be done, and how fast this machine does them: the limit.

Counted are linear layers, convolutions and attention of what the answer needs and nothing else:
of the last block only the class token's output, of a masked block only the mask's tokens, of a
text only what lies before its end. No norms, no activations, no images: they are not free, but
a machine at its limit would hide them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import open_clip
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

#: Rows, inputs and outputs of the linear layers whose best rate is taken for the machine's.
SHAPES = ((2500, 768, 768), (2500, 768, 3072), (2500, 3072, 768), (2048, 2048, 2048))

Cfg = Mapping[str, Any]


def rate(precision: torch.dtype, seconds: float = 1.0) -> float:
    """Multiply-adds per second of the machine's best linear layer, on the threads it is given."""
    best = 0.0
    for rows, inputs, outputs in SHAPES:
        pixels, weight = torch.rand(rows, inputs), torch.rand(outputs, inputs)
        pixels, weight = pixels.to(precision), weight.to(precision)
        stop = time.perf_counter() + seconds
        while (began := time.perf_counter()) < stop:
            functional.linear(pixels, weight)
            best = max(best, rows * inputs * outputs / (time.perf_counter() - began))
    return best


def encode(cfg: Cfg, images: int) -> int:
    """Ordinary features of images, by open_clip's model configuration."""
    vision, dim = cfg["vision_cfg"], cfg["embed_dim"]
    if _is_resnet(cfg):
        return images * (_trunk(cfg) + _pooling(cfg))
    width, tokens = vision["width"], _places(cfg) + 1
    early = (vision["layers"] - 1) * block(width, tokens, tokens)
    last = block(width, tokens, 1)
    return images * (_patches(cfg) + early + last + width * dim)


def masked(cfg: Cfg, masks: Tensor, last: int | None = None) -> int:
    """Features of masks in the context of one image (equations 2 and 3).

    Args:
        cfg: open_clip's model configuration.
        masks: float (N, h, w), 0 to 1.
        last: the paper's k, for vision transformers.
    """
    vision, dim, count = cfg["vision_cfg"], cfg["embed_dim"], len(masks)
    if _is_resnet(cfg):
        return _trunk(cfg) + count * _pooling(cfg)
    if last is None:
        raise ValueError("expected the number of masked blocks of a vision transformer, got None")
    width, everything = vision["width"], _places(cfg) + 1
    total = _patches(cfg) + (vision["layers"] - last) * block(width, everything, everything)
    for inside in (masks > 0).flatten(1).sum(1).tolist():
        tokens = 1 + inside
        seen = tokens + (tokens < everything)  # one zero token stands for all those outside
        total += (last - 1) * block(width, tokens, tokens, tokens * seen)
        total += block(width, tokens, 1, seen) + width * dim
    return total


def read(cfg: Cfg, lengths: Iterable[int]) -> int:
    """Features of texts of so many tokens, both ends included."""
    text, total = cfg["text_cfg"], 0
    for length in lengths:
        early = block(text["width"], length, length, length * (length + 1) // 2)
        total += (text["layers"] - 1) * early + block(text["width"], length, 1)
        total += text["width"] * cfg["embed_dim"]
    return total


def block(width: int, tokens: int, wanted: int, pairs: int | None = None) -> int:
    """One residual attention block.

    Args:
        width: of a token.
        tokens: whose keys and values are computed.
        wanted: whose outputs are.
        pairs: of query and key that attend to each other; all when None.
    """
    pairs = tokens * wanted if pairs is None else pairs
    # Keys, values; queries, projection, perceptron of four times the width; attention.
    return 2 * tokens * width**2 + (1 + 1 + 8) * wanted * width**2 + 2 * pairs * width


def counted(work: Callable[[], Any]) -> int:
    """Multiply-adds that some work does, as torch counts them."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() // 2


def _is_resnet(cfg: Cfg) -> bool:
    return isinstance(cfg["vision_cfg"]["layers"], list | tuple)


def _places(cfg: Cfg) -> int:
    """Of the feature map."""
    vision = cfg["vision_cfg"]
    return (vision["image_size"] // (32 if _is_resnet(cfg) else vision["patch_size"])) ** 2


def _patches(cfg: Cfg) -> int:
    """The patch convolution of one image."""
    vision = cfg["vision_cfg"]
    return _places(cfg) * 3 * vision["patch_size"] ** 2 * vision["width"]


def _pooling(cfg: Cfg) -> int:
    """A ResNet's attention pool, asked by one query: no place's key or value need be computed."""
    vision, dim = cfg["vision_cfg"], cfg["embed_dim"]
    width, tokens = 32 * vision["width"], _places(cfg) + 1
    heads = width // vision.get("head_width", 64)
    # Query, where it points, one value per head, the answer; each head's logits and sum.
    return 3 * width**2 + width * dim + 2 * heads * tokens * width


def _trunk(cfg: Cfg) -> int:
    """A ResNet before its pooling, for one image; counted without computing."""
    with torch.device("meta"):
        visual: Any = open_clip.CLIP(**cfg).visual.eval()
        visual.attnpool = torch.nn.Identity()
        side = cfg["vision_cfg"]["image_size"]
        return counted(lambda: visual(torch.empty(1, 3, side, side)))
