"""Entries of a store that are damaged, forged or in the wrong place are never believed."""

import base64
import hashlib
import shutil
import tracemalloc
import zlib

import numpy as np
import pytest
from safetensors.numpy import save

from refmask.cache import container
from refmask.cache.masks import CachedProposer, MaskCache
from refmask.errors import RefmaskWarning
from refmask.fingerprint import Fingerprint, of_image
from refmask.types import MaskProposals

CONFIGURATION = {"proposer": "diagonal"}
IMAGE = np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3)
KEY = {
    "configuration": Fingerprint(CONFIGURATION).sha256,
    "picture": of_image(IMAGE),
}


def planes(*numbers):
    """Whole numbers as files hold them: bytes by rank."""
    narrow = np.array(numbers, np.min_scalar_type(max(numbers)))
    return np.ascontiguousarray(narrow.view(np.uint8).reshape(len(numbers), -1).T)


#: Two masks: of the first 12 places, and of all 30.
GOOD = {
    "quality": np.ones(2, np.float32),
    "lengths": planes(12, 18),
    "labels": planes(0, 1),
    "table": np.packbits([[True, False], [True, True]], axis=1),
}


class Diagonal:
    calls = 0

    def configuration(self):
        return CONFIGURATION

    def propose(self, image):
        self.calls += 1
        return MaskProposals(np.eye(*image.shape[:2], dtype=np.bool_)[None])


@pytest.fixture
def store(tmp_path):
    store = MaskCache(tmp_path, create=True)
    CachedProposer(Diagonal(), store).propose(IMAGE)
    return store


def file_of(store, image=IMAGE, configuration=CONFIGURATION):
    name = of_image(image)
    return store.path / Fingerprint(configuration).sha256 / name[:2] / f"{name}.masks"


def left_out(store, says="damaged and left out", image=IMAGE):
    with pytest.warns(RefmaskWarning, match=says):
        assert store.get(CONFIGURATION, image) is None


#: ``GOOD`` as version 0.1.0 wrote it.
FIRST_FORMAT = (
    "a%E<1VRLIBZDDh3b09GaG^J@f?fv+No-EnrDJdHD8}HZ$rkf)C3X~=*C<aYF6afGLdm>?Sa$$LMB03;jTOx6FVQgu1c_"
    "J(zB0Od^A}k<VGF@FPAX_4AWo~D5XmcVgAR>HqF(ND=TQXf;EFfDVY++($Y;z(kAR>HqF(ND=TQXf;EFfDVbYWs_Wg;vf"
    "B79;oA}k<VGAtl6U0q!)AR=RLZf0p`b#h^JX>V>KIv^rpGh#MmW@BY$H)1$sHZ?RiGi5k6WMeU6VmCHoWi>TnHZ(Y5WidH"
    "5F*i6lI5%Q6Ha0OiGcsajI5{z8V`XC^EFdCqX=8MCa%CbqAR;z2Fl9L~W;QV~WoBh$GBIN|GBPzcVKinlV=!elVrFGBH8L"
    "|ZG&MOjWn*S!WH2@}GB9B^FfuYTG%zw|V>lvxc${NkU|?uyu(#(CVqm-g01XxbZU"
)


def test_every_cut_is_noticed(store):
    file = file_of(store)
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        left_out(store)
    file.write_bytes(whole + b"\0")
    left_out(store)


def test_every_flipped_bit_is_noticed(store):
    file = file_of(store)
    whole = file.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        file.write_bytes(changed)
        left_out(store)


def test_a_damaged_entry_is_made_again(store):
    file = file_of(store)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    proposer = Diagonal()
    stored = CachedProposer(proposer, store)
    with pytest.warns(RefmaskWarning, match=r"\.masks are damaged and left out: it is cut"):
        stored.propose(IMAGE)
    stored.propose(IMAGE)
    assert proposer.calls == 1
    assert file.read_bytes() == whole


def test_the_entry_of_another_image_is_not_taken(store):
    other = IMAGE + 1
    CachedProposer(Diagonal(), store).propose(other)
    shutil.copyfile(file_of(store), file_of(store, other))
    left_out(store, "of another image", other)


