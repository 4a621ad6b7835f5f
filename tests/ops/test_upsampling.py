import numpy as np
import pytest

from refmask.ops.maps import enlarge


def test_enlarging_follows_the_contour_of_the_image():
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, 3:] = 255
    small = np.array([[[0] * 3, [255] * 3], [[0] * 3, [255] * 3]], np.uint8)
    labels = enlarge(np.array([[0, 1], [0, 1]], np.int32), small, image)
    np.testing.assert_array_equal(labels, image[..., 0] // 255)


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (9, 2)])
def test_a_image_smaller_than_its_labels_takes_those_of_its_places(size):
    labels = np.arange(16, dtype=np.int32).reshape(4, 4)
    carried = enlarge(labels, np.zeros((4, 4, 3), np.uint8), np.zeros((*size, 3), np.uint8))
    assert carried.shape == size
    assert (np.diff(carried, axis=0) >= 0).all()
    assert (np.diff(carried, axis=1) >= 0).all()
