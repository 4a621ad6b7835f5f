"""Weights are tensors or our error: no file fills the memory or takes forever."""

import warnings
import zipfile

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from refmask.errors import WeightsError
from refmask.weights.pickled import read_pickled
from refmask.weights.reading import fill, read_weights
from refmask.weights.torchscript import _Inert, read_torchscript

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4, dtype=torch.int64)}
#: Remembers something as number 2^28, for which a table of 4 GB is made.
GREEDY = b"\x80\x02]r\x00\x00\x00\x10."


def scripted(path, tensors=TENSORS):
    module = torch.nn.Module()
    for name, value in tensors.items():
        module.register_buffer(name.replace(".", "_"), value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on its age
        torch.jit.script(module).save(path)
    return path


def rewritten(path, change, **options):
    """An archive with other content of its entries."""
    with zipfile.ZipFile(path) as old:
        entries = [(info.filename, old.read(info)) for info in old.infolist()]
    with zipfile.ZipFile(path, "w", **options) as new:
        for name, content in entries:
            new.writestr(name, change(name, content))
    return path


@pytest.fixture
def written(tmp_path):
    """One file of each kind."""
    torch.save(TENSORS, tmp_path / "new.pt")
    torch.save(TENSORS, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    save_file(TENSORS, tmp_path / "safe.safetensors")
    scripted(tmp_path / "script.pt")
    return tmp_path


@pytest.mark.parametrize("name", ["new.pt", "old.pt", "safe.safetensors", "script.pt"])
def test_each_kind_is_read(written, name):
    got = {key.replace("_weight", ".weight"): v for key, v in read_weights(written / name).items()}
    assert {key: value.tolist() for key, value in got.items()} == {
        key: value.tolist() for key, value in TENSORS.items()
    }


@pytest.mark.parametrize("name", ["new.pt", "script.pt"])
def test_an_archive_that_unpacks_to_more_than_it_holds_is_refused(written, name, monkeypatch):
    # As a storage of 5 GB in 23 MB; here the slack is less instead.
    monkeypatch.setattr("refmask.weights.reading.SLACK", 100_000)
    large = rewritten(
        written / name,
        lambda entry, content: bytes(10_000_000) if entry.endswith("data/0") else content,
        compression=zipfile.ZIP_DEFLATED,
    )
    with pytest.raises(WeightsError, match="claims to unpack to"):
        read_weights(large)


@pytest.mark.parametrize("name", ["new.pt", "script.pt"])
def test_a_pickle_that_asks_for_memory_is_refused(written, name):
    rewritten(written / name, lambda entry, old: GREEDY if entry.endswith("/data.pkl") else old)
    with pytest.raises(WeightsError, match=r"holds more than tensors|expected named tensors"):
        read_weights(written / name)
    (written / "a.pkl").write_bytes(GREEDY)
    with pytest.raises(WeightsError, match="in the memo"):
        read_pickled(written / "a.pkl")


@pytest.mark.parametrize("name", ["new.pt", "script.pt"])
def test_damage_in_what_other_programs_packed_is_told(written, name):
    # torch packs nothing; LZMA tells of damage by an error of its own.
    path = rewritten(written / name, lambda _, content: content, compression=zipfile.ZIP_LZMA)
    with zipfile.ZipFile(path) as archive:
        data = next(info for info in archive.infolist() if info.filename.endswith("data/0"))
    content = bytearray(path.read_bytes())
    at = data.header_offset + 30 + len(data.filename) + 9
    content[at : at + 12] = b"\xff" * 12
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged or no weights file"):
        read_weights(path)


def test_a_tensor_larger_than_its_storage_is_refused(written):
    path = written / "script.pt"
    two_by_three, many_by_three = b"(K\x02K\x03t", b"(J\x00\x00\x00\x08K\x03t"
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        assert two_by_three in archive.read(name)
    rewritten(path, lambda _, content: content.replace(two_by_three, many_by_three))
    with pytest.raises(WeightsError, match="holds more than tensors"):
        read_weights(path)


def test_objects_that_share_objects_are_looked_at_once(monkeypatch, written):
    # 2^60 ways lead to the tensor.
    inner = _Inert()
    inner.attributes = {"t": torch.ones(1)}
    for _ in range(60):
        outer = _Inert()
        outer.attributes = {"l": inner, "r": inner}
        inner = outer
    unpickler = "refmask.weights.torchscript._TensorUnpickler"
    monkeypatch.setattr(f"{unpickler}.load", lambda _: inner)
    tensors, _ = read_torchscript(written / "script.pt")
    assert len(tensors) == 1


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_files_fail_with_our_error_only(written, data):
    name = data.draw(st.sampled_from(["new.pt", "old.pt", "safe.safetensors", "script.pt"]))
    content = bytearray((written / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = written / f"damaged{name[name.index('.') :]}"
    path.write_bytes(bytes(content[: data.draw(st.integers(1, len(content)))]))
    try:
        read_weights(path)
    except WeightsError as error:
        assert "\n" not in str(error)  # noqa: PT017


def test_a_folder_is_no_file_of_weights(tmp_path):
    with pytest.raises(WeightsError, match=r"cannot read weights from .*: it is a folder"):
        read_weights(tmp_path)


def test_what_is_too_large_is_refused(written, monkeypatch):
    monkeypatch.setenv("REFMASK_LIMITS", "weights=10")
    for name in ("new.pt", "safe.safetensors"):
        with pytest.raises(WeightsError, match="REFMASK_LIMITS=weights="):
            read_weights(written / name)
    (written / "a.pkl").write_bytes(bytes(11))
    with pytest.raises(WeightsError, match="REFMASK_LIMITS=weights=11"):
        read_pickled(written / "a.pkl")


def quantised(*given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on its age
        return torch.quantize_per_tensor(*given)


@pytest.mark.parametrize(
    ("tensor", "says"),
    [
        (quantised(torch.ones(2), 0.1, 0, torch.qint8), "quantised"),
        (torch.ones(2).to_sparse(), "sparse"),
        (torch.ones(2, device="meta"), "without values"),
        (torch.ones(2, dtype=torch.complex64), "complex"),
    ],
)
def test_tensors_that_no_model_has_are_named(tmp_path, tensor, says):
    torch.save({"a": torch.ones(2), "logit_scale": tensor}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=f"parameter logit_scale in .* is {says}; save"):
        read_weights(tmp_path / "w.pt")


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
@pytest.mark.parametrize("assign", [False, True])
def test_whole_numbers_are_no_weights(dtype, assign):
    model = torch.nn.BatchNorm1d(2)  # which counts in whole numbers, too
    weights = model.state_dict()
    fill(model, weights, "w.pt", assign=assign)
    weights["bias"] = torch.ones(2, dtype=dtype)
    kind = str(dtype).removeprefix("torch.")
    with pytest.raises(WeightsError, match=f"parameter bias of w.pt is {kind}, not float"):
        fill(model, weights, "w.pt", assign=assign)


@pytest.mark.parametrize(
    "make",
    [
        lambda: {"a": torch.zeros(1).expand(10**9)},
        lambda: {"a": torch.zeros(4).as_strided((10**5, 10**5), (0, 0))},
        lambda: dict.fromkeys(map(str, range(50)), torch.zeros(10**6)),
    ],
)
def test_tensors_do_not_take_more_than_their_file(tmp_path, make):
    """Views of a few stored numbers, which would be copied when the model is prepared."""
    torch.save(make(), tmp_path / "a.pt")
    with pytest.raises(WeightsError, match="far more than it stores; save them by contiguous"):
        read_weights(tmp_path / "a.pt")


def test_tied_weights_are_read(tmp_path):
    tied = torch.ones(3)
    torch.save({"a": tied, "b": tied}, tmp_path / "a.pt")
    assert set(read_weights(tmp_path / "a.pt")) == {"a", "b"}