def test_the_entry_of_another_configuration_is_not_taken(store):
    other = {"proposer": "other"}
    store.put(other, IMAGE, MaskProposals(np.ones((1, 5, 6), np.bool_)))
    shutil.copyfile(file_of(store, configuration=other), file_of(store))
    left_out(store, "of another configuration")


def test_what_cannot_be_read_is_as_good_as_absent(store):
    file_of(store).unlink()
    assert store.get(CONFIGURATION, IMAGE) is None
    file_of(store).mkdir()
    left_out(store, "it is a folder")


def test_an_enormous_file_is_not_read(store):
    with file_of(store).open("wb") as file:
        file.truncate(2**40)
    left_out(store, "REFMASK_LIMITS=unpacked=")


# Files whose checksum fits: written by a program that errs, or means harm.


def runs_of(arrays):
    """The arrays of a file, those of runs as ``RUNS``."""
    runs = {name: arrays[name] for name in ("lengths", "labels", "table") if name in arrays}
    others = {name: values for name, values in arrays.items() if name not in runs}
    return others | {"runs": np.frombuffer(zlib.compress(save(runs)), np.uint8)}


def test_a_good_entry_made_by_hand_is_taken(store):
    file_of(store).write_bytes(container.pack(container.MASKS, KEY, runs_of(GOOD)))
    masks = store.get(CONFIGURATION, IMAGE).masks
    assert masks.sum(axis=(1, 2)).tolist() == [12, 30]


FORGED = {
    "no quality": {"quality": None},
    "quality of another shape": {"quality": np.ones((2, 1), np.float32)},
    "no lengths": {"lengths": None},
    "runs too short": {"lengths": planes(12, 17)},
    "runs too long": {"lengths": planes(12, 2**63)},
    "runs that overflow": {"lengths": planes(2**63, 2**63 - 1, 31), "labels": planes(0, 1, 0)},
    "a run of nothing": {"lengths": planes(12, 0, 18), "labels": planes(0, 0, 1)},
    "runs of three bytes": {"lengths": np.zeros((3, 2), np.uint8)},
    "runs of no rank": {"lengths": np.zeros((), np.uint8)},
    "runs of floats": {"lengths": np.array([[12, 18]], np.float32)},
    "no runs at all": {"lengths": np.zeros((1, 0), np.uint8), "labels": np.zeros((1, 0), np.uint8)},
    "more labels than runs": {"labels": planes(0, 1, 0)},
    "unknown labels": {"labels": planes(0, 8)},
    "a table of bools": {"table": np.ones((2, 2), np.bool_)},
    "a table of too many masks": {"table": np.ones((3, 1), np.uint8)},
    "an empty table": {"table": np.ones((2, 0), np.uint8)},
    "details of too few": {"details/a": np.ones(1)},
    "one detail for all": {"details/a": np.array(1.0)},
    "boxes of too few": {"boxes": np.ones((1, 4), np.float32)},
    "millions of masks": {
        "quality": np.ones(10**6, np.float32),
        "table": np.ones((1, 1), np.uint8),
        "lengths": planes(10**6, 29 * 10**6),
    },
}


@pytest.mark.parametrize("changes", FORGED.values(), ids=FORGED)
def test_arrays_that_do_not_fit_are_not_taken(store, changes):
    arrays = {name: value for name, value in (GOOD | changes).items() if value is not None}
    file_of(store).write_bytes(container.pack(container.MASKS, KEY, runs_of(arrays)))
    left_out(store)


@pytest.mark.parametrize("content", [b"", b"runs", zlib.compress(b"")[:-1], zlib.compress(b"{}")])
def test_runs_that_cannot_be_read_are_not_taken(store, content):
    arrays = {"quality": GOOD["quality"], "runs": np.frombuffer(content, np.uint8)}
    file_of(store).write_bytes(container.pack(container.MASKS, KEY, arrays))
    left_out(store)


@pytest.mark.parametrize("metadata", [None, {}, {"other": "{}"}, {"refmask": "[" * 100000}])
def test_metadata_that_make_no_sense_are_not_taken(store, metadata):
    file_of(store).write_bytes(save({"quality": GOOD["quality"]}, metadata))
    left_out(store)


