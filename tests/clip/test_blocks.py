"""Blocks: what they compute is tested with the towers; here, how many programs that takes."""

import open_clip
import pytest
import torch
from torch.nn import functional

from refmask.clip.blocks import Block


@pytest.fixture(scope="module")
def block():
    torch.manual_seed(0)
    return open_clip.transformer.ResidualAttentionBlock(32, 2).eval()


@torch.inference_mode()
def test_bf16_products_come_in_few_numbers_of_rows(block, monkeypatch):
    seen, multiply = set(), functional.linear

    def linear(rows, weight, bias):
        seen.add(len(rows))
        return multiply(rows, weight, bias)

    monkeypatch.setattr(functional, "linear", linear)
    ours = Block(block, torch.bfloat16)
    for count in (1, 2, 5, 11):
        for length in range(1, 186, 3):
            tokens = torch.zeros(count, length, 32)
            ours(tokens)
            ours(tokens, tokens[:, :1])
    assert len(seen) <= 8 + 15
    assert min(seen) == 16


@torch.inference_mode()
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (4, 4), (2, 100), (30, 70)])
def test_rows_to_spare_change_nothing(block, shape):
    tokens = torch.randn(*shape, 32, generator=torch.Generator().manual_seed(1))
    exact, ours = Block(block, torch.float32), Block(block, torch.bfloat16)
    for queries in (None, tokens[:, :1]):
        wanted, found = exact(tokens, queries), ours(tokens, queries)
        assert found.shape == wanted.shape
        assert (found - wanted).abs().max() < 0.02
