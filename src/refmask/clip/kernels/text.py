"""Fast form of the text transformer: it computes what several texts begin with once.

A token depends only on those before it. So nothing behind the token that answers has to be
computed, although texts are padded to 77 tokens; and "the cat" and "the cat on the chair", as an
expression and its noun phrase mostly do, share their first tokens. A tree of all beginnings holds
each once. Its rows go through the transformer as one sequence in which each sees its own beginning
alone; nothing is padded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import numpy as np
import torch
from torch import Tensor

from refmask.clip.kernels.blocks import FastBlock
from refmask.clip.text import TextTransformer

#: Tokens that go through at a time. More gain nothing, and each looks for its own among them.
NODES = 256


class CausalTower:
    """A causal text transformer.

    Args:
        text: in float32.
        precision: torch.float32 or torch.bfloat16, of the blocks' matrix products.
    """

    def __init__(self, text: TextTransformer, precision: torch.dtype) -> None:
        self.text = text
        self.precision = precision
        self.blocks = [FastBlock(block, precision) for block in text.transformer.resblocks]

    def __call__(self, ids: Tensor) -> Tensor:
        """Features of texts: ids int64 (T, L), T at least 1, to float32 (T, D)."""
        ends = self.text.ends(ids).tolist()
        read = [row[: end + 1] for row, end in zip(ids.tolist(), ends, strict=True)]
        trees = list(prefix_trees(read, NODES))
        features = torch.cat([self._encode(tree) for tree in trees])
        return features[torch.tensor([text for tree in trees for text in tree.texts]).argsort()]

    def _encode(self, tree: PrefixTree) -> Tensor:
        """Features (T, D) of a tree's texts."""
        positions = self.text.positional_embedding
        ids, places, ends = (
            torch.tensor(part, device=positions.device)
            for part in (tree.ids, tree.places, tree.ends)
        )
        # Zero and minus infinity are themselves in any precision.
        bias = torch.zeros(len(ids), len(ids), dtype=self.precision, device=positions.device)
        bias.masked_fill_(~tree.sight().to(positions.device), -torch.inf)
        tokens = (self.text.token_embedding(ids) + positions[places])[None]  # (1, nodes, width)
        for block in self.blocks[:-1]:
            tokens = block(tokens, bias=bias)
        return self.text.answer(self.blocks[-1](tokens, tokens[:, ends], bias[ends])[0])


@dataclass(eq=False)
class PrefixTree:
    """Beginnings of some texts; each node is one, and stands for the token that it ends with."""

    #: Tokens' ids of nodes.
    ids: list[int] = field(default_factory=list)
    #: Nodes that come one token earlier, each before its own; -1 where there is none.
    parents: list[int] = field(default_factory=list)
    #: Nodes' places in their texts, from 0.
    places: list[int] = field(default_factory=list)
    #: Which texts these are, as places in what ``prefix_trees`` was given.
    texts: list[int] = field(default_factory=list)
    #: Nodes that are these texts.
    ends: list[int] = field(default_factory=list)

    def grow(self, text: int, path: list[int], ids: Sequence[int]) -> list[int]:
        """Add a text: the nodes ``path``, which are here, followed by the tokens ``ids``."""
        path = list(path)
        for token in ids:
            self.parents.append(path[-1] if path else -1)
            self.places.append(len(path))
            path.append(len(self.ids))
            self.ids.append(token)
        self.texts.append(text)
        self.ends.append(path[-1])
        return path

    def sight(self) -> Tensor:
        """Which nodes each sees, itself and those that it begins with: bool (N, N)."""
        sight = np.eye(len(self.ids), dtype=bool)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                sight[node] |= sight[parent]
        return torch.from_numpy(sight)


def prefix_trees(texts: Sequence[list[int]], most: int) -> Iterator[PrefixTree]:
    """Trees of texts, each text in one of them.

    Args:
        texts: T lists of tokens' ids, none empty.
        most: nodes of a tree; a single longer text makes a tree of its own.
    """
    tree, path, before = PrefixTree(), list[int](), list[int]()
    # In the order of a dictionary, what a text shares with any before it, it shares with the last.
    for text in sorted(range(len(texts)), key=texts.__getitem__):
        shared = _shared(before, texts[text])
        if tree.ids and len(tree.ids) + len(texts[text]) - shared > most:
            yield tree
            tree, path, shared = PrefixTree(), [], 0
        path = tree.grow(text, path[:shared], texts[text][shared:])
        before = texts[text]
    if tree.ids:
        yield tree


def _shared(one: list[int], other: list[int]) -> int:
    """How many tokens two texts begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
