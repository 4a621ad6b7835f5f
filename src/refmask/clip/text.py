"""CLIP's text transformer.

Written for reading; ``kernels/text.py`` computes the same features fast.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from refmask.clip.transformer import Transformer, TransformerConfig

#: Which token answers: (ids of texts (T, L), id of the end) -> (T,), by open_clip's names.
ENDS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "argmax": lambda ids, _: ids.argmax(dim=1),
    "eos": lambda ids, end: (ids == end).int().argmax(dim=1),
    "first": lambda ids, _: ids.new_zeros(len(ids)),
    "last": lambda ids, _: ids.new_full((len(ids),), ids.shape[1] - 1),
}


class TextTransformer(nn.Module):
    """A causal text transformer that answers with one of its tokens.

    Args:
        config: of its blocks.
        context: tokens that it reads at most.
        vocabulary: tokens that it knows.
        output: D, width of a feature.
        pool: which token answers, a key of ``ENDS``.
        end: id of the token that ends a text; only "eos" asks for it.
        projection: "linear", "bias" (linear with a bias) or "none".
    """

    def __init__(
        self,
        config: TransformerConfig,
        context: int,
        vocabulary: int,
        output: int,
        pool: str = "argmax",
        end: int = 2,
        projection: str = "linear",
    ) -> None:
        super().__init__()
        self.vocab_size, self.pool, self.end = vocabulary, pool, end
        # From values, so that none are drawn: for that torch would import its compiler.
        values = torch.empty(vocabulary, config.width)
        self.token_embedding = nn.Embedding(vocabulary, config.width, _weight=values)
        self.positional_embedding = nn.Parameter(torch.empty(context, config.width))
        self.transformer = Transformer(config)
        self.ln_final = config.norm()
        self.text_projection: nn.Linear | nn.Parameter | None = None
        if projection == "bias":
            self.text_projection = nn.Linear(config.width, output)
        elif projection == "linear":
            self.text_projection = nn.Parameter(torch.empty(config.width, output))

    def forward(self, ids: Tensor) -> Tensor:
        """Features of texts: ids int64 (T, L) to (T, D), of sentences or noun phrases.

        To read: ``reference.sentence_feature`` and ``reference.noun_phrase_feature``.
        """
        length = ids.shape[1]
        tokens = self.token_embedding(ids) + self.positional_embedding[:length]
        # Each token sees itself and those before it.
        bias = torch.full((length, length), -torch.inf, device=ids.device).triu(1)
        tokens = self.transformer(tokens, bias)  # (T, L, width)
        return self.answer(tokens[torch.arange(len(ids)), self.ends(ids)])

    def ends(self, ids: Tensor) -> Tensor:
        """The place of the token that answers: ids (T, L) to (T,)."""
        return ENDS[self.pool](ids, self.end)

    def answer(self, tokens: Tensor) -> Tensor:
        """Features (T, D) of final tokens (T, width)."""
        tokens = self.ln_final(tokens)
        if self.text_projection is None:
            return tokens
        if isinstance(self.text_projection, nn.Linear):
            projected: Tensor = self.text_projection(tokens)
            return projected
        return tokens @ self.text_projection
