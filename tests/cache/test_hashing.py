"""What entries are found by changes with what counts, and with nothing else."""

import numpy as np
import pytest

from refmask.fingerprint import of_masks, settings_hash
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
    assert settings_hash(told) == settings_hash(dict(reversed(told.items())))
    assert settings_hash(told) != settings_hash(other)
