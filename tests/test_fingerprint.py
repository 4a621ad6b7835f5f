"""A fingerprint changes with what counts, and with nothing else."""

import numpy as np
import pytest

from refmask.errors import ConfigurationError
from refmask.fingerprint import Fingerprint, of_masks, of_proposer
from refmask.types import MaskProposals

MASKS = np.random.default_rng(0).random((3, 5, 7)) < 0.5


def test_masks_boxes_and_their_order_count():
    whole = MaskProposals(MASKS)
    other = MASKS.copy()
    other[2, 4, 6] ^= True
    changed = [
        MaskProposals(other),
        whole[[1, 0, 2]],
        whole[:2],
        MaskProposals(MASKS.reshape(3, 7, 5), whole.boxes),
        MaskProposals(MASKS, whole.boxes + 1),
    ]
    assert len({of_masks(proposals) for proposals in [whole, *changed]}) == 6


def test_how_masks_lie_in_memory_and_what_else_is_told_of_them_do_not_count():
    whole = MaskProposals(MASKS)
    turned = np.asfortranarray(MASKS)
    same = MaskProposals(turned, quality=np.arange(3), details={"cells": np.arange(3)})
    assert of_masks(same) == of_masks(whole)
    assert of_masks(MaskProposals(MASKS[::-1])[::-1]) == of_masks(whole)


@pytest.mark.parametrize("other", [{"a": 1, "b": [1, 3]}, {"a": 1}, {"a": None, "b": [1, 2]}])
def test_every_setting_counts_and_their_order_does_not(other):
    told = {"a": 1, "b": [1, 2]}
    one = Fingerprint(told)
    assert one.sha256 == Fingerprint(dict(reversed(told.items()))).sha256
    assert one.sha256 != Fingerprint(other).sha256
    assert one == Fingerprint({"a": 1, "b": (1, 2)})


def test_differences_are_readable_lines():
    one = Fingerprint({"model": "a", "alpha": 0.85, "weights_sha256": 64 * "a", "extra": None})
    other = one | {"model": "b", "alpha": 0.95, "weights_sha256": 64 * "b", "beta": 0.5}
    assert one.changes(other)["alpha"] == (0.85, 0.95)
    assert one.diff(other) == [
        "alpha 0.85 instead of 0.95",
        f"weights_sha256 {12 * 'a'}... instead of {12 * 'b'}...",
        "beta nothing instead of 0.5",
    ]
    assert one.diff(one | {"model": "only another name"}) == []
    unnamed = Fingerprint({"model": "a", "weights_sha256": None})
    assert unnamed.diff(unnamed | {"model": "b"}) == ["model a instead of b"]
    many = Fingerprint({f"setting{n}": n for n in range(9)})
    assert many.summary({}).endswith("setting5 5 instead of nothing; and 3 more")
    assert many.summary(many) == ""


def test_parts_of_a_fingerprint():
    whole = Fingerprint({"alpha": 1}) | Fingerprint({"limit": 7}).under("proposer.")
    assert dict(whole) == {"alpha": 1, "proposer.limit": 7}
    assert dict(whole.part("proposer.")) == {"limit": 7}
    assert len(repr(whole).splitlines()) == 1


class Telling:
    def __init__(self, told):
        self.told = told

    def propose(self, image):
        return image

    def configuration(self):
        return self.told


@pytest.mark.parametrize("told", [{}, {"a": [1]}, {1: 2}, {"a": object()}, None, ["a"]])
def test_a_proposer_tells_plain_settings(told):
    with pytest.raises(ConfigurationError, match="make configuration"):
        of_proposer(Telling(told))


def test_a_proposer_that_tells_nothing(fixed_proposer):
    with pytest.raises(ConfigurationError, match="FixedProposer does not state"):
        of_proposer(fixed_proposer)
