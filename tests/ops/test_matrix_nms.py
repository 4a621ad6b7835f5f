"""Matrix NMS against its definition, entry by entry."""

import math

import numpy as np
import pytest
import torch

from refmask.ops.matrix_nms import CHUNK, matrix_nms


def _by_definition(masks, scores, labels, sigma):
    count = len(masks)
    iou = np.zeros((count, count))
    for i in range(count):
        for j in range(i + 1, count):
            if labels[i] == labels[j]:
                shared = (masks[i] & masks[j]).sum()
                iou[i, j] = shared / (masks[i] | masks[j]).sum()
    worst = iou.max(axis=0)
    decayed = []
    for j in range(count):
        decays = [
            math.exp(-sigma * iou[i, j] ** 2) / math.exp(-sigma * worst[i] ** 2)
            for i in range(count)
        ]
        decayed.append(scores[j] * min(decays))
    return decayed


@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_it_is_what_the_paper_defines(sigma):
    random = np.random.default_rng(0)
    masks = random.random((12, CHUNK + 300)) < random.random((12, 1))
    masks[7] = masks[2]
    scores = np.sort(random.random(12).astype(np.float32))[::-1].copy()
    labels = random.integers(0, 2, 12)
    found = matrix_nms(*map(torch.from_numpy, (masks, scores, labels)), sigma)
    expected = _by_definition(masks, scores, labels, sigma)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


def test_without_labels_all_masks_are_of_one_class():
    masks = torch.ones(3, 10, dtype=torch.bool)
    scores = torch.tensor([0.9, 0.8, 0.7])
    one = matrix_nms(masks, scores)
    torch.testing.assert_close(one, matrix_nms(masks, scores, torch.zeros(3)))
    assert one[0] == scores[0]
    assert one[1] == pytest.approx(0.8 * math.exp(-2))


def test_masks_apart_keep_their_scores():
    masks = torch.eye(4, dtype=torch.bool)
    scores = torch.tensor([0.9, 0.8, 0.8, 0.1])
    torch.testing.assert_close(matrix_nms(masks, scores), scores)


def test_no_masks_give_no_scores():
    assert matrix_nms(torch.zeros(0, 5, dtype=torch.bool), torch.zeros(0)).shape == (0,)
