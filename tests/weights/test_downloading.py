"""Downloads from a hub on this machine: whole, broken off, damaged, and onto a full disk."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import try_to_load_from_cache

from refmask import WeightsError, WeightsUnavailable
from refmask.weights.catalogue import PUBLISHED
from refmask.weights.downloading import download
from refmask.weights.hub import fetch, ready

CONTENT = np.random.default_rng(0).bytes(100_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
NAME = "org/repo/weights.bin"


@pytest.fixture
def hub(hub):
    hub.files[NAME] = CONTENT
    return hub


def test_a_file_comes_into_the_cache_once(hub, cache):
    path = download("org/repo", "weights.bin")
    assert path.read_bytes() == CONTENT
    assert str(path) == try_to_load_from_cache("org/repo", "weights.bin")
    assert (cache / "models--org--repo" / "blobs" / DIGEST).exists()
    assert download("org/repo", "weights.bin") == path
    assert hub.fetched() == [("weights.bin", None)]


def test_a_broken_download_goes_on_where_it_was(hub):
    hub.breaks = 50_000
    with pytest.raises(OSError, match="500"):
        download("org/repo", "weights.bin")
    assert try_to_load_from_cache("org/repo", "weights.bin") is None
    hub.breaks, hub.broken = None, False
    hub.asked.clear()
    assert download("org/repo", "weights.bin").read_bytes() == CONTENT
    ((_, begins),) = hub.fetched()
    assert 10_000 < int(begins.removeprefix("bytes=").rstrip("-")) <= 50_000


def test_more_than_the_file_is_begun_anew(hub, cache):
    blobs = cache / "models--org--repo" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{DIGEST}.part").write_bytes(CONTENT + b"more")
    assert download("org/repo", "weights.bin").read_bytes() == CONTENT
    assert hub.fetched() == [("weights.bin", None)]


def test_what_comes_damaged_is_not_kept(hub):
    hub.stated[NAME] = "0" * 64
    for _ in range(2):
        with pytest.raises(WeightsError, match=f"weights.bin came damaged.*{DIGEST}.*{'0' * 64}"):
            download("org/repo", "weights.bin")
    assert try_to_load_from_cache("org/repo", "weights.bin") is None
    assert [begin for _, begin in hub.fetched()] == [None, None]
    del hub.stated[NAME]
    with pytest.raises(WeightsError, match="came damaged"):
        download("org/repo", "weights.bin", "1" * 64)


def test_a_page_to_sign_in_is_no_hub(hub, cache):
    hub.portal = True
    with pytest.raises(OSError, match="is no hub, but perhaps a page to sign in"):
        download("org/repo", "weights.bin")
    assert list(cache.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.usefixtures("hub")
def test_a_full_disk(cache):
    blobs = cache / "models--org--repo" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{DIGEST}.part").symlink_to("/dev/full")
    with pytest.raises(WeightsUnavailable, match=r"no room for weights.bin .*HF_HOME"):
        download("org/repo", "weights.bin")


@pytest.mark.usefixtures("hub")
def test_a_cache_that_cannot_be_written(cache):
    (cache / "models--org--repo").write_text("a file where a folder should be")
    with pytest.raises(WeightsUnavailable, match=r"cannot write .*models--org--repo.*HF_HOME"):
        download("org/repo", "weights.bin")


@pytest.mark.usefixtures("kit")
def test_a_model_is_ready_with_all_it_needs(full_hub):
    assert ready("small-sam") is None
    weights = fetch("small-sam")
    assert ready("small-sam") == weights
    assert fetch("small-sam") == weights
    assert [name for name, _ in full_hub.fetched()] == ["model.safetensors", "config.json"]
    (weights.parent / "config.json").unlink()
    assert ready("small-sam") is None
    assert fetch("small-sam") == weights
    assert ready("small-sam") == weights


@pytest.mark.usefixtures("full_hub", "kit")
def test_half_a_file_of_weights_is_not_ready():
    weights = fetch("small-clip")
    blob = weights.resolve()
    os.truncate(blob, blob.stat().st_size // 2)
    assert ready("small-clip") is None


@pytest.mark.usefixtures("kit")
def test_a_file_that_must_be_there(hub):
    hub.files["org/sam/model.safetensors"] = b"weights"
    told = "the weights of small-sam are not in the local cache and could not be fetched"
    with pytest.raises(WeightsUnavailable, match=told):
        fetch("small-sam")


def test_of_the_catalogue_only_the_preprocessing_may_be_absent():
    assert PUBLISHED["sam-vit-base"].needed == ("model.safetensors", "config.json")
    assert PUBLISHED["freesolo"].needed == PUBLISHED["freesolo"].files
