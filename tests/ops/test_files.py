"""Places that are tried before anything is written there."""

import pytest

from refmask.errors import ConfigurationError
from refmask.ops.files import check_writable


def test_a_place_that_can_be_written_is_left_as_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in (tmp_path, tmp_path / "a" / "b", type(tmp_path)("c")):
        check_writable(place)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"a: .*file is no folder; choose another"):
        check_writable(tmp_path / "file" / "a")
    with pytest.raises(ConfigurationError, match=r"cannot write to /proc/refmask: .*; choose"):
        check_writable(type(tmp_path)("/proc/refmask"))
