"""Features kept on the disk: exact, believed only when whole, and within their limit."""

import os
import shutil

import numpy as np
import pytest

from refmask.cache.container import FEATURES, MASKS, pack
from refmask.cache.features import FeatureCache
from refmask.cache.masks import MaskCache
from refmask.errors import ConfigurationError, RefmaskWarning
from refmask.types import MaskProposals

KEY = {"part": "global", "picture": "ab", "mask_layers": 3, "crop_fill": [0.0, 0.5]}


def values(seed=0, shape=(4, 16)):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def key(number):
    return KEY | {"picture": number}


def entries(features):
    return sorted(features.folder.rglob(f"*.{FEATURES}"))


@pytest.fixture
def features(tmp_path):
    return FeatureCache(tmp_path / "store")


def left_out(features, says="features in .* damaged and left out"):
    with pytest.warns(RefmaskWarning, match=says):
        assert features.get(KEY) is None


# What is kept, and by what.


@pytest.mark.parametrize("shape", [(0, 5), (1, 1), (4, 16), (1, 8, 7, 7)])
def test_features_come_back_exactly(features, shape):
    kept = values(shape=shape) * np.float32(1e-38)
    features.put(KEY, kept)
    found = features.get(KEY)
    assert (found.dtype, found.shape) == (np.float32, shape)
    assert found.tobytes() == kept.tobytes()
    found[...] = 0  # what is read can be written to


@pytest.mark.parametrize(
    "changed", [{"part": "local"}, {"mask_layers": None}, {"crop_fill": [0.0, 0.4]}, {"new": 1}]
)
def test_all_that_features_depend_on_counts(features, changed):
    features.put(KEY, values())
    assert features.get(dict(reversed(KEY.items()))) is not None
    assert features.get(KEY | changed) is None


def test_masks_and_features_share_a_folder(features):
    store, image = MaskCache(features.folder.parent), np.zeros((5, 6, 3), np.uint8)
    store.put({"proposer": "one"}, image, MaskProposals(np.ones((1, 5, 6), np.bool_)))
    features.put(KEY, values())
    assert store.configurations() == [{"proposer": "one"}]
    assert FeatureCache(store.path).get(KEY) is not None
    assert features.held() == (1, entries(features)[0].stat().st_size)


def test_two_stores_become_one_by_copying(features, tmp_path):
    other = FeatureCache(tmp_path / "other")
    features.put(key(1), values(1))
    other.put(key(2), values(2))
    shutil.copytree(other.folder.parent, features.folder.parent, dirs_exist_ok=True)
    assert features.held()[0] == 2
    assert np.array_equal(features.get(key(2)), values(2))


def test_a_folder_that_is_no_store_is_refused(tmp_path):
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(ConfigurationError, match="holds other things"):
        FeatureCache(tmp_path)
    with pytest.raises(ConfigurationError, match="like 500MB"):
        FeatureCache(tmp_path / "new", "much")


# Damage.


def test_every_cut_and_every_flipped_bit_is_noticed(features):
    features.put(KEY, values(shape=(4, 16)))
    (file,) = entries(features)
    whole = file.read_bytes()
    for length in range(0, len(whole), 7):
        file.write_bytes(whole[:length])
        left_out(features)
    for place in range(0, len(whole), 3):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        file.write_bytes(changed)
        left_out(features)
    features.put(KEY, values())
    assert np.array_equal(features.get(KEY), values())


def test_features_of_the_first_version_are_read(features, first_version):
    features.put(KEY, values())
    (file,) = entries(features)
    file.write_bytes(first_version("features", KEY, {"values": values(1)}))
    assert np.array_equal(features.get(KEY), values(1))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (pack(FEATURES, KEY, {"values": values().astype(np.float64)}), "no float32 array"),
        (pack(FEATURES, KEY, {"others": values()}), "no float32 array"),
        (pack(FEATURES, KEY | {"picture": "cd"}, {"values": values()}), "another image"),
        (pack(MASKS, KEY, {"values": values()}), "not of the format 'features 2'"),
    ],
)
def test_what_is_not_ours_is_not_believed(features, content, says):
    features.put(KEY, values())
    entries(features)[0].write_bytes(content)
    left_out(features, says)


