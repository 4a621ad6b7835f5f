"""The reference implementation's evaluation of 12 expressions about two images."""

from pathlib import Path

import numpy as np
import pytest

from refmask.metrics import (
    ImageOverlaps,
    QueryResults,
    Tally,
    compute_metrics,
    intersection_and_union,
    iou,
    mean_iou,
)
from refmask.types import MaskProposals

GOLDEN = Path(__file__).parents[1] / "golden"
RUNS = [f"{tower}.alpha{alpha}" for tower in ("vit_b32", "rn50") for alpha in ("0.85", "0.95")]


@pytest.fixture(scope="module")
def golden():
    return np.load(GOLDEN / "evaluation.npz")


@pytest.fixture(scope="module")
def images():
    return [np.load(GOLDEN / "clip" / f"masks{number}.npz") for number in (0, 1)]


def outcomes_of(golden, images, chosen) -> QueryResults:
    overlaps = [ImageOverlaps(MaskProposals(image["masks"])) for image in images]
    rows = []
    for number, target, index in zip(
        golden["image_of_expression"], golden["target_of_expression"], chosen, strict=True
    ):
        row = overlaps[number].row(images[number]["targets"][target], int(index))
        rows.append({**row, "image": str(number), "words": 1})
    return QueryResults.of(rows)


@pytest.mark.parametrize("run", RUNS)
def test_figures_follow_from_the_reference_choices(golden, images, run):
    results = outcomes_of(golden, images, golden[f"{run}.pred"])
    sums = results.intersection.cumsum(), results.union.cumsum()
    assert sums[0].tolist() == golden[f"{run}.cumulative_intersection"].tolist()
    assert sums[1].tolist() == golden[f"{run}.cumulative_union"].tolist()
    each = iou(results.intersection, results.union)
    np.testing.assert_allclose(each, golden[f"{run}.iou"], rtol=1e-6)
    found = compute_metrics(results)
    overall, mean = golden[f"{run}.overall_iou_percent"], golden[f"{run}.mean_iou_percent"]
    assert 100 * found["oIoU"] == pytest.approx(float(overall), rel=1e-6)
    assert 100 * found["mIoU"] == pytest.approx(float(mean), rel=1e-6)


def test_small_cases_and_two_empty_masks(golden):
    """Two empty masks have an IoU of 0, which counts in the mean."""
    expected = golden["iou_cases.result"]
    both, either = intersection_and_union(golden["iou_cases.pred"], golden["iou_cases.target"] > 0)
    np.testing.assert_allclose(iou(both, either), expected[:, 0], rtol=1e-6)
    assert both.cumsum().tolist() == expected[:, 1].tolist()
    assert either.cumsum().tolist() == expected[:, 2].tolist()
    assert mean_iou(both, either) == pytest.approx(expected[:, 0].sum() / 4)


def test_the_reference_leaves_out_images_without_proposals(golden, images):
    """Here they count as missed and their number is told; dropping them gives its figures."""
    run = RUNS[0]
    answered = outcomes_of(golden, images, golden[f"{run}.pred"])
    target = images[0]["targets"][0]
    nothing = ImageOverlaps(MaskProposals.empty(*target.shape)).row(target, None)
    skipped = QueryResults.of([{**nothing, "image": "2", "words": 1}])
    everything = QueryResults.concatenate([answered, skipped])
    mean = float(golden[f"{run}.mean_iou_percent"])
    union = int(golden[f"{run}.cumulative_union"][-1]) + int(target.sum())
    found = compute_metrics(everything)
    assert 100 * found["mIoU"] == pytest.approx(mean * 12 / 13, rel=1e-6)
    assert found["oIoU"] == golden[f"{run}.cumulative_intersection"][-1] / union
    assert Tally.of(everything).without_proposals == 1
    assert compute_metrics(everything[everything.proposals > 0]) == compute_metrics(answered)
