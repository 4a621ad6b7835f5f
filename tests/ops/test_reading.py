"""Files from outside are read whole, within limits, and fail with our errors only."""

import io
import json
import os
import tracemalloc
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refmask.errors import ConfigurationError, InputError, MaskError
from refmask.limits import VARIABLE
from refmask.ops.reading import (
    check_file,
    decode_text,
    parse_json,
    read_arrays,
    read_bytes,
    read_json,
    read_text,
)


@contextmanager
def at_most(size):
    """Within, never more than so many bytes are allocated."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


def npz(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


def test_a_file_is_read(tmp_path):
    file = tmp_path / "a.json"
    file.write_bytes(b'{"a": [1, 2.5]}')
    assert read_bytes(file, "numbers") == b'{"a": [1, 2.5]}'
    assert read_text(file, "numbers") == '{"a": [1, 2.5]}'
    assert read_json(file, "numbers") == {"a": [1, 2.5]}
    assert check_file(file, "numbers") == 15


def test_a_pipe_a_device_and_a_folder_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place, what in (
        (tmp_path / "pipe", "a device or a pipe"),
        (tmp_path, "a folder"),
    ):
        with pytest.raises(InputError, match=f"cannot read phrases from .*: it is {what}; check"):
            read_bytes(place, "phrases")
    (tmp_path / "zero").symlink_to("/dev/zero")
    with pytest.raises(ConfigurationError, match="a device or a pipe"):
        read_text(tmp_path / "zero", "phrases", ConfigurationError)


@pytest.mark.parametrize("name", ["absent", "a" * 300, "a/" * 3000, "nul\0"])
def test_what_is_no_file_is_told(tmp_path, name):
    with pytest.raises(InputError, match="cannot read rows from"):
        read_bytes(tmp_path / name, "rows")


def test_what_is_too_large_is_refused_with_the_way_out(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"x" * 101)
    monkeypatch.setenv(VARIABLE, "file=100")
    with pytest.raises(InputError, match=r"101 bytes, at most 100 .* REFMASK_LIMITS=file=101"):
        read_bytes(tmp_path / "a", "rows")
    monkeypatch.setenv(VARIABLE, "file=101")
    assert len(read_bytes(tmp_path / "a", "rows")) == 101


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_texts_of_several_encodings_are_read(encoding):
    assert decode_text("a ball, ein Bär".encode(encoding), "t") == "a ball, ein Bär"


def test_other_bytes_are_no_text():
    with pytest.raises(InputError, match=r"t is not UTF-8 text \(byte 8\); save"):
        decode_text(b"a ball, \xff", "t")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[" * 100_000, b"1" * 309, b"-" + b"1" * 5000, b"\xff\xfe1", b"nope"]
)
def test_what_is_no_json_is_told(content):
    with pytest.raises(MaskError, match=r"m is not (valid JSON|UTF-8 text)"):
        parse_json(content, "m", MaskError)


def test_whole_numbers_of_64_bits_are_read():
    assert parse_json(b"[999999999999999999, -999999999999999999]", "m") == [10**18 - 1, 1 - 10**18]


def test_arrays_are_those_that_numpy_wrote(tmp_path):
    arrays = {
        "masks": np.random.default_rng(0).random((3, 5, 7)) > 0.5,
        "turned": np.asfortranarray(np.arange(12).reshape(3, 4)),
        "none": np.zeros((0, 4), np.float32),
        "one": np.float64(3.5),
        "other": np.arange(3),
    }
    got, there = read_arrays(npz(tmp_path / "a.npz", **arrays), list(arrays)[:4], "arrays")
    assert sorted(there) == sorted(arrays)
    assert sorted(got) == sorted(list(arrays)[:4])
    for name, values in got.items():
        np.testing.assert_array_equal(values, arrays[name])
        assert values.dtype == arrays[name].dtype


def test_large_arrays_are_refused_before_they_are_made(tmp_path):
    path = tmp_path / "a.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("masks.npy", "w") as file,
    ):
        header = {"descr": "|b1", "fortran_order": False, "shape": (900, 1000, 1000)}
        np.lib.format.write_array_header_1_0(file, header)
        for _ in range(900):
            file.write(bytes(1_000_000))
    assert path.stat().st_size < 1_000_000
    with at_most(50_000_000), pytest.raises(InputError, match="REFMASK_LIMITS=unpacked="):
        read_arrays(path, ["masks"], "masks")


def test_an_array_that_claims_more_than_is_there_is_refused(tmp_path):
    content = io.BytesIO()
    np.save(content, np.zeros(8, bool))
    large = content.getvalue().replace(b"(8,)", b"(6" + b"0" * 9 + b",)", 1)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("masks.npy", large)
    with (
        at_most(10_000_000),
        pytest.raises(InputError, match=r"larger than its bytes|not an intact"),
    ):
        read_arrays(tmp_path / "a.npz", ["masks"], "masks")


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_arrays_fail_with_our_error_only(tmp_path, data):
    path = npz(tmp_path / "a.npz", masks=np.eye(9) > 0, quality=np.ones(3))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    try:
        read_arrays(path, ["masks", "quality"], "masks", MaskError)
    except MaskError as error:
        assert "\n" not in str(error)  # noqa: PT017


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40) | st.text(max_size=40).map(lambda text: json.dumps(text).encode()))
def test_any_bytes_are_json_or_our_error(content):
    try:
        parse_json(content, "m", MaskError)
    except MaskError as error:
        assert "\n" not in str(error)  # noqa: PT017
