"""SHA-256 of files."""

import hashlib

import pytest

from refmask.errors import WeightsError
from refmask.weights.hashing import sha256_of


@pytest.mark.parametrize("size", [0, 3, 2**18, 2**19 + 1])
def test_it_is_that_of_the_whole_content(size, tmp_path):
    content = (b"weights" * (size // 7 + 1))[:size]
    (tmp_path / "weights").write_bytes(content)
    assert sha256_of(tmp_path / "weights") == hashlib.sha256(content).hexdigest()


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.bin, it cannot be read: No such file"):
        sha256_of(tmp_path / "none.bin")
