"""What a method sees is kept and taken again exactly, and only where it is the same."""

import contextlib
import dataclasses

import numpy as np
import pytest

from refmask.cache.features import FeatureCache
from refmask.compat import Compat, reference
from refmask.errors import ConfigurationError, RefmaskWarning
from refmask.methods import FOR_CLASSIFIERS, METHODS, load_method
from refmask.methods.keeping import Keeping
from refmask.types import MaskProposals

TOWERS = ("tiny_vit32", "tiny_rn")


@pytest.fixture
def features(tmp_path):
    return FeatureCache(tmp_path / "store")


@pytest.fixture(params=list(METHODS))
def method(request, golden_model, classifier):
    """Each method on the first model that it takes."""
    for model in (*map(golden_model, TOWERS), classifier):
        with contextlib.suppress(ConfigurationError):
            return load_method(request.param, model)
    raise AssertionError(f"{request.param} takes no model")


@pytest.fixture(scope="module")
def proposals():
    """Three ellipses: neither boxes nor fills may be the same whatever the settings."""
    y, x = np.mgrid[:60, :80]
    places = ((20, 20, 14, 19), (40, 55, 17, 9), (30, 40, 6, 6))
    return MaskProposals(
        np.stack([((y - cy) / h) ** 2 + ((x - cx) / w) ** 2 < 1 for cy, cx, h, w in places])
    )


@pytest.fixture
def blind(monkeypatch):
    """No model can look at a picture any more."""

    def shut():
        for name in ("encode_image", "encode_masked", "encode_regions", "encode_places"):
            monkeypatch.setattr("refmask.clip.ClipBackbone." + name, None)
        monkeypatch.setattr("refmask.clip.ClipBackbone.feature_map", None)
        monkeypatch.setattr("refmask.classifier.Classifier.encode_places", None)

    return shut


def seen(method, image, proposals, features=None):
    """The parts of an observation by name, and whether each was computed."""
    keeping = Keeping(method.encoder, image, proposals, features)
    method.observe(image, proposals, keeping)
    return keeping.parts


def number(features):
    return features.held()[0]


def test_the_second_look_computes_nothing_and_sees_the_same(
    method, noise, proposals, golden_phrases, features, blind
):
    first = method.observe(noise, proposals, Keeping(method.encoder, noise, proposals))
    kept = method.observe(noise, proposals, Keeping(method.encoder, noise, proposals, features))
    blind()
    again = method.observe(noise, proposals, Keeping(method.encoder, noise, proposals, features))
    scores = [method.score(each, golden_phrases[:3]).tobytes() for each in (first, kept, again)]
    assert scores[0] == scores[1] == scores[2]


def test_another_picture_and_other_masks_are_looked_at(method, noise, proposals, features):
    one = seen(method, noise, proposals, features)
    count = number(features)
    assert count == len(one) > 0
    seen(method, noise, proposals, features)
    assert number(features) == count
    changed = noise.copy()
    changed[30, 40] ^= 255
    seen(method, changed, proposals, features)
    assert number(features) == 2 * count
    seen(method, noise, proposals[[1, 0, 2]], features)
    assert number(features) == 3 * count


def test_a_damaged_entry_is_looked_at_again(method, noise, proposals, features):
    one = seen(method, noise, proposals, features)
    for file in features.folder.rglob("*.features"):
        file.write_bytes(file.read_bytes()[:-1])
    with pytest.warns(RefmaskWarning, match="damaged and left out"):
        again = seen(method, noise, proposals, features)
    assert all(again[name].values.tobytes() == part.values.tobytes() for name, part in one.items())
    seen(method, noise, proposals, features)


def test_methods_share_what_they_see_alike(golden_model, noise, proposals, features, blind):
    clip = golden_model("tiny_vit32")
    load_method("global-local", clip)
    whole = seen(load_method("global-local", clip), noise, proposals, features)
    assert number(features) == 2
    blind()
    for name, part in (("cropping", "local"), ("global", "global")):
        found = seen(load_method(name, clip), noise, proposals, features)
        assert list(found) == [part]
        assert np.array_equal(found[part].values, whole[part].values)
    for settings in ({"alpha": 0.1}, {"beta": 0.0}, {"mask_layers": clip.tower.mask_layers}):
        seen(load_method("global-local", clip, **settings), noise, proposals, features)
    assert number(features) == 2


def test_a_sweep_over_masked_layers_shares_the_local_features(
    golden_model, noise, proposals, features
):
    clip = golden_model("tiny_vit32")
    for k in range(1, 5):
        seen(load_method("global-local", clip, mask_layers=k), noise, proposals, features)
    assert number(features) == 5


def test_models_do_not_share(golden_model, noise, proposals, features):
    clip = golden_model("tiny_vit32")
    others = [
        clip,
        dataclasses.replace(clip, model_cfg={}),
        dataclasses.replace(clip, statistics=dataclasses.replace(clip.statistics, mean=(0, 0, 0))),
        golden_model("tiny_vit16"),
    ]
    for count, each in enumerate(others, start=1):
        seen(load_method("cropping", each), noise, proposals, features)
        assert number(features) == count
    renamed = dataclasses.replace(clip, name="by another name")
    seen(load_method("cropping", renamed), noise, proposals, features)
    assert number(features) == len(others)


def test_a_model_without_a_file_of_weights(golden_model, noise, proposals, features):
    clip = dataclasses.replace(golden_model("tiny_vit32"), weights=None)
    method = load_method("global-local", clip)
    assert set(seen(method, noise, proposals)) == {"global", "local"}
    with pytest.raises(ConfigurationError, match=r"weights are a file.*load_clip"):
        seen(method, noise, proposals, features)


def test_nothing_is_kept_of_no_masks(golden_model, noise, features):
    method = load_method("global-local", golden_model("tiny_vit32"))
    seen(method, noise, MaskProposals.empty(60, 80), features)
    assert number(features) == 0


@pytest.mark.parametrize("tower", TOWERS)
@pytest.mark.parametrize("name", sorted(METHODS.keys() - FOR_CLASSIFIERS))
def test_what_changes_the_features_is_told(name, tower, golden_model, noise, proposals):
    """For each field of ``Compat``: other values only where other settings are told."""
    clip = golden_model(tower)
    try:
        usual = seen(load_method(name, clip), noise, proposals)
    except ConfigurationError:
        pytest.skip("no such tower")
    released, effects = dataclasses.asdict(reference(clip.tower.family)), 0
    for field, value in released.items():
        method = load_method(name, clip, compat=dataclasses.replace(Compat(), **{field: value}))
        for part, found in seen(method, noise, proposals).items():
            same = np.array_equal(found.values, usual[part].values)
            effects += not same
            assert same or found.settings != usual[part].settings, field
    assert effects >= 3
