import numpy as np
import pytest
from PIL import Image, ImageDraw

from refmask.errors import ConfigurationError, ImageError
from refmask.ops.masks import pairwise_iou
from refmask.proposals.grouping import Grouping
from refmask.proposals.grouping.candidates import distinct, parts
from refmask.proposals.grouping.hierarchy import Mix, coarsen, merge
from refmask.proposals.grouping.quality import Criteria, judge, select
from refmask.proposals.grouping.regions import cut, measure, to_lab

RUG, FACE = (150, 60, 250, 180), (175, 90, 225, 140)


def scene(factor=1):
    """A face with eyes on a striped rug, and a cup of two colours, on a noisy floor."""
    size = (320 * factor, 240 * factor)
    image = Image.new("RGB", size, (200, 190, 170))
    draw = ImageDraw.Draw(image)
    marks = {name: Image.new("1", size) for name in ("rug", "face", "cup")}

    def shape(kind, box, fill, name=None):
        box = [factor * value for value in box]
        getattr(draw, kind)(box, fill=fill)
        if name:
            getattr(ImageDraw.Draw(marks[name]), kind)(box, fill=1)

    shape("rectangle", RUG, (170, 30, 40), "rug")
    for x in range(RUG[0], RUG[2], 20):
        shape("rectangle", (x, RUG[1], x + 8, RUG[3]), (210, 70, 80))
    shape("ellipse", FACE, (250, 210, 60), "face")
    for x in (188, 206):
        shape("ellipse", (x, 105, x + 7, 116), (40, 30, 30))
    shape("rectangle", (30, 60, 80, 95), (40, 120, 60), "cup")
    shape("rectangle", (30, 95, 80, 120), (30, 60, 140), "cup")
    noise = np.random.default_rng(0).normal(0, 4, (size[1], size[0], 1))
    noisy = (np.asarray(image) + noise).clip(0, 255).astype(np.uint8)
    return noisy, {name: np.array(mark) for name, mark in marks.items()}


def best_iou(masks, target):
    return max(pairwise_iou(np.stack([mask, target]))[0, 1] for mask in masks)


@pytest.fixture(scope="module")
def found():
    return Grouping().propose(scene()[0])


@pytest.mark.parametrize("name", ["rug", "face", "cup"])
def test_things_with_inner_detail_are_found_whole(found, name):
    assert best_iou(found.masks, scene()[1][name]) > 0.9


def test_things_are_found_along_the_contours_of_a_larger_image():
    image, marks = scene(factor=3)
    masks = Grouping().propose(image).masks
    assert best_iou(masks, marks["face"]) > 0.95
    assert best_iou(masks, marks["rug"]) > 0.9


def test_masks_differ_from_each_other(found):
    overlaps = pairwise_iou(found.masks)
    np.fill_diagonal(overlaps, 0)
    assert overlaps.max() < 0.85


def test_the_limit_keeps_the_best(found):
    few = Grouping(limit=3).propose(scene()[0])
    np.testing.assert_array_equal(few.masks, found.masks[:3])


def test_the_floor_leaves_out_the_poor_ones(found):
    strict = Grouping(floor=0.5).propose(scene()[0])
    assert 1 <= len(strict) == (found.quality >= 0.5 * found.quality[0]).sum() < len(found)


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"floor": -0.1}, {"floor": float("nan")}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigurationError, match="limit is at least 1 and floor from 0 to 1"):
        Grouping(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.full((4, 4, 3), np.nan),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_what_is_no_image_is_refused(wrong):
    with pytest.raises(ImageError, match=r"uint8 \(H, W, 3\)"):
        Grouping().propose(wrong)


def quarters():
    """Four regions in a square: 0 1 above 2 3."""
    labels = np.kron(np.array([[0, 1], [2, 3]], np.int32), np.ones((4, 4), np.int32))
    colours = np.array([[200, 0, 0], [195, 0, 0], [0, 0, 200], [0, 200, 0]], np.uint8)
    return measure(to_lab(colours[labels]), labels)


def test_regions_are_measured_as_by_hand():
    regions = quarters()
    assert regions.areas.tolist() == [16] * 4
    assert regions.edges.tolist() == [[0, 1], [0, 2], [1, 3], [2, 3]]
    assert regions.lengths.tolist() == [4] * 4
    assert regions.boxes[3].tolist() == [4, 4, 8, 8]
    assert regions.sides.tolist() == [[4, 4, 0, 0], [0, 4, 4, 0], [4, 0, 0, 4], [0, 0, 4, 4]]
    assert regions.contours.argmin() == 0
    assert regions.contours.max() <= 1


def test_the_most_alike_are_joined_first_until_one_is_left():
    nodes = merge(quarters(), Mix(mean=1))
    assert nodes[0].tolist() == [True, True, False, False]
    assert nodes[-1].all()
    assert len(nodes) == 3


def test_coarsening_joins_the_most_alike_only():
    labels = coarsen(quarters(), Mix(mean=1), 3)
    assert len(np.unique(labels)) == 3
    assert labels[0, 0] == labels[0, 7]


def test_parts_are_split_where_regions_do_not_touch():
    rows, owners = parts(quarters(), np.array([[1, 0, 0, 1], [1, 1, 1, 0], [0, 0, 0, 0]], np.bool_))
    assert rows.astype(int).tolist() == [[1, 0, 0, 0], [0, 0, 0, 1], [1, 1, 1, 0]]
    assert owners.tolist() == [0, 0, 1]


def test_repetitions_go_and_order_stays():
    rows = np.array([[0, 1], [1, 0], [0, 1], [1, 1]], np.bool_)
    assert distinct(rows).astype(int).tolist() == [[0, 1], [1, 0], [1, 1]]


def test_a_plain_image_is_one_region():
    lab = to_lab(np.full((9, 9, 3), 7, np.uint8))
    assert (cut(lab, scale=45, sigma=0.6, min_size=20) == 0).all()


def test_given_boundaries_stand_in_for_the_colours_gradient():
    regions = quarters()
    strength = np.zeros(regions.labels.shape)
    strength[:, 3:5] = 0.5  # where the left quarters meet the right ones
    lab = to_lab(np.zeros((8, 8, 3), np.uint8))
    assert measure(lab, regions.labels, strength).contours.tolist() == [0.5, 0.125, 0.125, 0.5]


def test_a_description_stands_in_for_texture():
    described = quarters().described(np.array([[1, 0], [0, 1], [1, 0], [0, 1.0]]))
    first, second = merge(described, Mix(texture=1))[:2]
    assert {tuple(first), tuple(second)} == {(1, 0, 1, 0), (0, 1, 0, 1)}


def test_criteria_weigh_contours_and_keep_masks_apart():
    labels = quarters().labels
    lab = to_lab(np.zeros((*labels.shape, 3), np.uint8))
    regions = measure(lab, labels, np.full(labels.shape, 0.5))
    some = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 0]], np.bool_)
    plain, keen = (judge(regions, some, Criteria(contour=power)) for power in (1.0, 2.0))
    np.testing.assert_allclose(keen, plain / 2)
    assert len(select(regions, some, 9, Criteria())[0]) == 3
    assert len(select(regions, some, 9, Criteria(apart=0.6))[0]) == 2
