"""The paper's equations, written to be read, against the methods that users get."""

from dataclasses import replace

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

import refmask
from refmask import reference
from refmask.selection import ONE
from refmask.types import MaskProposals, TargetPhrase

ALPHA, BETA = 0.7, 0.4
PHRASES = [
    TargetPhrase("the red car", "the red car", "the red car", "car"),
    TargetPhrase("a mug on the rug", "a mug on the rug", "a mug", "mug"),
]


class Parts:
    """open_clip's modules, cut where the paper cuts them."""

    def __init__(self, encoder):
        cfg = encoder.model_cfg
        self.model = open_clip.CLIP(**{k: v for k, v in cfg.items() if k != "preprocess_cfg"})
        self.model.load_state_dict(load_file(encoder.weights))
        self.model.eval().requires_grad_(False)
        self.tokenize = encoder.tokenizer
        self.statistics = encoder.statistics
        self.is_resnet = hasattr(self.model.visual, "attnpool")

    def read(self, texts):
        return self.model.encode_text(self.tokenize(texts))

    def feature_map(self, pixels):
        visual = self.model.visual
        features = visual.stem(pixels)
        for layer in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
            features = layer(features)
        return features

    def pixels(self, image):
        """The whole image, normalised: float32 (1, 3, S, S)."""
        mean, std = (
            torch.tensor(values)[:, None, None]
            for values in (self.statistics.mean, self.statistics.std)
        )
        return ((torch.tensor(image).permute(2, 0, 1) / 255 - mean) / std)[None]

    def alone(self, pixels, masks):
        side, interpolation = self.statistics.side, self.statistics.interpolation
        encode = self.model.encode_image
        return reference.local_context(pixels, masks, side, encode, interpolation)

    def in_context(self, pixels, masks, mask_layers):
        visual = self.model.visual
        if self.is_resnet:
            grid = reference.resized(masks, (7, 7))
            return reference.masked_attention_pooling(
                pixels, grid, self.feature_map, visual.attnpool
            )
        return reference.token_masking(
            pixels,
            reference.resized(masks, visual.grid_size),
            visual._embeds,
            visual.transformer.resblocks,
            lambda tokens: visual.ln_post(tokens) @ visual.proj,
            mask_layers,
        )


@pytest.fixture(scope="module")
def segmenters(model_files):
    """Ours, in fp32, by name."""
    shared = {"alpha": ALPHA, "beta": BETA, "precision": "fp32", "proposals": "grouping"}
    return {
        "embedded": refmask.load("embedded", **shared),
        "tiny_rn": refmask.load(*model_files("tiny_rn"), **shared),
    }


@pytest.fixture(scope="module", params=["embedded", "tiny_rn"])
def pair(request, segmenters):
    """Ours, and what the paper says, on the same weights."""
    segmenter = segmenters[request.param]
    return segmenter, Parts(segmenter.method.encoder)


@pytest.fixture(scope="module")
def scene(pair):
    """An image of the model's input size, so that cells of the grid are whole pixels; 3 masks."""
    drawn, side = np.random.default_rng(0), pair[1].statistics.side
    image = drawn.integers(0, 256, (side, side, 3), np.uint8)
    masks = np.zeros((3, side, side), np.bool_)
    masks[0] = True
    masks[1, side // 7 : side // 2, side // 4 : side // 2] = True
    masks[2, side // 2 : side // 2 + 20, 10:100] = drawn.random((20, 90)) < 0.6
    return image, masks


def error(ours, theirs):
    ours, theirs = torch.as_tensor(ours), torch.as_tensor(theirs)
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


@torch.inference_mode()
def test_equations_give_the_scores_of_the_method(pair, scene):
    segmenter, parts = pair
    image, masks = scene
    pixels, floats = parts.pixels(image), torch.tensor(masks).float()
    k = segmenter.method.mask_layers or 0
    visual = reference.visual_feature(
        functional.normalize(parts.in_context(pixels, floats, k)),
        functional.normalize(parts.alone(pixels, floats)),
        ALPHA,
    )
    text = torch.cat(
        [
            reference.text_feature(
                functional.normalize(reference.sentence_feature(phrase, parts.read)),
                functional.normalize(reference.noun_phrase_feature(phrase, parts.read)),
                BETA,
            )
            for phrase in PHRASES
        ]
    )
    expected = parts.model.logit_scale.exp() * reference.similarity(visual, text)
    plain = replace(segmenter, terms={}, rules=ONE)
    answers = plain.look(image, MaskProposals(masks)).find_phrases(PHRASES)
    assert error(np.stack([answer.scores for answer in answers]), expected) < 1e-4
    assert [answer.best for answer in answers] == expected.argmax(dim=1).tolist()


@torch.inference_mode()
def test_a_full_mask_changes_nothing(pair, scene):
    _, parts = pair
    pixels = parts.pixels(scene[0])
    full = torch.ones(1, *pixels.shape[2:])
    whole = parts.model.encode_image(pixels)
    for k in (1, 3):
        assert error(parts.in_context(pixels, full, k), whole) < 1e-5
    assert error(parts.alone(pixels, full), whole) < 1e-4


@torch.inference_mode()
def test_masks_are_described_one_by_one(pair, scene):
    _, parts = pair
    pixels = parts.pixels(scene[0])
    masks = torch.tensor(scene[1]).float()
    together, turned = (
        parts.in_context(pixels, masks, 2),
        parts.in_context(pixels, masks[[2, 0]], 2),
    )
    assert error(turned, together[[2, 0]]) < 1e-5
    assert error(together[1], together[2]) > 1e-3


def test_blends():
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    for blend in (reference.visual_feature, reference.text_feature):
        assert torch.equal(blend(a, b, 1.0), a)
        assert torch.equal(blend(a, b, 0.0), b)
        assert torch.equal(blend(a, b, 0.25), torch.tensor([[0.25, 0.75]]))
    assert reference.similarity(torch.cat([3 * a, -b, a + b]), 2 * a).tolist() == [
        pytest.approx([1.0, 0.0, 0.5**0.5])
    ]


def test_the_two_texts_differ():
    read = []

    def encode(texts):
        read.extend(texts)
        return torch.zeros(len(texts), 2)

    phrase = replace(PHRASES[1], text="sentence")
    reference.sentence_feature(phrase, encode)
    reference.noun_phrase_feature(phrase, encode)
    assert read == ["sentence", "a mug"]
