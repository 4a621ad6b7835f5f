"""A block's fast form beside the readable one, and how many programs it takes."""

import pytest
import torch

from refmask.clip.kernels.blocks import FastBlock
from refmask.clip.kernels.linear import Linear
from refmask.clip.transformer import Block, TransformerConfig


def made(**settings):
    """A block of random weights, none of which is as it starts out."""
    block = Block(TransformerConfig(width=32, layers=1, heads=2, **settings)).requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for name, parameter in block.named_parameters():
        parameter.normal_(float("ln" in name), 0.2, generator=generator)
    return block.eval()


@pytest.fixture(scope="module")
def block():
    return made()


@torch.inference_mode()
@pytest.mark.parametrize("layer_scale", [False, True])
@pytest.mark.parametrize("activation", ["gelu", "tanh", "quick"])
def test_fast_and_readable_blocks_agree(activation, layer_scale):
    block = made(activation=activation, layer_scale=layer_scale, eps=1e-3)
    tokens = torch.randn(3, 7, 32, generator=torch.Generator().manual_seed(1))
    bias = torch.full((7, 7), -torch.inf).triu(1)
    for told in (None, bias):
        wanted = block(tokens, told)
        exact, rough = (FastBlock(block, kind) for kind in (torch.float32, torch.bfloat16))
        assert torch.allclose(exact(tokens, bias=told), wanted, atol=1e-5)
        first = exact(tokens, tokens[:, :1], None if told is None else told[:1])
        assert torch.allclose(first, wanted[:, :1], atol=1e-5)
        assert 0 < (rough(tokens, bias=told) - wanted).abs().max() < 0.05 * wanted.abs().max()


@torch.inference_mode()
def test_bf16_products_come_in_few_numbers_of_rows(block, monkeypatch):
    seen, multiply = set(), Linear.__call__

    def watched(layer, rows):
        seen.add(len(rows))
        return multiply(layer, rows)

    monkeypatch.setattr(Linear, "__call__", watched)
    ours = FastBlock(block, torch.bfloat16)
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
    exact, ours = FastBlock(block, torch.float32), FastBlock(block, torch.bfloat16)
    for queries in (None, tokens[:, :1]):
        wanted, found = exact(tokens, queries), ours(tokens, queries)
        assert found.shape == wanted.shape
        assert (found - wanted).abs().max() < 0.03 * wanted.abs().max()
