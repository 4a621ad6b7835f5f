"""What ``import refmask`` offers, and what it costs."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

import refmask
from refmask.cli import COMMANDS, SPINS, main
from refmask.errors import RefmaskError

SOURCE = Path(refmask.__file__).parent


def test_every_public_name_is_there_and_typed():
    tree = ast.parse((SOURCE / "__init__.py").read_text())
    typed = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("refmask")
        for alias in node.names
    }
    assert typed == set(refmask.__all__) == set(dir(refmask))
    for name in refmask.__all__:
        assert getattr(refmask, name).__name__ == name
    with pytest.raises(AttributeError, match="no_such"):
        _ = refmask.no_such


def test_the_error_tree_is_drawn_whole():
    from refmask import errors

    drawn = errors.__doc__
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, RefmaskError):
            assert name in drawn
            assert value.__doc__


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from refmask.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'numpy', 'spacy', 'open_clip', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    for command, purpose in COMMANDS.items():
        assert command in done.stdout
        assert purpose in done.stdout


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert COMMANDS[command] in " ".join(capsys.readouterr().out.split())


def test_the_command_itself(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("refmask 0.")
    assert main([]) == 2
    with pytest.raises(SystemExit, match="2"):
        main(["no-such-command"])
    assert "invalid choice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("told", "spins"),
    [({}, SPINS), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)],
    ids=str,
)
def test_threads_wait_briefly_unless_told_otherwise(told, spins):
    with patch.dict(os.environ, told):
        for name in {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} - set(told):
            os.environ.pop(name, None)
        main(["--version"])
        assert os.environ.get("GOMP_SPINCOUNT") == spins


def test_python_dash_m():
    done = subprocess.run(
        [sys.executable, "-m", "refmask", "segment", "absent.png", "a cat", "--proposals", "magic"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("refmask: error: ")
    assert done.stderr.count("\n") == 1


def test_a_reader_that_stops_early():
    code = "from refmask.cli import main; import sys; sys.exit(main())"
    phrases = [f"cat {number}" for number in range(5000)]
    with subprocess.Popen(
        [sys.executable, "-c", code, "phrases", *phrases],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout.readline().startswith("cat 0")
        running.stdout.close()
        assert running.wait() == 1
        assert running.stderr.read() == ""
