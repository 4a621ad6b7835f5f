"""Settings in the library's messages are options on the command line."""

import argparse
import ast
import importlib
from pathlib import Path

import pytest

import refmask
from refmask.cli import COMMANDS
from refmask.cli.hints import RENAMED, SETTINGS, as_options

#: Options of other programs that messages quote, such as 'python training/... --out DIR'.
WHOLE_COMMANDS = {"out"}
SOURCES = Path(refmask.__file__).parent


@pytest.mark.parametrize(
    ("message", "translated"),
    [
        ("expected `first` of at least 1", "expected --first of at least 1"),
        ("go on by `missing=skip`", "go on by --missing skip"),
        ("add `copy_images`; not `this`", "add --copy-images; not `this`"),
        ("`proposals=sam:model=FOLDER`", "--proposals sam:model=FOLDER"),
        ("give it as `source`", "give it as --from"),
    ],
)
def test_translation(message, translated):
    assert as_options(message) == translated


def options(parser):
    """All options of a command and of its actions, without dashes before."""
    for action in parser._actions:
        yield from (name.removeprefix("--") for name in action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from options(inner)


def test_every_setting_is_an_option():
    known = set()
    for command in COMMANDS:
        parser = argparse.ArgumentParser()
        importlib.import_module(f"refmask.cli.{command}").configure(parser)
        known.update(options(parser))
    assert {RENAMED.get(name, name).replace("_", "-") for name in SETTINGS} <= known


def test_every_setting_is_named_and_no_option_is():
    """Checks all strings but docstrings, in all modules but the commands'."""
    strings = []
    for path in SOURCES.rglob("*.py"):
        if "cli" in path.relative_to(SOURCES).parts:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        docs = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        strings += [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docs
        ]
    text = "\n".join(strings)
    assert {name for name in SETTINGS if f"`{name}" not in text} == set()
    flags = {f"--{name.replace('_', '-')} " for name in SETTINGS - WHOLE_COMMANDS}
    assert {flag for flag in flags if flag in text} == set()
