import contextlib

import pytest
import torch

from refmask import ConfigurationError
from refmask.ops.devices import PRECISIONS, choose_device, choose_precision, precision_name

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx512_bf16": True, "amx_bf16": True, "amx_tile": True}, torch.bfloat16),
        ({"avx512_bf16": True, "amx_bf16": False}, torch.bfloat16),
        ({"avx512_bf16": False, "avx512_f": True}, torch.float32),
        ({"architecture": "aarch64", "bf16": True}, torch.float32),
    ],
)
def test_processors(capabilities, expected, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert choose_precision("auto", CPU) == expected
    assert choose_precision("auto", torch.device("meta")) == torch.float32


def test_a_torch_that_cannot_tell(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert choose_precision("auto", CPU) == torch.float32


@pytest.mark.parametrize(("native", "expected"), [(True, "bf16"), (False, "fp32")])
def test_graphics_cards_that_only_emulate_it_compute_in_fp32(native, expected, monkeypatch):
    def supported(including_emulation=True):
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "device", contextlib.nullcontext)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert precision_name(choose_precision("auto", torch.device("cuda"))) == expected


def test_names():
    assert {name: precision_name(choose_precision(name, CPU)) for name in PRECISIONS} == {
        "fp32": "fp32",
        "bf16": "bf16",
    }
    with pytest.raises(ConfigurationError, match="auto, fp32 or bf16, got 'fp16'"):
        choose_precision("fp16", CPU)
    assert choose_device("cpu") == CPU
    with pytest.raises(ConfigurationError, match=r"a device that is here.*'abacus'"):
        choose_device("abacus")
