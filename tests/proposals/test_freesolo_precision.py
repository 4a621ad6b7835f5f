"""FreeSOLO in bf16 beside fp32, with a network that is sure of what it draws.

The golden recipe's random network is no judge of bf16: its trunk amplifies a small change of the
input seventeenfold and its masks have no margin, so that any rounding coarser than fp32 changes
them (mean IoU 0.73). Here the blocks of the trunk are calmed, and the last layer of the kernels is
fitted in closed form to draw the shapes of one image, as training would do it. Compared are the
masks that are sure of themselves.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from refmask.ops.masks import pairwise_iou
from refmask.ops.pixels import resize_shorter_side
from refmask.proposals.freesolo import FreeSolo
from refmask.proposals.freesolo.heads import GRIDS, bilinear, level_inputs, with_coordinates
from refmask.proposals.freesolo.network import load_network, network_input

SHORT = 160
COLOURS = np.array(
    [(40, 90, 160), (220, 60, 40), (240, 220, 60), (30, 160, 60), (250, 250, 250)], np.uint8
)
#: Ridge of both fits, and logits asked for outside and inside a mask.
RIDGE, LOGITS = 10.0, (-6.0, 6.0)
#: The lowest maskness of a sure mask; cells between two shapes draw something in between.
SURE = 0.9


def shapes():
    """A label per pixel of four rectangles on a ground, (120, 160)."""
    labels = np.zeros((120, 160), np.int64)
    labels[10:60, 20:70], labels[50:110, 90:140] = 1, 2
    labels[70:110, 10:50], labels[15:35, 100:150] = 3, 4
    return labels


def ridge(inputs, targets):
    """W (I, O) with ``inputs @ W`` near ``targets``; inputs (N, I), targets (N, O)."""
    inputs, targets = inputs.double(), targets.double()
    if len(inputs) < inputs.shape[1]:
        gram = inputs @ inputs.T + RIDGE * torch.eye(len(inputs))
        return inputs.T @ torch.linalg.solve(gram, targets)
    gram = inputs.T @ inputs + RIDGE * torch.eye(inputs.shape[1])
    return torch.linalg.solve(gram, inputs.T @ targets)


@torch.inference_mode()
def fit(network, labels):
    """Weight and bias of ``kernel_pred`` that draw for each cell the label it lies on."""
    pyramid = network.backbone(network_input(resize_shorter_side(COLOURS[labels], SHORT, 1333)))
    features = network.mask_head(pyramid)[0]
    height, width = features.shape[1:]
    scale = labels.shape[0] / SHORT
    rows, columns = (((torch.arange(n) * 4 + 2) * scale).long() for n in (height, width))
    known = (rows < labels.shape[0])[:, None] & (columns < labels.shape[1])
    at = torch.full((height, width), -1)
    at[known] = torch.from_numpy(labels[np.ix_(rows[known[:, 0]], columns[known[0]])]).flatten()
    wanted = torch.where(at.flatten()[:, None] == torch.arange(len(COLOURS)), *LOGITS[::-1])
    kernels = ridge(features.flatten(1).T, wanted).T
    inputs, targets = [], []
    for level, grid in zip(level_inputs(pyramid)[2:], GRIDS[2:], strict=True):
        tower = network.ins_head.kernel_tower(bilinear(with_coordinates(level), (grid, grid)))
        centres = (torch.arange(grid) + 0.5) / grid
        here = at[(centres * height).long()][:, (centres * width).long()].flatten()
        inputs.append(functional.unfold(tower, 3, padding=1)[0].T[here >= 0])
        targets.append(kernels[here[here >= 0]])
    inputs = torch.cat(inputs)
    solved = ridge(torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1), torch.cat(targets))
    weight = solved[:-1].T.reshape(len(kernels.T), -1, 3, 3).float().contiguous()
    return weight, solved[-1].float().contiguous()


@pytest.fixture(scope="module")
def fitted(freesolo_recipe, tmp_path_factory):
    path = tmp_path_factory.mktemp("fitted") / "weights.pth"
    calm = {
        name: values * 0.25 if name.endswith("conv3.norm.weight") else values
        for name, values in freesolo_recipe.items()
    }
    torch.save(calm, path)
    weight, bias = fit(load_network(path, torch.device("cpu"), torch.float32), shapes())
    names = {"weight": weight, "bias": bias}
    calm |= {f"ins_head.kernel_pred.{name}": values for name, values in names.items()}
    torch.save(calm | {"ins_head.cate_pred.bias": torch.tensor([-2.0, -20.0])}, path)
    yield str(path)
    path.unlink()


def test_sure_masks_in_bf16_are_those_in_fp32(fitted):
    labels = shapes()
    truth = labels == np.arange(len(COLOURS))[:, None, None]
    exact, fast = (
        FreeSolo(fitted, short_edge=SHORT, precision=name, update_threshold=0.1)
        for name in ("fp32", "bf16")
    )
    random = np.random.default_rng(0)
    overlaps = []
    for _ in range(2):
        noise = random.integers(-8, 9, (*labels.shape, 3))
        image = (COLOURS[labels] + noise).clip(0, 255).astype(np.uint8)
        ours, theirs = fast.propose(image), exact.propose(image)
        theirs = theirs[theirs.details["maskness"] >= SURE]
        rows = {tuple(cell): row for row, cell in enumerate(ours.details["cells"])}
        matched = [rows.get(tuple(cell)) for cell in theirs.details["cells"]]
        pairs = [
            (ours.masks[o], t) for o, t in zip(matched, theirs.masks, strict=True) if o is not None
        ]
        assert len(pairs) >= 0.8 * len(theirs) >= 15
        overlaps += [pairwise_iou(np.stack(pair))[0, 1] for pair in pairs]
        found = pairwise_iou(np.concatenate([truth, ours.masks]))[: len(truth), len(truth) :]
        assert (found.max(axis=1) >= 0.85).all()
    assert np.mean(overlaps) >= 0.98
