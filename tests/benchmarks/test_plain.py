"""The yardstick of the benchmarks against the arrays the released code gave."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import open_clip
import pytest
from plain import load_plain

ALPHAS = (0.85, 0.95, 0.0, 1.0)  # of the golden scores


def error(ours, theirs):
    return np.abs(np.asarray(ours) - theirs).max() / np.abs(theirs).max()


@pytest.mark.parametrize("name", ["tiny_vit32", "tiny_vit16", "tiny_rn", "vit_b32", "rn50"])
def test_golden(name, golden, golden_images, golden_phrases, model_files):
    model, weights = model_files(name)
    path, expected = Path(model), golden(name)
    cfg = json.loads(path.read_text()) if path.exists() else open_clip.get_model_config(model)
    plain = load_plain(cfg, weights)
    read = [plain.read(phrase) for phrase in golden_phrases]
    for number, key in enumerate(("text_mix.beta1", "text_mix.beta0")):
        assert error(np.concatenate([pair[number] for pair in read]), expected[key]) < 5e-4
    for k, (image, proposals) in enumerate(golden_images):
        seen = plain.look(image, proposals.masks)
        for features, key in zip(seen, ("global", "local"), strict=True):
            assert error(features, expected[f"im{k}.{key}"]) < 5e-4
        for index, alpha in enumerate(ALPHAS):
            blended = replace(plain, alpha=alpha)
            scores = np.concatenate([blended.compare(*seen, *texts) for texts in read])
            assert error(scores, expected[f"im{k}.score"][index]) < 5e-4
            assert np.array_equal(scores.argmax(1), expected[f"im{k}.argmax"][index])
        assert np.array_equal(
            plain.scores(image, proposals.masks, golden_phrases[:2]),
            np.concatenate([plain.compare(*seen, *texts) for texts in read[:2]]),
        )
