"""Vectors of short texts by a MiniLM sentence encoder, the way its model card says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from transformers import BertModel

BATCH = 128


class SentenceEncoder:
    """Mean of the last layer over a text's tokens, of length 1.

    Args:
        folder: a BERT in transformers' format: ``config.json``, ``model.safetensors`` and
            ``tokenizer.json``.
    """

    def __init__(self, folder: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._network = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors of texts, float32 (T, D). Texts of equal length share a batch, unpadded."""
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        same_length: dict[int, list[int]] = defaultdict(list)
        for index, ids in enumerate(tokens):
            same_length[len(ids)].append(index)
        vectors = np.empty((len(texts), self._network.config.hidden_size), np.float32)
        for _, rows in sorted(same_length.items()):
            for start in range(0, len(rows), BATCH):
                some = rows[start : start + BATCH]
                vectors[some] = self._encode([tokens[row] for row in some])
        return vectors

    @torch.inference_mode()
    def _encode(self, tokens: list[list[int]]) -> npt.NDArray[np.float32]:
        hidden = self._network(input_ids=torch.tensor(tokens)).last_hidden_state
        return torch.nn.functional.normalize(hidden.mean(dim=1), dim=1).numpy()
