"""The paper's Equations 1 to 8 in order, in plain torch: to read, and to test fast forms against.

*Zero-shot Referring Image Segmentation with Global-Local Context Features*, CVPR 2023
(arXiv 2303.17811). Shapes: N masks, D the embedding's width, S the side of CLIP's input, h x w its
feature map. CLIP is passed in as functions, split where the paper splits it, so any CLIP works.

The fast forms, which tests hold equal to these:

=============  ==================================================================================
Equation 1     ``methods/global_local.py``; the answer itself in ``scene.py``
Equation 2, 3  ``clip/resnet.py``, ``clip/vit.py``
Equation 4     ``ops/pixels.py`` (``cut_crops``)
Equation 5, 8  ``types.ContextFeatures.blend``
Equation 6, 7  ``clip/text.py``; ``text/parser.py`` finds the noun phrase
=============  ==================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from refmask.types import TargetPhrase

Encode = Callable[[Tensor], Tensor]
EncodeText = Callable[[list[str]], Tensor]


def similarity(visual: Tensor, text: Tensor) -> Tensor:
    """Equation 1: sim(t, f_m), the cosine; the answer is ``argmax`` over the masks M(I).

    Args:
        visual: float (N, D), f_m of every mask.
        text: float (T, D), t of every expression.

    Returns:
        float (T, N), -1 to 1.
    """
    return functional.normalize(text, dim=1) @ functional.normalize(visual, dim=1).T


def masked_attention_pooling(
    pixels: Tensor, masks: Tensor, feature_map: Encode, attention_pool: Encode
) -> Tensor:
    """Equation 2, global context in a ResNet: f_m^G, the feature map masked before it is pooled.

    Args:
        pixels: float (1, 3, S, S), the whole image.
        masks: float (N, h, w), 0 to 1, from :func:`resized`.
        feature_map: (1, 3, S, S) -> (1, C, h, w), all layers before attention pooling.
        attention_pool: (N, C, h, w) -> (N, D).

    Returns:
        float (N, D).
    """
    return attention_pool(feature_map(pixels) * masks[:, None])


def token_masking(
    pixels: Tensor,
    masks: Tensor,
    embed: Encode,
    blocks: Sequence[Encode],
    class_feature: Encode,
    mask_layers: int,
) -> Tensor:
    """Equation 3, global context in a ViT: f_m^G, patch tokens masked before each last block.

    Args:
        pixels: float (1, 3, S, S), the whole image.
        masks: float (N, h, w), 0 to 1, from :func:`resized`.
        embed: (1, 3, S, S) -> (1, 1 + h*w, width), the class token first.
        blocks: the transformer's, tokens to tokens.
        class_feature: class tokens (N, width) -> (N, D).
        mask_layers: the paper's k, at least 1: the number of last blocks that are masked.

    Returns:
        float (N, D).
    """
    tokens = embed(pixels)
    for block in blocks[:-mask_layers]:
        tokens = block(tokens)
    keep = functional.pad(masks.flatten(1), (1, 0), value=1.0)[:, :, None]  # class token: 1
    tokens = tokens.expand(len(masks), -1, -1)
    for block in blocks[-mask_layers:]:
        tokens = block(tokens * keep)
    return class_feature(tokens[:, 0])


def local_context(
    pixels: Tensor, masks: Tensor, side: int, encode_image: Encode, interpolation: str = "bicubic"
) -> Tensor:
    """Equation 4, local context: f_m^L, image times mask, cropped to the mask's box, encoded.

    Args:
        pixels: float (1, 3, H, W), normalised, so that 0 outside the mask is the mean colour.
        masks: float (N, H, W), 0 or 1, none of them empty.
        side: S, crops are resized to (S, S).
        encode_image: (1, 3, S, S) -> (1, D).
        interpolation: "bicubic" or "bilinear", as the weights were trained.

    Returns:
        float (N, D).
    """
    features = []
    for mask in masks:
        rows, columns = mask.any(dim=1).nonzero(), mask.any(dim=0).nonzero()
        box = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
        crop = (pixels * mask)[:, :, *box]
        crop = functional.interpolate(crop, (side, side), mode=interpolation, antialias=True)
        features.append(encode_image(crop))
    return torch.cat(features)


def visual_feature(global_context: Tensor, local_context: Tensor, alpha: float) -> Tensor:
    """Equation 5: f_m = alpha f_m^G + (1 - alpha) f_m^L, float (N, D)."""
    return alpha * global_context + (1 - alpha) * local_context


def sentence_feature(phrase: TargetPhrase, encode_text: EncodeText) -> Tensor:
    """Equation 6: t^G, the whole expression encoded, float (1, D)."""
    return encode_text([phrase.text])


def noun_phrase_feature(phrase: TargetPhrase, encode_text: EncodeText) -> Tensor:
    """Equation 7: t^L, the target noun phrase encoded, float (1, D)."""
    return encode_text([phrase.noun_phrase])


def text_feature(sentence: Tensor, noun_phrase: Tensor, beta: float) -> Tensor:
    """Equation 8: t = beta t^G + (1 - beta) t^L, float (1, D)."""
    return beta * sentence + (1 - beta) * noun_phrase


def resized(masks: Tensor, size: tuple[int, int]) -> Tensor:
    """Masks (N, H, W) at a feature map's size: float (N, h, w), the share of each cell covered."""
    return functional.adaptive_avg_pool2d(masks, size)
