"""open_clip's text transformers, run no further than the token that answers.

They are causal: a token sees only those before it. So nothing behind the end of a text, whose
token answers, has to be computed, although texts are padded to 77 tokens; and what several texts
begin with is computed once.

This is the only file that touches the private parts of ``TextTransformer``, and of ``CLIP``, which
takes them over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from refmask.clip.blocks import Block, check_blocks
from refmask.clip.prefixes import PrefixTree, prefix_trees
from refmask.errors import UnsupportedTower

#: Texts that go at a time through a tower that is not ours.
BATCH = 64

#: Tokens that go through ours at a time. More gain nothing, and each looks for its own among them.
NODES = 256

#: Which token answers: (ids of texts (T, L), id of the end) -> (T,), by open_clip's names.
ENDS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "argmax": lambda ids, _: ids.argmax(dim=1),
    "eos": lambda ids, end: (ids == end).int().argmax(dim=1),
    "first": lambda ids, _: ids.new_zeros(len(ids)),
    "last": lambda ids, _: ids.new_full((len(ids),), ids.shape[1] - 1),
}


class Tokenizer(Protocol):
    """open_clip's tokenizers."""

    def __call__(self, texts: list[str], context_length: int | None = None) -> Tensor:
        """T texts to ids, int64 (T, context_length), cut and padded to what the model reads."""
        ...


def tokenize(tokenizer: Tokenizer, texts: list[str]) -> tuple[Tensor, list[str]]:
    """Ids of texts, int64 (T, context), and those texts that did not fit."""
    ids = tokenizer(texts)
    # An empty text's ids show how those end that leave room. Of the others some just fit, as a
    # context longer by one token tells.
    padding = tokenizer([""])[0, -1]
    full = [texts[place] for place in (ids[:, -1] != padding).nonzero()[:, 0].tolist()]
    if not full:
        return ids, []
    longer = tokenizer(full, context_length=ids.shape[1] + 1)
    return ids, [full[place] for place in (longer[:, -1] != padding).nonzero()[:, 0].tolist()]


def text_tower_of(model: Any, precision: torch.dtype) -> Callable[[Tensor], Tensor]:
    """The text side of an open_clip model, in evaluation mode.

    Its weights are read at once, and must not change after that.

    Args:
        model: an ``open_clip.CLIP`` or ``open_clip.CustomTextCLIP``, in float32.
        precision: torch.float32 or torch.bfloat16, of the matrix products of a ``CausalTower``;
            other transformers compute in float32.

    Returns:
        A function from ids, int64 (T, L), to features, float32 (T, D).
    """
    parts = getattr(model, "text", model)
    if _is_causal(parts):
        return CausalTower(parts, precision)
    return lambda ids: torch.cat([model.encode_text(some) for some in torch.split(ids, BATCH)])


def _is_causal(parts: Any) -> bool:
    """Whether tokens see only those before them, in blocks of our kind, and one of them answers."""
    if type(parts).__name__ not in ("CLIP", "TextTransformer") or parts.attn_mask is None:
        return False
    # A class token of its own stands behind the text, and sees all of it.
    if len(parts.positional_embedding) != parts.context_length or _pooling(parts)[0] not in ENDS:
        return False
    try:
        check_blocks(parts.transformer)
    except UnsupportedTower:
        return False
    return True


def _pooling(parts: Any) -> tuple[str, int]:
    """Which token answers, by name, and the id of a text's end."""
    if type(parts).__name__ == "CLIP":
        return parts.text_pool_type, parts.text_eos_id
    return parts.pool_type, parts.eos_id


class CausalTower:
    """A causal text transformer.

    Args:
        parts: what holds its layers: an ``open_clip.CLIP`` or a ``TextTransformer``, in float32.
        precision: torch.float32 or torch.bfloat16, of the blocks' matrix products.
    """

    def __init__(self, parts: Any, precision: torch.dtype) -> None:
        self.parts = parts
        self.precision = precision
        self.blocks = [Block(block, precision) for block in parts.transformer.resblocks]
        self._pool, self._end = _pooling(parts)

    def __call__(self, ids: Tensor) -> Tensor:
        """Features of texts.

        Args:
            ids: int64 (T, L), T at least 1.

        Returns:
            float32 (T, D).
        """
        ends = ENDS[self._pool](ids, self._end).tolist()
        read = [row[: end + 1] for row, end in zip(ids.tolist(), ends, strict=True)]
        trees = list(prefix_trees(read, NODES))
        features = torch.cat([self._encode(tree) for tree in trees])
        return features[torch.tensor([text for tree in trees for text in tree.texts]).argsort()]

    def _encode(self, tree: PrefixTree) -> Tensor:
        """Features (T, D) of a tree's texts."""
        device = self.parts.positional_embedding.device
        ids, places, ends = (
            torch.tensor(part, device=device) for part in (tree.ids, tree.places, tree.ends)
        )
        # Zero and minus infinity are themselves in any precision.
        bias = torch.zeros(len(ids), len(ids), dtype=self.precision, device=device)
        bias.masked_fill_(~tree.sight().to(device), -torch.inf)
        tokens = (self.parts.token_embedding(ids) + self.parts.positional_embedding[places])[None]
        for block in self.blocks[:-1]:
            tokens = block(tokens, bias=bias)
        answers = self.blocks[-1](tokens, tokens[:, ends], bias[ends])[0]
        return self._project(self.parts.ln_final(answers))

    def _project(self, answers: Tensor) -> Tensor:
        projection = self.parts.text_projection
        if projection is None:
            return answers
        projected: Tensor = (
            projection(answers) if isinstance(projection, nn.Module) else answers @ projection
        )
        return projected
