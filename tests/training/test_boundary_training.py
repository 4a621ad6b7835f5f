"""What the boundary network is trained with: views of the classifier, crops, and folding."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import train_boundary
from refmask.classifier.network import PYRAMID
from refmask.proposals.photo.network import BoundaryNetwork


@pytest.fixture(scope="module")
def program():
    """The training program; it is no package and is not installed."""
    return train_boundary


@pytest.fixture(scope="module")
def views(program, classifier):
    """A dark disc on light ground, with its outline as the teacher's map."""
    rows, columns = np.mgrid[:240, :320]
    radius = np.hypot(rows - 120, columns - 100)
    image = np.where((radius < 60)[..., None], 40, 200).repeat(3, axis=2).astype(np.uint8)
    target = np.where(abs(radius - 60) < 3, 255, 0).astype(np.uint8)
    photograph = program.Photograph(image, target)
    return program.views_of(photograph, classifier, np.random.default_rng(0))


def test_views_fit_their_targets_and_every_other_one_is_mirrored(views):
    assert len(views) == 6
    for view in views:
        assert view.target.shape == tuple(2 * side for side in view.pyramid[0].shape[1:])
    for plain, mirrored in zip(views[::2], views[1::2], strict=True):
        torch.testing.assert_close(plain.target, mirrored.target.flip(-1))


def test_crops_of_all_maps_show_the_same_place(program, views):
    plan = replace(program.Plan(), batch=3, cells=4)
    pyramid, targets = program.batch_of(views, plan, np.random.default_rng(0))
    assert targets.shape == (3, 1, 128, 128)
    assert 0 <= targets.min() <= targets.max() <= 1
    shapes = [(3, width, 64 >> level, 64 >> level) for level, width in enumerate(PYRAMID)]
    assert [tuple(maps.shape) for maps in pyramid] == shapes
    stamped = program.View(
        [torch.full((1, 28 << level, 28 << level), 0.0) for level in range(4, -1, -1)],
        torch.zeros(28 * 32, 28 * 32, dtype=torch.uint8),
    )
    for maps in [*stamped.pyramid, stamped.target]:
        edge = maps.shape[-1] // 2
        maps[..., edge:] = 1  # one line through all of them
    crops, target = program.batch_of([stamped], replace(plan, batch=20), np.random.default_rng(1))
    shares = [maps.mean(dim=(1, 2, 3)) for maps in crops]
    for share in shares:
        torch.testing.assert_close(share, 255 * target.mean(dim=(1, 2, 3)))


def test_the_rate_rises_then_falls_to_nothing(program):
    plan = program.Plan()
    rates = [program.rate_at(step, plan) for step in range(plan.steps)]
    assert max(rates) == rates[plan.warm_up] == plan.rate
    assert rates[0] == plan.rate / plan.warm_up
    assert rates[-1] < plan.rate / 1000


def test_folding_leaves_the_network_as_it_computes(program):
    generator = torch.Generator().manual_seed(0)
    pyramid = [
        torch.randn((2, width, 32 >> level, 32 >> level), generator=generator)
        for level, width in enumerate(PYRAMID)
    ]
    network = BoundaryNetwork()
    names = list(network.state_dict())
    program.normalise(network)
    assert len(network.state_dict()) > len(names)
    with torch.no_grad():
        network(pyramid)  # one step of training's statistics
        network.eval()
        before = network(pyramid)
        program.fold(network)
        assert list(network.state_dict()) == names
        torch.testing.assert_close(network(pyramid), before, atol=1e-4, rtol=1e-4)


def test_training_meets_the_target_better(program, views):
    torch.manual_seed(0)
    network = BoundaryNetwork()
    program.normalise(network)
    plan = replace(program.Plan(), steps=12, warm_up=2, batch=4, cells=5)
    rng = np.random.default_rng(5)
    pyramid, targets = program.batch_of(views, replace(plan, batch=8), rng)

    def loss():
        with torch.no_grad():
            full = torch.nn.functional.interpolate(network(pyramid), scale_factor=2.0)
        return torch.nn.functional.binary_cross_entropy_with_logits(full, targets).item()

    before = loss()
    program.fit(network, views, plan)
    assert loss() < 0.8 * before
