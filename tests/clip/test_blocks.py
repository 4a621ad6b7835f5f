"""Blocks: what they compute is tested with the towers; here, how many programs that takes."""

import open_clip
import pytest
import torch

from refmask.clip.blocks import Block
from refmask.clip.linear import Linear


@pytest.fixture(scope="module")
def block():
    torch.manual_seed(0)
    return open_clip.transformer.ResidualAttentionBlock(32, 2).eval()


@torch.inference_mode()
def test_bf16_products_come_in_few_numbers_of_rows(block, monkeypatch):
    seen, multiply = set(), Linear.__call__

    def watched(layer, rows):
        seen.add(len(rows))
        return multiply(layer, rows)

    monkeypatch.setattr(Linear, "__call__", watched)
    ours = Block(block, torch.bfloat16)
    for count in (1, 2, 5, 11):
        for length in range(1, 186, 3):
            tokens = torch.zeros(count, length, 32)
            ours(tokens)
            ours(tokens, tokens[:, :1])
    assert len(seen) <= 8 + 6 + 15
    assert min(seen) == 4


@torch.inference_mode()
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (4, 4), (2, 100), (30, 70)])
def test_rows_to_spare_change_nothing(block, shape):
    tokens = torch.randn(*shape, 32, generator=torch.Generator().manual_seed(1))
    exact, ours = Block(block, torch.float32), Block(block, torch.bfloat16)
    for queries in (None, tokens[:, :1]):
        wanted, found = exact(tokens, queries), ours(tokens, queries)
        assert found.shape == wanted.shape
        assert (found - wanted).abs().max() < 0.02
