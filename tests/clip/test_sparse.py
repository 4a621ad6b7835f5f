"""Token masking with few tokens beside plain token masking with all of them."""

import copy

import open_clip
import pytest
import torch

from refmask.clip.kernels import VitTower
from refmask.clip.kernels.blocks import FastBlock
from refmask.clip.kernels.sparse import masked_tokens

DEPTH, SIDE = 12, 6


VISION = {"image_size": 8 * SIDE, "patch_size": 8, "width": 32, "layers": DEPTH, "head_width": 8}
CFG = {
    "embed_dim": 24,
    "vision_cfg": {**VISION, "mlp_ratio": 2.0},
    "text_cfg": {"width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def model():
    """open_clip's, all its norms and biases away from their initial values."""
    torch.manual_seed(0)
    model = open_clip.CLIP(**copy.deepcopy(CFG)).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter += 0.1 * torch.randn(parameter.shape)
    return model


@pytest.fixture(scope="module")
def theirs(model):
    return model.visual


@pytest.fixture(scope="module")
def visual(model, ours):
    return ours(CFG, model).visual


@pytest.fixture(scope="module")
def tower(visual):
    return VitTower(visual, torch.float32)


@pytest.fixture(scope="module")
def pixels():
    return torch.randn((1, 3, 8 * SIDE, 8 * SIDE), generator=torch.Generator().manual_seed(1))


def dense(theirs, pixels, masks, layers):
    """All tokens of each mask through open_clip's own blocks, one mask at a time."""
    features = torch.zeros(len(masks), 24)
    for number, mask in enumerate(masks):
        keep = torch.cat([torch.ones(1), mask.flatten()])[:, None]
        tokens = theirs._embeds(pixels)
        for depth, block in enumerate(theirs.transformer.resblocks):
            tokens = block(tokens * keep if depth >= DEPTH - layers else tokens)
        features[number] = (theirs._pool(tokens)[0] @ theirs.proj)[0]
    return features


def drawn(count, kept):
    """Soft masks that keep as many tokens as told, anywhere."""
    generator = torch.Generator().manual_seed(2)
    order = torch.rand((count, SIDE**2), generator=generator).argsort(dim=1)
    values = torch.rand((count, SIDE**2), generator=generator) + 1e-3
    kept = torch.as_tensor(kept).expand(count)[:, None]
    return (values.clamp(max=1) * (order < kept)).view(count, SIDE, SIDE)


def band():
    masks = torch.zeros(2, SIDE, SIDE)
    masks[0, 2], masks[1, :, 5] = 1, 0.2
    return masks


KINDS = {
    "none": torch.zeros(0, SIDE, SIDE),
    "empty": torch.zeros(1, SIDE, SIDE),
    "full": torch.ones(1, SIDE, SIDE),
    "one token": torch.eye(SIDE**2).view(-1, SIDE, SIDE),
    "all but one": 1 - torch.eye(SIDE**2).view(-1, SIDE, SIDE),
    "soft everywhere": drawn(3, SIDE**2),
    "thin": band(),
    "hardly there": drawn(2, 9) * 1e-6,
    "a hundred": drawn(100, torch.arange(100) % (SIDE**2 + 1)),
}


@pytest.mark.parametrize("masks", KINDS.values(), ids=KINDS.keys())
@torch.inference_mode()
def test_few_tokens_answer_as_all_do(tower, theirs, visual, pixels, masks, error):
    found = tower.masked(pixels, mask_layers=3)(masks)
    assert found.shape == (len(masks), 24)
    if len(masks):
        assert error(found, dense(theirs, pixels, masks, 3)) < 1e-5
        # equation 3, as it is written for reading
        assert error(found, visual.masked(pixels, masks, 3)) < 1e-5


@pytest.mark.parametrize("layers", range(1, DEPTH + 1))
@torch.inference_mode()
def test_at_any_depth(tower, theirs, pixels, layers, error):
    masks = torch.cat([kind[:2] for kind in KINDS.values()])
    found = tower.masked(pixels, mask_layers=layers)(masks)
    assert error(found, dense(theirs, pixels, masks, layers)) < 1e-5


@pytest.fixture
def rows(monkeypatch):
    """Rows that go through each perceptron."""
    counted = []
    finish = FastBlock.finish

    def counting(self, tokens, attended):
        counted.append(tokens.shape[:-1].numel())
        return finish(self, tokens, attended)

    monkeypatch.setattr(FastBlock, "finish", counting)
    return counted


@pytest.mark.parametrize("kept", [0, 1, 9, SIDE**2 - 1, SIDE**2])
@torch.inference_mode()
def test_the_work_follows_the_masked_area(tower, pixels, rows, kept):
    pool = tower.masked(pixels, mask_layers=3)
    assert rows == [1 + SIDE**2] * (DEPTH - 3)
    rows.clear()
    pool(drawn(40, kept))
    # The class token, what is kept and a zero; in the last block the class token alone.
    each = 40 * min(1 + kept + 1, 1 + SIDE**2)
    assert rows == [each, each, 40]


@torch.inference_mode()
def test_masks_of_all_sizes_are_filled_up_by_little(tower, pixels, rows):
    pool = tower.masked(pixels, mask_layers=2)
    rows.clear()
    kept = torch.arange(100) % (SIDE**2 + 1)
    pool(drawn(100, kept))
    needed = int((kept + 2).clamp(max=1 + SIDE**2).sum())
    # Each group has one entry for either block; the last block computes one row per mask.
    assert len(rows) <= 2 * 16  # of 37 lengths
    assert needed <= sum(rows[::2]) <= 1.25 * needed
    assert sum(rows[1::2]) == 100


def test_groups_keep_to_the_budget():
    masks = drawn(400, torch.arange(400) % (SIDE**2 + 1))
    groups = list(masked_tokens(masks, 100))
    assert max(group.places.numel() for group in groups) <= 100
    assert torch.cat([group.masks for group in groups]).sort().values.tolist() == [*range(400)]
    alone = list(masked_tokens(masks[SIDE**2][None], 5))
    assert [group.places.shape for group in alone] == [(1, 1 + SIDE**2)]


def test_a_bias_is_not_rounded_to_bf16(visual):
    """Eleven equal tokens as one: with a logarithm of 8 bits their share would be 0.6 % off."""
    block = FastBlock(visual.transformer.resblocks[0], torch.bfloat16)
    keys = torch.zeros((1, 78, 32), dtype=torch.bfloat16)
    values, bias = keys.clone(), torch.zeros(1, 1, 1, 78)
    values[:, -1], bias[..., -1] = 1, torch.tensor(11.0).log()
    attended = block.attend(keys[:, :1], keys, values, bias)
    assert attended.dtype == torch.bfloat16
    assert attended.unique().tolist() == [11 / (77 + 11)]
