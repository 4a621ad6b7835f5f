"""Linear layers: the same products, however their weights are kept."""

import pytest
import torch
from torch.nn import functional

from refmask.clip.kernels import linear
from refmask.clip.kernels.linear import Linear, packs


@pytest.fixture
def layer():
    draw = torch.Generator().manual_seed(0)
    weight, bias, rows = (
        torch.randn(*size, generator=draw) / 5 for size in ((48, 32), (48,), (33, 32))
    )
    return weight, bias, rows


@torch.inference_mode()
def test_in_float32_weights_are_read_where_they_are(layer):
    weight, bias, rows = layer
    ours = Linear(weight, bias, torch.float32)
    assert ours(rows).equal(functional.linear(rows, weight, bias))
    wanted = ours(rows)
    weight.zero_()
    assert not ours(rows).equal(wanted)


@torch.inference_mode()
@pytest.mark.parametrize("packed", [False, True])
def test_bfloat16(layer, packed, monkeypatch):
    weight, bias, rows = layer
    if packed and not packs(weight.bfloat16()):
        pytest.skip("this processor does not multiply bfloat16, or this torch does not pack")
    if not packed:
        monkeypatch.setattr(linear, "packs", lambda _: False)
    ours = Linear(weight, bias, torch.bfloat16)
    found = ours(rows.bfloat16())
    assert found.dtype == torch.bfloat16
    wanted = functional.linear(rows, weight, bias)
    assert (found - wanted).abs().max() < 0.01 * wanted.abs().max()


def test_what_is_packed(layer, monkeypatch):
    weight = layer[0]
    assert not packs(weight)
    assert not packs(weight.bfloat16().to("meta"))
    monkeypatch.setattr(linear, "OPERATORS", ("_of_no_release",))
    assert not packs(weight.bfloat16())


def test_this_release_packs():
    """torch renames what is its own without notice; then packing would silently end."""
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this processor does not multiply bfloat16")
    assert packs(torch.zeros(16, 16, dtype=torch.bfloat16))
