"""The validated container of proposals."""

import numpy as np
import pytest

from refmask import MaskError, MaskProposals
from refmask.types import ContextFeatures


@pytest.fixture
def masks():
    masks = np.zeros((3, 6, 9), np.bool_)
    masks[0, 2:4, 1:8] = True
    masks[1, 0, 0] = masks[1, 5, 8] = True
    return masks


def test_boxes_and_quality_by_default(masks):
    proposals = MaskProposals(masks)
    assert proposals.boxes.tolist() == [[1, 2, 8, 4], [0, 0, 9, 6], [0, 0, 0, 0]]
    assert proposals.quality.tolist() == [1, 1, 1]
    assert (len(proposals), proposals.size) == (3, (6, 9))


def test_indexing_filters_all_fields(masks):
    proposals = MaskProposals(masks, quality=np.array([0.1, 0.2, 0.3]))
    for index in ([2, 0], np.array([True, False, True]), slice(0, 3, 2), 1, -1):
        part = proposals[index]
        rows = np.atleast_1d(np.arange(3)[index])
        assert np.array_equal(part.masks, masks[rows])
        assert np.array_equal(part.boxes, proposals.boxes[rows])
        assert np.array_equal(part.quality, proposals.quality[rows])
    assert len(proposals[np.zeros(3, bool)]) == 0


def test_details_are_filtered_along(masks):
    proposals = MaskProposals(masks, details={"cells": np.arange(6).reshape(3, 2)})
    assert proposals[[2, 0]].details["cells"].tolist() == [[4, 5], [0, 1]]
    with pytest.raises(MaskError, match=r"3 masks need 3 cells, not \(2,\); give one"):
        MaskProposals(masks, details={"cells": np.arange(2)})


def test_none(masks):
    nothing = MaskProposals.empty(6, 9)
    assert (len(nothing), nothing.size) == (0, (6, 9))
    assert nothing.boxes.shape == (0, 4)
    assert len(MaskProposals(masks)[[]]) == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"masks": np.zeros((6, 9), np.bool_)}, r"bool array \(N, H, W\), not bool \(6, 9\)"),
        ({"masks": np.zeros((1, 6, 9))}, "not float64"),
        ({"masks": np.zeros((1, 0, 9), np.bool_)}, "at least 1x1"),
        ({"boxes": np.zeros((2, 4))}, r"boxes \(3, 4\).*not \(2, 4\)"),
        ({"quality": np.zeros(4)}, r"quality \(3,\).*\(4,\)"),
    ],
)
def test_fields_that_do_not_fit(masks, fields, message):
    with pytest.raises(MaskError, match=message):
        MaskProposals(**({"masks": masks} | fields))


def test_blend():
    features = ContextFeatures(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))
    assert features.blend(0.25).tolist() == [[0.25, 0.75]]
