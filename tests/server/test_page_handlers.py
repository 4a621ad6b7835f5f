"""Errors of the page, and the command that serves it."""

import socket
import sys
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from refmask.cli import main
from refmask.errors import WeightsUnavailable

pytest.importorskip("gradio", reason="the page needs Gradio: the extra app")

import gradio.analytics
from gradio.utils import get_upload_folder

from refmask.server.page.handlers import EventHandlers

#: Gradio leaves sockets and event loops to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("tidied"),
]
KEYS = ("path", "name", "index", "phrase", "text")
PARTS = ("tab", "model", "status", "picker", "stage", "phrase", "caption", "history", "files")


@pytest.fixture
def failed():
    """Handlers of a page whose model could not be loaded; names stand for its parts."""
    store = Future()
    store.set_exception(WeightsUnavailable("expected weights at /models/a.pt, got none"))
    names = (*PARTS, "alpha", "beta")
    return EventHandlers(SimpleNamespace(**{name: name for name in names}), store, [])


def sent(path, name):
    return SimpleNamespace(_data={"path": str(path), "name": name})


def test_a_model_that_fails_to_load_is_told_in_its_own_words(failed, noise):
    update = {"kind": "wrong", "text": "Expected weights at /models/a.pt, got none."}
    assert list(failed.load()) == [{"model": update}]
    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    image = folder / "test-of-the-handlers.png"
    Image.fromarray(noise).save(image)
    first, last = failed.encode_upload(sent(image, "street.png"), None)
    assert "street.png" in first["status"]["text"]
    assert last["status"] == update
    assert last["picker"]["visible"] is True
    assert not image.exists()  # uploads are deleted


def test_a_phrase_without_an_image_need_not_wait_for_the_model():
    names = SimpleNamespace(**{name: name for name in PARTS})
    update = EventHandlers(names, Future(), []).find(None, "a cat", 0.5, 0.5)
    assert update["status"]["text"].startswith("There is no image yet")


def test_only_files_that_were_sent_are_opened(failed, tmp_path, noise):
    secret = tmp_path / "secret.png"
    Image.fromarray(noise).save(secret)
    for path in (secret, Path(get_upload_folder()) / ".." / secret.relative_to("/")):
        (update,) = failed.encode_upload(sent(path, "a.png"), None)
        assert update["status"]["kind"] == "wrong"
        assert "a.png is not an uploaded image" in update["status"]["text"]
        assert str(tmp_path) not in update["status"]["text"]
    assert np.array_equal(np.array(Image.open(secret)), noise)


@pytest.mark.parametrize(
    "data",
    [None, [], "path", {}, *({name: value} for name in KEYS for value in (None, 7, ["a"], {}))],
)
def test_an_event_without_what_it_should_bring_is_told(failed, data):
    event = SimpleNamespace(_data=data)
    for (update,) in (
        list(failed.encode_upload(event, None)),
        list(failed.encode_example(event, None)),
        [failed.find_former(event, None, 0.5, 0.5)],
        [failed.show_error(event)],
    ):
        assert update["status"]["kind"] == "wrong"
        assert "reload the page" in update["status"]["text"]


@pytest.mark.parametrize("index", [-1, 4, 10**309, 1.0, "0"])
def test_an_example_that_is_not_there_is_told(failed, index):
    (update,) = failed.encode_example(SimpleNamespace(_data={"index": index}), None)
    assert "no usable index" in update["status"]["text"]


@pytest.mark.parametrize("path", ["", "\0", "a" * 5_000, "\ud800", "/", "."])
def test_paths_that_cannot_be_are_told(failed, path):
    for sent_path in (path, str(Path(get_upload_folder()) / path)):
        (update,) = failed.encode_upload(sent(sent_path, "\ud800\0.png"), None)
        assert "is not an uploaded image" in update["status"]["text"]
        assert update["status"]["text"].encode()  # it can be sent to the browser


def test_a_taken_port_is_named(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["app", "--port", str(port)]) == 2
    assert f"port {port} of 127.0.0.1 is in use" in capsys.readouterr().err
    assert main(["app", "--port", "70000"]) == 2
    assert "port 70000 does not exist; choose 1 to 65535" in capsys.readouterr().err


def test_what_the_command_says_when_its_model_does_not_exist(monkeypatch, capsys):
    calls = []
    for name in ("version_check", "_do_analytics_request"):
        monkeypatch.setattr(gradio.analytics, name, lambda *_, **__: calls.append(1))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert main(["app", "--port", str(port), "--model", "no-such-model"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""  # told before anything is served
    assert "no-such-model" in printed.err
    assert "Traceback" not in printed.err
    assert calls == []  # no use of the page is reported


def test_without_gradio_the_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert main(["app"]) == 2
    assert 'pip install "refmask[app]"' in capsys.readouterr().err