@pytest.mark.parametrize("header", ["", "[]", "3", "{}", '{"format": "masks 2"}', '{"format": []}'])
def test_headers_that_make_no_sense_are_not_taken(store, header):
    file_of(store).write_bytes(save({"quality": GOOD["quality"]}, {"refmask": header}))
    left_out(store)


def test_headers_of_every_depth_are_not_taken(store):
    for depth in range(500, 1100):
        header = '{"format": "masks 2", "a": ' + "[" * depth + "]" * depth + "}"
        file_of(store).write_bytes(save({"quality": GOOD["quality"]}, {"refmask": header}))
        left_out(store)


def test_bombs_are_not_opened(store, monkeypatch):
    monkeypatch.setenv("REFMASK_LIMITS", "unpacked=1MB")
    bomb = np.frombuffer(zlib.compress(bytes(10**8)), np.uint8)
    arrays = {"quality": GOOD["quality"], "runs": bomb}
    file_of(store).write_bytes(container.pack(container.MASKS, KEY, arrays))
    tracemalloc.start()
    left_out(store, "too many")
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()


def test_another_format_is_not_taken(store):
    file = file_of(store)
    file.write_bytes(file.read_bytes().replace(b"masks 2", b"masks 3"))
    left_out(store, "not of the format 'masks 2'")


# What the first version wrote.


def test_entries_of_the_first_version_are_read(store):
    file_of(store).write_bytes(base64.b85decode(FIRST_FORMAT))
    found = store.get(CONFIGURATION, IMAGE)
    assert found.masks.sum(axis=(1, 2)).tolist() == [12, 30]
    assert found.quality.tolist() == [1, 1]


def test_every_flipped_bit_of_the_first_version_is_noticed(store):
    whole = base64.b85decode(FIRST_FORMAT)
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        file_of(store).write_bytes(changed)
        left_out(store)


def first(header, plain=b""):
    """A file of the first version with a fitting checksum."""
    body = len(header).to_bytes(4, "little") + header + zlib.compress(plain)
    return b"refmask masks 1\n" + hashlib.sha256(body).digest() + body


@pytest.mark.parametrize(
    "header",
    [
        *(b"", b"[]", b"[" * 100000, b"\xff", b"{}", b'{"arrays": 3}', b'{"arrays": []}'),
        b'{"arrays": [["quality", "|O8", [1]]]}',
        b'{"arrays": [["quality", "<f4", [-1]]]}',
        b'{"arrays": [["quality", "<f4", [true]]]}',
        b'{"arrays": [["quality", "<f4", "12"]]}',
        b'{"arrays": [["quality", 4, [1]]]}',
        b'{"arrays": [["quality", "<f4", [0, 1073741824, 1073741824, 1073741824]]]}',
    ],
)
def test_headers_of_the_first_version_that_make_no_sense(store, header):
    file_of(store).write_bytes(first(header))
    left_out(store)


def test_bombs_of_the_first_version_are_not_opened(store):
    start = b'{"arrays": [["quality", "<f4", '
    file_of(store).write_bytes(first(start + b"[1073741824, 4096]]]}"))
    left_out(store, "REFMASK_LIMITS=unpacked=")
    file_of(store).write_bytes(first(start + b"[1]]]}", plain=bytes(10**8)))
    tracemalloc.start()
    left_out(store, "another length than it says")
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()
    file_of(store).write_bytes(first(start + b"[1000]]]}", plain=bytes(3999)))
    left_out(store, "another length than it says")


# Descriptions.


@pytest.mark.parametrize("text", [None, "", "{", "[1]", '{"proposer": "other"}', "[" * 100000])
def test_a_damaged_description_is_told_and_written_again(store, text):
    description = store.path / KEY["configuration"] / "configuration.json"
    whole = description.read_text()
    assert whole == '{\n  "proposer": "diagonal"\n}\n'
    if text is None:
        description.unlink()
    else:
        description.write_text(text)
    with pytest.warns(RefmaskWarning, match="description"):
        assert store.configurations() == []
    assert store.get(CONFIGURATION, IMAGE) is not None
    CachedProposer(Diagonal(), MaskCache(store.path)).propose(IMAGE + 1)
    assert description.read_text() == whole
    assert store.configurations() == [CONFIGURATION]
