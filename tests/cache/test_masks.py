"""The store: what is kept comes back exactly, and nothing else does."""

import json
import shutil

import numpy as np
import pytest

from refmask.cache.masks import CachedProposer, FromCache, MaskCache
from refmask.errors import ConfigurationError, ImageError, MaskError
from refmask.fingerprint import Fingerprint, of_image
from refmask.proposals import load_proposer
from refmask.proposals.refine import Refined, Refinement
from refmask.types import MaskProposals

CONFIGURATION = {"proposer": "blocks", "limit": 5, "floor": 0.1, "weights": None, "fine": True}


def make_image(seed=0, height=12, width=17):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def noise_masks(count=4, height=12, width=17, density=0.5, seed=0):
    masks = np.random.default_rng(seed).random((count, height, width)) < density
    masks[:, 0, 0] = True
    return masks


def same(one, other):
    assert one.masks.dtype == other.masks.dtype == np.bool_
    np.testing.assert_array_equal(one.masks, other.masks)
    for ours, theirs in ((one.quality, other.quality), (one.boxes, other.boxes)):
        assert (ours.dtype, ours.tobytes()) == (theirs.dtype, theirs.tobytes())
    assert set(one.details) == set(other.details)
    for name, values in one.details.items():
        kept = other.details[name]
        # Those of the other byte order come back in this machine's.
        assert (values.dtype, values.shape) == (kept.dtype.newbyteorder("="), kept.shape)
        assert values.tobytes() == kept.astype(values.dtype).tobytes()


class Blocks:
    """Proposes some noise, tells its configuration, and counts."""

    def __init__(self, configuration=CONFIGURATION):
        self.told, self.calls, self.asked = configuration, 0, 0

    def configuration(self):
        self.asked += 1
        return self.told

    def propose(self, image):
        self.calls += 1
        return MaskProposals(noise_masks(4, *image.shape[:2], seed=int(image.sum())))


@pytest.fixture
def store(tmp_path):
    return MaskCache(tmp_path / "store", create=True)


# What is kept.


@pytest.mark.parametrize("count", [0, 1, 2, 9, 40])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (12, 17)])
@pytest.mark.parametrize("density", [0.0, 0.1, 0.9, 1.0])
def test_masks_come_back_exactly(store, count, size, density):
    proposals = MaskProposals(noise_masks(count, *size, density))
    store.put(CONFIGURATION, make_image(0, *size), proposals)
    same(store.get(CONFIGURATION, make_image(0, *size)), proposals)


def test_masks_of_a_hierarchy_come_back_exactly(store):
    regions = np.random.default_rng(0).integers(0, 9, (12, 17))
    masks = np.stack([regions < number for number in range(1, 10)])
    store.put(CONFIGURATION, make_image(), MaskProposals(masks))
    same(store.get(CONFIGURATION, make_image()), MaskProposals(masks))


def test_quality_boxes_and_details_come_back_exactly(store):
    details = {
        "cells": np.arange(4, dtype=np.int64) - 2,
        "scores": np.array([[0.1, np.nan], [np.inf, -0.0], [1e-45, 2], [3, 4]], np.float32),
        "half": np.arange(4, dtype=np.float16),
        "double": np.full((4, 2, 3), np.pi),
        "big-endian": np.arange(4, dtype=">u2"),
        "crowd": np.array([True, False, True, True]),
        "nothing": np.zeros((4, 0), np.uint8),
    }
    quality = np.array([np.nextafter(1, 2, dtype=np.float32), 0.5, -0.0, -3], np.float32)
    boxes = np.tile(np.array([0, 0, 17, 12], np.float32), (4, 1)) + 0.25
    proposals = MaskProposals(noise_masks(), boxes, quality, details)
    store.put(CONFIGURATION, make_image(), proposals)
    same(store.get(CONFIGURATION, make_image()), proposals)


