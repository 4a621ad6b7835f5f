"""What tests of towers and models share."""

import copy
import socket

import huggingface_hub
import open_clip
import pytest
import torch

from refmask.clip.checkpoints import as_ours
from refmask.clip.model import Clip, image_tower, text_tower
from refmask.weights.reading import fill

TEXT = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
RESNET = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 96, "layers": [2, 1, 1, 1], "width": 16, "head_width": 64},
    "text_cfg": TEXT,
}


@pytest.fixture(scope="session")
def ours():
    """Gives our model of a configuration with the weights of open_clip's own."""

    def make(cfg, theirs):
        with torch.device("meta"):
            made = Clip(image_tower(cfg, "a test's"), text_tower(cfg))
        state = as_ours(theirs.state_dict(), made.state_dict().keys())
        fill(made, state, "of a test", assign=True)
        return made.eval().requires_grad_(False)

    return make


@pytest.fixture(scope="session")
def resnets(ours):
    """A small ResNet for 96 pixels, ours and open_clip's, no norm and no bias as it starts out."""
    model = open_clip.CLIP(**copy.deepcopy(RESNET)).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in model.visual.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 2, generator=generator)
            elif name.endswith(("bias", "running_mean")):
                value.uniform_(-0.3, 0.3, generator=generator)
            elif ".bn" in f".{name}" and name.endswith("weight"):
                value.uniform_(0.5, 1.5, generator=generator)
            elif value.ndim == 4:
                value.normal_(0, (2 / value[0].numel()) ** 0.5, generator=generator)
            elif value.ndim == 2:
                value.normal_(0, value.shape[1] ** -0.5, generator=generator)
    return ours(RESNET, model).visual, model.visual


@pytest.fixture
def no_network(monkeypatch):
    """Whoever asks another machine, or even for its address, fails the test."""
    asked = []

    def refuse(*told, **_):
        asked.append(told)
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield
    assert asked == []


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """An empty cache of the hub; gives the folder of a repository that is whole in it."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    def folder(repository):
        place = tmp_path / "hub" / f"models--{repository.replace('/', '--')}"
        (place / "refs").mkdir(parents=True)
        (place / "refs" / "main").write_text("0123")
        (place / "snapshots" / "0123").mkdir(parents=True)
        return place / "snapshots" / "0123"

    return folder
