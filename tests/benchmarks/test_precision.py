"""What the reports on precision and on shortlists count."""

import local_top
import numpy as np
import precision
import pytest
from questions import Asked

from refmask.methods import load_method
from refmask.types import TargetPhrase


@pytest.fixture
def asked(noise, fixed_proposer):
    """Two images; the answers are the first and the last mask, and of the second the third."""
    four = fixed_proposer.propose(noise)
    words = [TargetPhrase(text, text, text, text) for text in ("red", "blue")]
    return [
        Asked(noise, four, words, [four.masks[0], four.masks[3]]),
        Asked(noise, four, words[:1], [four.masks[2]]),
    ]


def test_the_lead_of_the_best_and_what_becomes_of_it():
    fp32 = np.float32([[1, 5, 4, 0], [9, 1, 2, 8.5]])
    bf16 = np.float32([[1, 4, 4.5, 0], [9, 1, 2, 8]])
    lead, change = precision.margin(fp32, bf16)
    assert lead.tolist() == [1, 0.5]
    assert change.tolist() == [1.5, 0.5]
    assert precision.choices([fp32, bf16]).tolist() == [1, 0, 2, 0]
    assert precision.distances([fp32], [bf16]).max() == 1


def test_noise_is_of_one_grey_level(noise):
    noisy = precision.noise(noise)
    assert np.unique(noisy.astype(int) - noise).tolist() == [-1, 0, 1]
    assert noisy.dtype == np.uint8
    assert np.array_equal(noisy, precision.noise(noise))


def test_figures_are_of_each_images_own_choices(asked):
    assert precision.overall(asked, np.array([0, 3, 2])) == 1
    assert precision.overall(asked, np.array([0, 3, 1])) == pytest.approx(0.5)


@pytest.mark.parametrize(("top", "crops"), [(1, (1, 2)), (None, (4, 4))])
def test_accuracy_of_a_shortlist(asked, golden_model, top, crops):
    method = load_method("global-local", golden_model("tiny_vit32"), local_top=top)
    chosen = [local_top.answers(method, one) for one in asked]
    one = local_top.accuracy(method, asked, chosen)
    assert one["same"] == 1
    assert crops[0] <= one["crops"] <= crops[1]
    right = [asked[0].targets[0], asked[0].targets[1], asked[1].targets[0]]
    masks = asked[0].proposals.masks[[*chosen[0], *chosen[1]]]
    assert one["mIoU"] == np.mean(
        [(m & t).sum() / (m | t).sum() for m, t in zip(masks, right, strict=True)]
    )
    wrong = [[best + 1 for best in found] for found in chosen]
    assert local_top.accuracy(method, asked, wrong)["same"] == 0
