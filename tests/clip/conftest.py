"""What tests of towers and models share."""

import socket

import open_clip
import pytest
import torch


@pytest.fixture
def visual():
    """A small ResNet for 96 pixels, all its norms and biases away from their initial values."""
    visual = open_clip.modified_resnet.ModifiedResNet(
        layers=[2, 1, 1, 1], output_dim=24, heads=8, image_size=96, width=16
    )
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in visual.state_dict().items():
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
    return visual.eval().requires_grad_(False)


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
