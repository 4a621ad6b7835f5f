"""What a method sees is kept and taken again exactly, and only where it is the same."""

import contextlib
import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from refmask.cache.features import FeatureCache
from refmask.cache.method import CachedMethod, TextCache
from refmask.compat import Compat, reference
from refmask.errors import ConfigurationError, FeatureError, RefmaskWarning
from refmask.methods import FOR_CLASSIFIERS, METHODS, load_method
from refmask.types import MaskProposals

TOWERS = ("tiny_vit32", "tiny_rn")
#: The only tower of methods that need one.
ONE_TOWER = {"region-token": "tiny_vit32", "score-map": "tiny_rn", "grad-cam": "tiny_rn"}


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


def seen(method, image, proposals, features=None):
    """What is worth keeping of image features, by name."""
    found = CachedMethod(method, features).encode_image(image, proposals).arrays
    return {name: found[name] for name in method.image_settings()}


def number(features):
    return features.held()[0]


def test_the_second_look_computes_nothing_and_sees_the_same(
    method, noise, proposals, golden_phrases, features, blind
):
    text, cached = method.encode_text(golden_phrases[:3]), CachedMethod(method, features)
    first = method.encode_image(noise, proposals)
    kept = cached.encode_image(noise, proposals)
    blind()
    again = cached.encode_image(noise, proposals)
    if method.image_settings().keys() == {"places"}:  # crops wait for phrases
        first, kept, again = (
            each if not hasattr(each, "known") else dataclasses.replace(each, known=~each.known)
            for each in (first, kept, again)
        )
    scores = [cached.score(each, text).tobytes() for each in (first, kept, again)]
    assert scores[0] == scores[1] == scores[2]


def test_another_image_and_other_masks_are_looked_at(method, noise, proposals, features):
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
    assert all(again[name].tobytes() == values.tobytes() for name, values in one.items())
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
        assert np.array_equal(found[part], whole[part])
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
    with pytest.raises(ConfigurationError, match=r"not read from a file.*load_clip"):
        seen(method, noise, proposals, features)


def test_nothing_is_kept_of_no_masks(golden_model, noise, features):
    method = load_method("global-local", golden_model("tiny_vit32"))
    seen(method, noise, MaskProposals.empty(60, 80), features)
    assert number(features) == 0


@pytest.mark.parametrize(
    ("name", "tower"),
    [
        (name, tower)
        for name in sorted(METHODS.keys() - FOR_CLASSIFIERS)
        for tower in TOWERS
        if ONE_TOWER.get(name, tower) == tower
    ],
)
def test_what_changes_the_features_is_told(name, tower, golden_model, noise, proposals):
    """For each field of ``Compat``: other values only where other settings are told."""
    clip = golden_model(tower)
    plain = load_method(name, clip)
    usual = seen(plain, noise, proposals)
    released, effects = dataclasses.asdict(reference(clip.tower.family)), 0
    for field, value in released.items():
        method = load_method(name, clip, compat=dataclasses.replace(Compat(), **{field: value}))
        for part, found in seen(method, noise, proposals).items():
            same = np.array_equal(found, usual[part])
            effects += not same
            assert same or method.image_settings()[part] != plain.image_settings()[part], field
    assert effects >= 3


def test_a_forged_entry_is_computed_again(golden_model, noise, proposals, features):
    method = load_method("global", golden_model("tiny_vit32"))
    one = seen(method, noise, proposals, features)
    forged = np.zeros((1, 2), np.float32)
    get = features.get
    features.get = lambda owner: forged if get(owner) is not None else None
    with pytest.warns(RefmaskWarning, match=r"left out: its global features are float32 \(1, 2\)"):
        again = seen(method, noise, proposals, features)
    assert np.array_equal(again["global"], one["global"])


@pytest.mark.parametrize(
    "values", [np.zeros((2, 8), np.float32), np.zeros((3, 9), np.float32), np.zeros((3, 8))]
)
def test_known_features_of_another_shape_or_type_are_refused(method, noise, proposals, values):
    (name, *_) = method.image_settings()
    with pytest.raises(FeatureError, match=f"its {name} features are"):
        method.encode_image(noise, proposals, {name: values})


class Counting:
    """Encodes texts as a method does, and counts them."""

    def __init__(self, method):
        self.method, self.calls = method, []

    def encode_text(self, phrases):
        self.calls.append(list(phrases))
        return self.method.encode_text(phrases)


def test_each_phrase_is_encoded_once(method, golden_phrases):
    counting, cache = Counting(method), TextCache()
    a, b, c = golden_phrases[:3]
    first = cache.encode(counting, [a, b, a])
    assert counting.calls == [[a, b]]
    again = cache.encode(counting, [c, b, a])
    assert counting.calls == [[a, b], [c]]
    for name, values in again.arrays.items():
        assert np.array_equal(values[1:], first.arrays[name][[1, 0]])
        assert np.allclose(values, method.encode_text([c, b, a]).arrays[name], atol=1e-4)
    assert cache.encode(counting, []).global_context.shape == (0, method.encoder.dim)


def test_phrases_not_used_for_longest_leave_first(golden_model, golden_phrases):
    method = load_method("global-local", golden_model("tiny_vit32"))
    row = 2 * 4 * method.encoder.dim
    counting, cache = Counting(method), TextCache(limit=2 * row)
    a, b, c = golden_phrases[:3]
    cache.encode(counting, [a, b])
    cache.encode(counting, [a])
    cache.encode(counting, [c])
    cache.encode(counting, [a, c])
    assert counting.calls == [[a, b], [c]]
    cache.encode(counting, [b])
    assert counting.calls[-1] == [b]


def test_threads_encode_a_phrase_once(golden_model, golden_phrases):
    counting = Counting(load_method("global-local", golden_model("tiny_vit32")))
    cache = TextCache()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: cache.encode(counting, golden_phrases[:4]), range(8)))
    assert len(counting.calls) == 1
    assert all(np.array_equal(one.global_context, found[0].global_context) for one in found)


def test_everything_of_a_method_is_there_in_its_cache(method, golden_phrases):
    cached = CachedMethod(method)
    assert (cached.encoder, cached.compat) == (method.encoder, method.compat)
    assert cached.unknown(golden_phrases) == method.unknown(golden_phrases)
    if hasattr(method, "alpha"):
        assert type(cached.for_search()) is type(method)
    else:
        with pytest.raises(ConfigurationError, match=type(method).__name__):
            cached.for_search()
