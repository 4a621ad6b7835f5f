import numpy as np

from refmask.ops.masks import distinct


def test_empty_masks_and_repetitions_are_left_out():
    masks = np.zeros((5, 3, 3), np.bool_)
    masks[1, 0] = masks[2, :, 0] = masks[3, 0] = masks[4] = True
    assert distinct(masks).tolist() == [False, True, True, False, True]
    assert distinct(masks[:0]).tolist() == []
