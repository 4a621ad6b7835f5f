"""``refmask segment`` asks once whether to fetch what is recommended, and only on a terminal."""

import io
import os
import pty
import sys
from contextlib import contextmanager, suppress
from threading import Thread

import numpy as np
import pytest
from PIL import Image

from refmask.cli import main
from refmask.settings import choose, file

pytestmark = pytest.mark.usefixtures("settings", "kit")
QUESTION = "Fetch now? [y/N]"
STREAMS = ("stdin", "stdout", "stderr")


@pytest.fixture
def words(tmp_path, noise, fixed_proposer):
    """A command that answers at once."""
    Image.fromarray(noise).save(tmp_path / "street.png")
    np.savez(tmp_path / "masks.npz", masks=fixed_proposer.propose(noise).masks)
    given = ["--proposals", f"masks:{tmp_path}/masks.npz", "--precision", "fp32", "--json"]
    return ["segment", str(tmp_path / "street.png"), "the red car", *given]


@contextmanager
def terminal(typed, piped=None):
    """Standard streams on a terminal, one of them in a pipe; yields what is on the screen."""
    ours, theirs = pty.openpty()
    os.write(ours, typed.encode())
    screen = []
    reader = Thread(target=read_all, args=(ours, screen))
    reader.start()
    with pytest.MonkeyPatch.context() as patch:
        for name in STREAMS:
            mode = "r" if name == "stdin" else "w"
            stream = io.StringIO() if name == piped else os.fdopen(os.dup(theirs), mode)
            patch.setattr(sys, name, stream)
        yield screen
        for name in STREAMS:
            getattr(sys, name).close()
    os.close(theirs)
    reader.join()
    os.close(ours)


def read_all(terminal, screen):
    """Read until nobody has the other side open any more."""
    with suppress(OSError):
        while chunk := os.read(terminal, 1 << 16):
            screen.append(chunk.decode(errors="replace"))


def on_screen(words, typed="", piped=None):
    with terminal(typed, piped) as screen:
        status = main(words)
    return status, "".join(screen)


def test_yes_fetches_and_answers_with_it(full_hub, words):
    status, shown = on_screen(words, "y\n")
    assert status == 0
    assert "Small CLIP (5 MB, MIT) and Small SAM (1 MB, Apache-2.0)" in shown
    assert shown.index(QUESTION) < shown.index("refmask: model: Small CLIP with Small SAM")
    assert shown.index("refmask: model: ") < shown.index('"expression": "the red car"')
    assert file.read().remembered is not None
    asked = len(full_hub.asked)
    assert QUESTION not in on_screen(words)[1]
    assert len(full_hub.asked) == asked


@pytest.mark.parametrize("typed", ["n\n", "\n", "\x04"])
def test_no_is_remembered_and_the_preview_is_told(full_hub, words, typed):
    shown = on_screen(words, typed)[1]
    assert shown.count(QUESTION) == 1
    assert "refmask: model: offline (offline preview" in shown.partition(QUESTION)[2]
    assert file.read() == file.Configuration(asked=True)
    assert full_hub.fetched() == []
    assert QUESTION not in on_screen(words)[1]


def test_a_fetch_that_fails_is_one_line(full_hub, words):
    full_hub.files.pop("org/clip/open_clip_model.safetensors")
    shown = on_screen(words, "yes\n")[1]
    assert "refmask: error: the weights of small-clip" in shown
    assert "refmask: model: offline" in shown.partition("refmask: error: ")[2]
    assert "Traceback" not in shown


@pytest.mark.parametrize("piped", STREAMS)
def test_never_in_a_pipe(full_hub, words, piped):
    assert QUESTION not in on_screen(words, "y\n", piped)[1]
    assert full_hub.asked == []
    assert not file.read().asked


@pytest.mark.usefixtures("no_hub")
def test_never_without_a_network(words):
    assert QUESTION not in on_screen(words, "y\n")[1]
    assert choose().fallback
    assert not file.read().asked  # but once there is one


def test_never_when_the_user_named_a_model(full_hub, words, monkeypatch):
    assert QUESTION not in on_screen([*words, "--model", "embedded"], "y\n")[1]
    monkeypatch.setenv("REFMASK_MODEL", "embedded")
    status, shown = on_screen(words, "y\n")
    assert status == 0
    assert QUESTION not in shown
    assert "refmask: model: embedded (named by REFMASK_MODEL; emoji model" in shown
    assert full_hub.asked == []


def test_never_when_it_could_not_be_remembered(full_hub, words, monkeypatch):
    monkeypatch.setenv("REFMASK_CONFIG", "/proc/refmask/config.toml")
    assert QUESTION not in on_screen(words, "y\n")[1]
    assert full_hub.fetched() == []


def test_each_slow_step_is_shown_and_goes_again(words):
    shown = on_screen([*words, "--model", "embedded"])[1]
    for step in ("loading the model", "reading the image", "looking at them"):
        assert f"\x1b[Krefmask: {step} ..." in shown
    assert shown.rindex("\x1b[K") > shown.rindex(" ...")


def test_no_step_is_shown_in_a_pipe(words, capsys):
    assert main([*words, "--model", "embedded"]) == 0
    assert "..." not in capsys.readouterr().err