def test_what_is_read_cannot_be_written_to(store):
    store.put(
        CONFIGURATION, make_image(), MaskProposals(noise_masks(), details={"a": np.arange(4)})
    )
    found = store.get(CONFIGURATION, make_image())
    for array in (found.masks, found.quality, found.details["a"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_what_is_kept_later_takes_the_place_of_what_was_kept_before(store):
    for seed in (1, 2):
        store.put(CONFIGURATION, make_image(), MaskProposals(noise_masks(seed=seed)))
    same(store.get(CONFIGURATION, make_image()), MaskProposals(noise_masks(seed=2)))


@pytest.mark.parametrize(
    ("proposals", "says"),
    [
        (MaskProposals(noise_masks(height=11)), "the image has 17x12 pixels"),
        (MaskProposals(np.zeros((1, 12, 17), np.bool_)), "covers no pixel"),
        (MaskProposals(noise_masks(1), details={"a": np.array(["text"])}), "details/a.*numbers"),
        (MaskProposals(noise_masks(1), details={"a": np.array([None])}), "details/a.*numbers"),
        (MaskProposals(np.ones((5001, 12, 17), np.bool_)), "at most 5000 masks"),
    ],
)
def test_what_cannot_be_kept_is_refused(store, proposals, says):
    with pytest.raises(MaskError, match=says):
        store.put(CONFIGURATION, make_image(), proposals)


def ellipses(height=480, width=640):
    """100 smooth masks that have nothing to do with each other."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    sides = rng.uniform(10, 120, (100, 2))
    places = rng.uniform(0, 1, (100, 2)) * (height, width)
    masks = [
        ((y - place[0]) / side[0]) ** 2 + ((x - place[1]) / side[1]) ** 2 < 1
        for side, place in zip(sides, places, strict=True)
    ]
    return np.stack(masks)


def unions(height=480, width=640):
    """100 unions of 192 regions with uneven borders, as a hierarchy makes them."""
    rng = np.random.default_rng(0)
    shifts = np.kron(rng.integers(-4, 5, (2, height // 4, width // 4)), np.ones((4, 4), int))
    y, x = (np.mgrid[:height, :width] + shifts).clip(0, [[[height - 1]], [[width - 1]]])
    cells = y // 40 * 16 + x // 40
    return (rng.random((100, cells.max() + 1)) < 0.2)[:, cells]


@pytest.mark.parametrize("masks", [ellipses, unions])
def test_a_hundred_masks_are_small(store, masks):
    store.put(CONFIGURATION, make_image(0, 480, 640), MaskProposals(masks()))
    (entry,) = store.path.rglob("*.masks")
    assert entry.stat().st_size < 20_000


# What it is kept by.


def test_content_counts_and_not_what_holds_it(store):
    image = make_image()
    store.put(CONFIGURATION, image, MaskProposals(noise_masks()))
    turned = np.ascontiguousarray(image[::-1])[::-1]
    assert store.get(CONFIGURATION, turned) is not None
    assert store.get(CONFIGURATION, np.asfortranarray(image)) is not None
    other = image.copy()
    other[5, 5, 1] ^= 1
    assert store.get(CONFIGURATION, other) is None
    assert of_image(image.reshape(17, 12, 3)) != of_image(image)


@pytest.mark.parametrize(
    "changed", [{"limit": 6}, {"floor": 0.2}, {"weights": "ab"}, {"fine": False}, {"new": 1}]
)
def test_every_setting_counts_and_their_order_does_not(store, changed):
    store.put(CONFIGURATION, make_image(), MaskProposals(noise_masks()))
    turned = dict(reversed(CONFIGURATION.items()))
    assert store.get(turned, make_image()) is not None
    assert store.get({**CONFIGURATION, **changed}, make_image()) is None


@pytest.mark.parametrize("configuration", [{"a": np.float32(1)}, {"a": object()}, None])
def test_a_configuration_that_json_cannot_hold_is_refused(store, configuration):
    with pytest.raises(ConfigurationError, match="what JSON cannot hold"):
        store.get(configuration, make_image())


def test_what_is_no_image_is_refused(store):
    with pytest.raises(ImageError, match="float64"):
        store.get(CONFIGURATION, np.zeros((3, 4, 3)))


def test_two_stores_become_one_by_copying(store, tmp_path):
    other = MaskCache(tmp_path / "other", create=True)
    store.put(CONFIGURATION, make_image(1), MaskProposals(noise_masks()))
    other.put(CONFIGURATION, make_image(2), MaskProposals(noise_masks()))
    other.put({"proposer": "other"}, make_image(2), MaskProposals(noise_masks()))
    shutil.copytree(other.path, store.path, dirs_exist_ok=True)
    assert store.images(CONFIGURATION) == 2
    assert store.images({"proposer": "other"}) == 1
    assert store.images({"proposer": "absent"}) == 0
    told = sorted(store.configurations(), key=len)
    assert told == [{"proposer": "other"}, CONFIGURATION]


# The folder.


def test_a_store_is_opened_again_and_says_what_it_is(store):
    assert MaskCache(store.path).configurations() == []
    assert MaskCache(str(store.path), create=True).path == store.path
    assert json.loads((store.path / "refmask-store.json").read_text()) == {"format": 1}


@pytest.mark.parametrize("create", [True, False])
def test_what_is_no_store_is_refused(tmp_path, create):
    (tmp_path / "photo.jpg").write_bytes(b"")
    with pytest.raises(ConfigurationError, match=r"holds other things.*`store`"):
        MaskCache(tmp_path, create=create)
    with pytest.raises(ConfigurationError, match=r"photo\.jpg is a file"):
        MaskCache(tmp_path / "photo.jpg", create=create)
    assert [file.name for file in tmp_path.iterdir()] == ["photo.jpg"]


def test_an_absent_store_is_only_made_when_asked(tmp_path):
    with pytest.raises(ConfigurationError, match="not there or empty"):
        MaskCache(tmp_path / "absent")
    with pytest.raises(ConfigurationError, match="not there or empty"):
        MaskCache(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("marker", "says"),
    [
        ("", "damaged"),
        ("[1]", "damaged"),
        ("{}", "damaged"),
        ("[" * 100000, "damaged"),
        ('{"format": 2}', "of format 2, and .* reads format 1"),
    ],
)
def test_a_store_of_another_format_is_refused(store, marker, says):
    (store.path / "refmask-store.json").write_text(marker)
    with pytest.raises(ConfigurationError, match=says):
        MaskCache(store.path, create=True)


def test_a_place_that_cannot_be_written_is_told_and_nothing_is_lost(store):
    store.put(CONFIGURATION, make_image(1), MaskProposals(noise_masks()))
    other = {"proposer": "other"}
    (store.path / Fingerprint(other).sha256).write_text("in the way")
    with pytest.raises(ConfigurationError, match="cannot write"):
        store.put(other, make_image(1), MaskProposals(noise_masks()))
    assert store.get(other, make_image(1)) is None
    assert store.get(CONFIGURATION, make_image(1)) is not None


# Proposers.


def test_a_stored_proposer_proposes_once(store):
    proposer = Blocks()
    stored = CachedProposer(proposer, store)
    found = [stored.propose(make_image(seed)) for seed in (1, 2, 1, 2, 1)]
    assert proposer.calls == 2
    same(found[0], found[4])
    same(found[4], Blocks().propose(make_image(1)))
    assert CachedProposer(Blocks(), MaskCache(store.path)).configuration() == CONFIGURATION
    assert proposer.asked == 1


def test_a_proposer_that_cannot_tell_its_configuration_cannot_be_stored(store, fixed_proposer):
    with pytest.raises(
        ConfigurationError, match=r"FixedProposer does not state.*configuration\(\)"
    ):
        CachedProposer(fixed_proposer, store)
    with pytest.raises(
        ConfigurationError, match=r"FixedProposer does not state.*configuration\(\)"
    ):
        CachedProposer(Refined(fixed_proposer, Refinement()), store)
    with pytest.raises(ConfigurationError, match="by name"):
        CachedProposer(Blocks({"shape": (1, 2)}), store)


def test_refined_masks_are_kept_apart_from_the_proposers_own(store):
    CachedProposer(Blocks(), store).propose(make_image())
    refined = CachedProposer(Refined(Blocks(), Refinement(limit=1)), store)
    assert len(refined.propose(make_image())) == 1
    assert len(store.get(CONFIGURATION, make_image())) == 4
    assert len(store.configurations()) == 2


def test_a_store_is_a_proposer(store):
    CachedProposer(Blocks(), store).propose(make_image())
    kept = load_proposer(f"store:{store.path}")
    assert isinstance(kept, FromCache)
    assert kept.configuration() == CONFIGURATION
    same(kept.propose(make_image()), Blocks().propose(make_image()))
    with pytest.raises(MaskError, match=r"no masks by 'blocks' of this 17x12 image.*`store="):
        kept.propose(make_image(1))


def test_of_several_configurations_one_is_chosen_by_its_hash(store):
    other = {**CONFIGURATION, "limit": 6}
    for configuration in (CONFIGURATION, other, {"proposer": "lines", "side": 3}):
        CachedProposer(Blocks(configuration), store).propose(make_image())
    with pytest.raises(ConfigurationError) as caught:
        load_proposer(f"store:{store.path}")
    for configuration in (CONFIGURATION, other):
        name = Fingerprint(configuration).sha256
        told = f"#{name[:8]} blocks limit={configuration['limit']} (1 images)"
        assert told in str(caught.value)
        assert load_proposer(f"store:{store.path}#{name[:8]}").configuration() == configuration
    assert "lines (1 images)" in str(caught.value)
    assert "floor" not in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="0 of 3 proposers"):
        load_proposer(f"store:{store.path}#{'0' * 64}")


def test_a_store_with_a_hash_sign_in_its_name(tmp_path):
    store = MaskCache(tmp_path / "store#1", create=True)
    CachedProposer(Blocks(), store).propose(make_image())
    name = Fingerprint(CONFIGURATION).sha256
    for place in (store.path, f"{store.path}#{name[:6]}"):
        assert load_proposer(f"store:{place}").configuration() == CONFIGURATION


def test_an_empty_or_missing_store_is_told(store, tmp_path):
    with pytest.raises(ConfigurationError, match=r"holds no masks; .*`store="):
        load_proposer(f"store:{store.path}")
    with pytest.raises(ConfigurationError, match="not there"):
        load_proposer(f"store:{tmp_path / 'absent'}")
    with pytest.raises(ConfigurationError, match="store:PATH"):
        load_proposer("store:")
