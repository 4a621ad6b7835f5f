"""The count of operations, by hand and against torch's own."""

import open_clip
import operations
import pytest
import torch

TEXT = {"context_length": 77, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 2}
#: 2x2 patches of 2x2 pixels, two blocks of width 8.
VIT = {
    "embed_dim": 4,
    "vision_cfg": {"image_size": 4, "patch_size": 2, "width": 8, "head_width": 4, "layers": 2},
    "text_cfg": TEXT,
}
RESNET = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "head_width": 64},
    "text_cfg": TEXT,
}
#: Keys, values, queries, projection and perceptron of 5 tokens, and 25 pairs of width 8.
FULL = 12 * 5 * 64 + 2 * 25 * 8
#: The same for one wanted token.
LAST = 2 * 5 * 64 + 10 * 64 + 2 * 5 * 8
PATCHES, ANSWER = 4 * 12 * 8, 8 * 4


def dense(cfg):
    """What open_clip's own module does for one image."""
    side = cfg["vision_cfg"]["image_size"]
    visual = open_clip.CLIP(**cfg).visual.eval()
    return operations.counted(lambda: visual(torch.zeros(1, 3, side, side)))


def test_images():
    assert operations.encode(VIT, 1) == PATCHES + FULL + LAST + ANSWER
    assert operations.encode(VIT, 3) == 3 * operations.encode(VIT, 1)
    assert dense(VIT) == PATCHES + 2 * FULL + ANSWER


def test_images_of_a_resnet():
    # Its own pooling computes five tokens' keys, values, queries and answers; four heads of one
    # query need no more than where it points, and one value each.
    width, tokens, heads = 256, 5, 4
    own = 3 * tokens * width**2 + 2 * tokens**2 * width + tokens * width * 16
    ours = 3 * width**2 + width * 16 + 2 * heads * tokens * width
    assert operations.encode(RESNET, 1) - dense(RESNET) == ours - own


def test_masks():
    full, empty, half = (torch.full((1, 2, 2), value) for value in (1.0, 0.0, 0.0))
    half[0, 0] = 0.5
    assert operations.masked(VIT, full, 1) == operations.encode(VIT, 1)
    assert operations.masked(VIT, torch.cat([full, full]), 1) - operations.masked(VIT, full, 1) == (
        LAST + ANSWER
    )
    # The class token, two patches, and one zero token that needs no key or value of its own.
    tokens = 12 * 3 * 64 + 2 * 3 * 4 * 8
    last = 2 * 3 * 64 + 10 * 64 + 2 * 4 * 8
    assert operations.masked(VIT, half, 2) == PATCHES + tokens + last + ANSWER
    assert operations.masked(VIT, empty, 2) < operations.masked(VIT, half, 2)


def test_masks_of_a_resnet():
    one, two = (operations.masked(RESNET, torch.ones(count, 2, 2)) for count in (1, 2))
    assert two - one == 3 * 256**2 + 256 * 16 + 2 * 4 * 5 * 256
    assert one == operations.encode(RESNET, 1)


def test_texts():
    block = 12 * 3 * 64 + 2 * 6 * 8  # six pairs of three tokens that do not look ahead
    last = 2 * 3 * 64 + 10 * 64 + 2 * 3 * 8
    assert operations.read(VIT, [3]) == block + last + ANSWER
    assert operations.read(VIT, [3, 3]) == 2 * operations.read(VIT, [3])


def test_a_transformer_needs_its_depth():
    with pytest.raises(ValueError, match="masked blocks"):
        operations.masked(VIT, torch.ones(1, 2, 2))
