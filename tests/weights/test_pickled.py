"""A plain pickle of arrays is read as data; anything else is refused and not run."""

import collections
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from refmask.errors import WeightsError
from refmask.weights.pickled import read_pickled


@pytest.fixture
def file(tmp_path):
    def write(content, protocol=pickle.DEFAULT_PROTOCOL):
        path = tmp_path / "weights.pkl"
        path.write_bytes(
            content if isinstance(content, bytes) else pickle.dumps(content, protocol=protocol)
        )
        return path

    return write


ARRAYS = {
    "stem.conv1.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "half": np.ones((2, 2), np.float16),
    "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "batches": np.array(7),
    "nothing": np.zeros((0, 3), np.float32),
}


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_arrays_come_out_as_they_went_in(file, protocol):
    wrapped = {"model": ARRAYS, "__author__": "someone", "matching_heuristics": True}
    found = read_pickled(file(wrapped, protocol))
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert torch.equal(found[name], torch.tensor(array)), name


def test_a_bare_or_ordered_dict_is_read_too(file):
    assert read_pickled(file(ARRAYS)).keys() == ARRAYS.keys()
    assert read_pickled(file({"model": collections.OrderedDict(ARRAYS)})).keys() == ARRAYS.keys()


def test_names_of_numpy_1_and_2_are_the_same(file):
    content = pickle.dumps({"model": {"a": ARRAYS["half"]}}, protocol=3)
    assert (b"numpy._core" in content) != (b"numpy.core" in content)
    renamed = (
        content.replace(b"numpy._core", b"numpy.core")
        if b"numpy._core" in content
        else content.replace(b"numpy.core", b"numpy._core")
    )
    assert torch.equal(read_pickled(file(renamed))["a"], torch.ones(2, 2, dtype=torch.float16))


class Trap:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def test_a_program_is_refused_and_not_run(file, tmp_path):
    path = file({"model": {"a": ARRAYS["half"], "b": Trap(tmp_path / "ran")}})
    with pytest.raises(WeightsError, match=r"more than named arrays .*safetensors"):
        read_pickled(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        pickle.dumps({"model": {"a": np.ones(3, np.float32)}})[:-20],
        {"model": {"a": np.array([{}, []], dtype=object)}},
        {"model": {"a": np.array(["text"])}},
        {"model": {"a": np.ones(3, ">f4")}},
        {"model": {"a": torch.ones(3)}},
    ],
)
def test_what_holds_no_plain_numbers_is_refused(file, content):
    with pytest.raises(WeightsError, match="damaged or holds more than named arrays"):
        read_pickled(file(content))


def test_bytes_that_do_not_fill_the_shape_are_refused(file):
    content = pickle.dumps({"a": np.zeros((1, 5), np.float32)}, protocol=3)
    assert content.count(b"K\x01K\x05\x86") == 1  # the shape (1, 5)
    with pytest.raises(WeightsError, match="do not fill its shape"):
        read_pickled(file(content.replace(b"K\x01K\x05\x86", b"K\x02K\x05\x86")))


@pytest.mark.parametrize("content", [[1, 2], {}, {"model": {}}, {"model": 3}])
def test_no_names_are_told(file, content):
    with pytest.raises(WeightsError, match="expected named arrays"):
        read_pickled(file(content))


def test_other_values_among_the_arrays_are_named(file):
    with pytest.raises(WeightsError, match="epoch are none"):
        read_pickled(file({"a": ARRAYS["half"], "epoch": 3}))


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(WeightsError, match="there is no such file"):
        read_pickled(tmp_path / "absent.pkl")