def test_an_enormous_file_is_not_read(features):
    features.put(KEY, values())
    with entries(features)[0].open("wb") as file:
        file.truncate(2**40)
    left_out(features, "REFMASK_LIMITS=unpacked=")


def test_a_place_that_cannot_be_written_is_told_once_and_the_work_goes_on(features):
    features.folder.write_text("in the way")
    with pytest.warns(RefmaskWarning, match="features are no longer cached"):
        features.put(key(1), values())
    features.put(key(1), values())  # a further warning would be an error
    assert features.get(key(1)) is None


# The limit.


def size_of_one(tmp_path):
    one = FeatureCache(tmp_path / "one")
    one.put(key(0), values(0, (8, 1024)))
    return one.held()[1]


def test_the_limit_holds_at_any_moment_and_is_used(tmp_path):
    limit = 25 * size_of_one(tmp_path)
    features, most = FeatureCache(tmp_path / "store", limit), 0
    for number in range(60):
        features.put(key(number), values(number, (8, 1024)))
        most = max(most, features.held()[1])
    assert 0.8 * limit < most <= limit


def test_what_was_not_used_for_longest_leaves_first(tmp_path):
    features = FeatureCache(tmp_path / "store", 25 * size_of_one(tmp_path))
    for number in range(20):
        features.put(key(number), values(number, (8, 1024)))
    past = 10**9
    for file in entries(features):
        os.utime(file, ns=(past, past))
    used = [3, 5, 8, 13]
    for number in used:
        assert features.get(key(number)) is not None
    new = range(20, 32)
    for number in new:
        features.put(key(number), values(number, (8, 1024)))
    left = [n for n in range(32) if features.get(key(n)) is not None]
    assert set(left) >= {*used, *new}
    assert len(left) < 25


def test_masks_stay(tmp_path):
    store, image = MaskCache(tmp_path / "store", create=True), np.zeros((64, 64, 3), np.uint8)
    noise = MaskProposals(np.random.default_rng(0).random((40, 64, 64)) < 0.5)
    store.put({"proposer": "noise"}, image, noise)
    features = FeatureCache(store.path, 2 * size_of_one(tmp_path))
    for number in range(9):
        features.put(key(number), values(number, (8, 64)))
    assert store.get({"proposer": "noise"}, image) is not None


def test_the_folder_is_not_looked_through_for_each_entry(tmp_path, monkeypatch):
    features = FeatureCache(tmp_path / "store", 100 * size_of_one(tmp_path))
    looked, entries_of = [], FeatureCache._entries
    monkeypatch.setattr(FeatureCache, "_entries", lambda self: looked.append(1) or entries_of(self))
    for number in range(100):
        # A process for each counts as one for all.
        FeatureCache(tmp_path / "store", features.limit).put(key(number), values(0, (8, 1024)))
    assert 8 <= len(looked) <= 12


def test_a_smaller_limit_later(tmp_path):
    size = size_of_one(tmp_path)
    features = FeatureCache(tmp_path / "store", 100 * size)
    for number in range(50):
        features.put(key(number), values(number, (8, 1024)))
    smaller = FeatureCache(tmp_path / "store", 20 * size)
    for number in range(50, 54):
        smaller.put(key(number), values(number, (8, 1024)))
    assert smaller.held()[1] <= 20 * size


def test_one_too_large_for_the_limit_is_not_kept(tmp_path):
    size = size_of_one(tmp_path)
    for limit, kept in ((9 * size, 0), (11 * size, 1), (0, 0)):
        features = FeatureCache(tmp_path / str(limit), limit)
        features.put(key(0), values(0, (8, 1024)))
        assert features.held()[0] == kept


def test_what_a_killed_writer_left_behind_leaves_in_its_turn(tmp_path):
    features = FeatureCache(tmp_path / "store", 20 * size_of_one(tmp_path))
    features.put(key(0), values(0, (8, 1024)))
    left, writing = (entries(features)[0].with_name(name) for name in (".left", ".writing"))
    left.write_bytes(bytes(1000))
    os.utime(left, ns=(1, 1))
    writing.write_bytes(bytes(10**6))
    for number in range(30):
        features.put(key(number), values(number, (8, 1024)))
    assert not left.exists()
    assert writing.exists()
