import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from refmask import ConfigurationError
from refmask.ops.devices import (
    PRECISIONS,
    choose_device,
    choose_precision,
    exact_convolutions,
    precision_name,
)

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
    with pytest.raises(ConfigurationError, match="auto, fp32 or bf16, not 'fp16'"):
        choose_precision("fp16", CPU)
    assert choose_device("cpu") == CPU
    with pytest.raises(ConfigurationError, match=r"device 'abacus' is not available"):
        choose_device("abacus")


def test_convolutions_in_fp32_are_not_rounded():
    cudnn = torch.backends.cudnn
    assert cudnn.allow_tf32
    with exact_convolutions(torch.bfloat16):
        assert cudnn.allow_tf32
    with exact_convolutions(torch.float32):
        assert not cudnn.allow_tf32
        with exact_convolutions(torch.float32):
            assert not cudnn.allow_tf32
        assert not cudnn.allow_tf32
    assert cudnn.allow_tf32
    with pytest.raises(ValueError, match="some"), exact_convolutions(torch.float32):
        raise ValueError("some")
    assert cudnn.allow_tf32


def test_threads_share_what_is_the_process_s():
    met = threading.Barrier(2, timeout=30)

    def first():
        with exact_convolutions(torch.float32):
            met.wait()  # both are within
        met.wait()  # the first has left

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(first)
        with exact_convolutions(torch.float32):
            met.wait()
            met.wait()
            assert not torch.backends.cudnn.allow_tf32
        other.result()
    assert torch.backends.cudnn.allow_tf32


def test_who_forbids_rounding_keeps_it_so(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    with exact_convolutions(torch.float32):
        assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cudnn.allow_tf32
