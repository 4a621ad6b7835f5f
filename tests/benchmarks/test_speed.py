"""The benchmarks' rows, measured on a tiny model: that both sides do their work, not how fast."""

import cases
import numpy as np
import pytest
import refcoco_shaped
import speed_evaluation
import speed_image
import tables
import torch
from rows import Rates, Target, row

from refmask.data import load_dataset

VISION = {"image_size": 224, "layers": 3, "width": 64, "head_width": 32, "patch_size": 32}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
CFG = {"embed_dim": 16, "quick_gelu": True, "vision_cfg": VISION, "text_cfg": TEXT}
RATES = Rates(fp32=1e9, bf16=4e9)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A model on both sides."""
    model = cases.Model("tiny", CFG, mask_layers=2)
    return cases.load(model, tmp_path_factory.mktemp("tiny"))


def test_a_row():
    told = row("some", [2.0, 1.0, 4.0], [9.0, 8.0, 10.0], operations=1000, rate=1000.0)
    assert (told["ratio"], told["limit"], told["share"], told["allowed"]) == (4.5, 1.0, 0.5, 9.0)
    assert told["ours"] == {"median": 2.0, "least": 1.0, "most": 4.0}


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target(ratio=4.5), True),
        (Target(ratio=4.6), False),
        (Target(seconds=2.0), True),
        (Target(seconds=1.9, ratio=4.0), False),
        (Target(share=0.5), True),
        (Target(share=0.6, ratio=4.0), False),
    ],
)
def test_targets(target, met):
    told = row("some", [2.0], [9.0], operations=1000, rate=1000.0, target=target)
    assert told["met"] is met
    assert tables.asked(told).endswith("yes" if met else "no")


def test_masks_spread_over_the_shares_asked_for():
    masks = cases.masks(12, 120, 160)
    shares = masks.mean(axis=(1, 2))
    assert masks.shape == (12, 120, 160)
    assert 0.008 < shares.min() < 0.012
    assert 0.25 < shares.max() < 0.6
    assert np.array_equal(masks, cases.masks(12, 120, 160))


def test_expressions_are_never_the_same(pair):
    phrases = pair.segmenter.parser(cases.expressions(40, start=990))
    assert len({phrase.noun_phrase for phrase in phrases}) == 40
    assert len(set(cases.expressions(6000))) == 6000


def test_both_sides_have_the_same_weights(pair):
    pixels = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        theirs = pair.plain.model.encode_image(pixels)
    ours = pair.segmenter.method.encoder.encode_image(pixels)
    assert torch.cosine_similarity(ours, theirs).min() > 0.99


def test_one_image(pair):
    rows = speed_image.rows(pair, runs=1, rates=RATES, count=3)
    first, crops, masked, following, texts = rows
    assert first["ratio"] == first["plain"]["median"] / first["ours"]["median"]
    assert first["operations"] > crops["operations"] + masked["operations"]
    assert crops["target"] == {"share": 0.55}
    assert following["plain"] == first["plain"] != texts["plain"]
    assert "one image, 3 masks" in tables.speed({"rows": rows})


def test_evaluation(pair, tmp_path, monkeypatch):
    monkeypatch.setattr(speed_evaluation, "IMAGES", 3)
    told = speed_evaluation.given(pair, 1, RATES, tmp_path)
    assert told["masks"] == 50
    assert told["target"] == {"ratio": 14.0}
    for run, expressions in (("run0", 8), ("run1", 22)):
        assert len((tmp_path / run / "samples.jsonl").read_text().splitlines()) == expressions


def test_the_plain_evaluation_begins_anew_for_every_object(pair, tmp_path):
    drawn = refcoco_shaped.make(tmp_path, 2)
    dataset = load_dataset(str(drawn.dataset), "val")
    asked, made = [], []

    class Watched:
        def scores(self, _image, masks, phrases):
            asked.append([phrase.expression for phrase in phrases])
            return np.eye(len(phrases), len(masks))

    def masks(sample):
        made.append(sample.id)
        return np.stack([query.target for query in sample.queries])

    case = speed_evaluation.Case(dataset, None, masks)
    overall, mean = speed_evaluation.evaluate_plainly(pair._replace(plain=Watched()), case)
    assert made == ["1", "1", "1", "2", "2"]
    assert [len(expressions) for expressions in asked] == [3, 3, 2, 3, 3]
    # The masks of an image begin with the first object's targets, which it so finds.
    assert 0 < overall < 1
    assert 2 / 5 <= mean < 1
