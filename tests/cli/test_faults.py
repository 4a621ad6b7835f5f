"""Unexpected errors are one line; what a terminal cannot print is escaped."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from refmask import segmenter
from refmask.cli import faults, main
from refmask.errors import ConfigurationError, ImageError
from refmask.search.folder import translate_errors


@pytest.fixture
def enabled(monkeypatch):
    """Translation of unexpected errors, as users have it."""
    monkeypatch.delenv(faults.VARIABLE)


class PanicException(BaseException):  # as libraries written in Rust raise it
    __module__ = "pyo3_runtime"


@pytest.mark.usefixtures("enabled")
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyError("x"), "cat.png: unexpected KeyError: 'x'; please report it"),
        (AssertionError(), "cat.png: unexpected AssertionError; please report it"),
        (PermissionError(13, "Permission denied", "a.png"), "cannot use a.png (Permission denied)"),
        (MemoryError(), "cat.png: not enough memory; use smaller input"),
        (PanicException("boom"), "cat.png: unexpected PanicException: boom; please report it"),
    ],
)
def test_the_message_names_its_subject(error, message):
    with pytest.raises(faults.UnexpectedError, match="cat") as caught, faults.one_line("cat.png"):
        raise error
    assert message in str(caught.value)
    assert caught.value.__cause__ is error


@pytest.mark.usefixtures("enabled")
def test_our_own_errors_and_interrupts_go_through():
    for error in (ImageError("one line"), KeyboardInterrupt(), BrokenPipeError()):
        with pytest.raises(type(error)) as caught, faults.one_line("cat.png"):
            raise error
        assert caught.value is error


def test_in_tests_unexpected_errors_show():
    with pytest.raises(ZeroDivisionError), faults.one_line("cat.png"):
        print(1 / 0)


def command(*words, **variables):
    environment = {**os.environ, faults.VARIABLE: "", **variables}
    return subprocess.run(
        [sys.executable, "-m", "refmask", *words], capture_output=True, env=environment
    )


def test_unexpected_errors_of_a_command_are_one_line_with_a_traceback_for_debug():
    broken = "import refmask.cli.phrases as p, sys; p.run = lambda _: {}['x']\n"
    broken += "from refmask.cli import main; sys.exit(main(sys.argv[1:]))"
    printed = []
    for words in (["phrases", "a dog"], ["phrases", "--debug", "a dog"]):
        done = subprocess.run(
            [sys.executable, "-c", broken, *words],
            capture_output=True,
            text=True,
            env={**os.environ, faults.VARIABLE: ""},
        )
        assert done.returncode == 2
        printed.append(done.stderr)
    assert printed[0] == (
        "refmask: error: refmask phrases: unexpected KeyError: 'x'; please report it with the "
        "output of --debug\n"
    )
    assert "Traceback" in printed[1]
    assert printed[1].endswith(printed[0])


@pytest.mark.parametrize("encoding", ["cp1252", "ascii:strict", "utf-8:strict"])
def test_what_a_terminal_cannot_print_is_escaped(encoding):
    phrase = "the 猫 \U0001f408 dog"
    done = command("phrases", phrase, "--json", PYTHONIOENCODING=encoding, PYTHONUTF8="1")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["expression"] == phrase
    done = command("segment", "a\udcff猫.png", "the dog", PYTHONIOENCODING=encoding)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert rb"\udcff" in done.stderr


@pytest.mark.usefixtures("enabled")
def test_an_unexpected_error_about_one_image_does_not_stop_the_rest(tmp_path, monkeypatch, capsys):
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    for name in ("a.png", "b.png", "c\udcff.png"):
        with (tmp_path / name).open("wb") as file:
            Image.fromarray(noise).save(file, "PNG")
    read = segmenter.read_image

    def failing(image):
        if str(image).endswith("a.png"):
            raise LookupError("surprise")
        return read(image)

    monkeypatch.setattr(segmenter, "read_image", failing)
    out = tmp_path / "out"
    words = ["segment", str(tmp_path), "the dog", "--model", "embedded", "--out", str(out)]
    assert main([*words, "--proposals", "grouping"]) == 1
    printed = capsys.readouterr()
    assert "a.png: unexpected LookupError: surprise" in printed.err
    assert "b.png: 'the dog'" in printed.out
    assert "c\\udcff.png: 'the dog'" in printed.out
    assert len(list(out.rglob("*.json"))) == 2


def test_a_panic_of_a_library_is_a_damaged_index(tmp_path):
    with (
        pytest.raises(ConfigurationError, match="cannot be used: boom"),
        translate_errors(tmp_path),
    ):
        raise PanicException("boom")
    with pytest.raises(KeyboardInterrupt), translate_errors(tmp_path):
        raise KeyboardInterrupt


def test_an_impossible_path_is_one_line(capsys):
    long = "a" * 300
    for words in (["segment", long, "x"], ["evaluate", long, "--split", "val"]):
        assert main(words) == 2
        assert capsys.readouterr().err.splitlines()[-1].startswith("refmask: error: ")
