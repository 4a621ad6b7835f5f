"""The ``refmask`` command: finds the subcommand, runs it, and turns our errors into one line.

To add a command: one file beside this one with ``configure(parser)`` and ``run(args) -> int``,
and one line in ``COMMANDS``. A command's module is imported only when it is called, so that
``refmask --help`` stays quick.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from typing import TextIO

from refmask.cli.choosing import complete
from refmask.cli.faults import DEBUG, VARIABLE, net, print_anything
from refmask.cli.hints import as_options
from refmask.errors import RefmaskError, RefmaskWarning

COMMANDS = {
    "segment": "the mask of each expression in each image",
    "setup": "which model answers, and fetching the one that is recommended for photographs",
    "export": "answers of segment --json in the forms that other programs read",
    "batch": "many images, on this machine or on many, into Parquet",
    "propose": "mask proposals of images: kept, drawn, or compared with ground truth",
    "evaluate": "figures of a system on a data set, with a record of every answer",
    "score": "figures of masks that another system made",
    "compare": "what one run gains over another, and on which expressions",
    "phrases": "the target noun phrase and head word of each expression",
    "features": "the unblended features and the scores of given masks and expressions",
    "demo": "segment shipped photographs and emoji scenes",
    "reproduce": "the paper's tables and figures, on its data or on the shipped scenes",
    "app": "a page in the browser: drop an image, type a phrase, see the mask",
    "serve": "the same over HTTP, for other programs and for Label Studio",
    "index": "regions of many images, kept to be searched by phrase",
    "search": "the images of an index that hold what a phrase refers to",
    "models": "what can be loaded, what is here; fetch and verify it",
    "data": "what of a data set is here, a look at it, and few-shot subsets of it",
}


#: Objects that are made before Python looks for rubbish among the newest, instead of 700: imports
#: make hundreds of thousands, which it would go through again and again.
MANY = 100_000
#: How often a thread looks whether the others have finished before it sleeps. libgomp's 300,000
#: last milliseconds, taken from the very thread that is waited for when another program runs too.
SPINS = "3000"


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``refmask``; returns the exit status (0 done, 1 in part, 2 not at all)."""
    words = sys.argv[1:] if argv is None else list(argv)
    if "--debug" in words[: words.index("--") if "--" in words else None]:
        words.remove("--debug")
        os.environ[VARIABLE] = DEBUG
    print_anything()
    wait_briefly()
    gc.set_threshold(MANY, *gc.get_threshold()[1:])
    outer = argparse.ArgumentParser(
        prog="refmask",
        description="An image and a phrase in, the mask of that one thing out.",
        epilog="commands:\n"
        + "\n".join(f"  {name:10} {purpose}" for name, purpose in COMMANDS.items())
        + "\n\n'refmask COMMAND --help' shows a command's options.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    outer.add_argument("--version", action="store_true", help="print the version and exit")
    outer.add_argument(
        "--debug", action="store_true", help="with any command: print the traceback of a fault"
    )
    outer.add_argument("command", nargs="?", choices=COMMANDS, metavar="COMMAND")
    chosen = outer.parse_args(words[:1])
    if chosen.version:
        from importlib.metadata import version

        print(f"refmask {version('refmask')}")
        return 0
    if chosen.command is None:
        outer.print_help()
        return 2
    command = importlib.import_module(f"refmask.cli.{chosen.command}")
    parser = argparse.ArgumentParser(
        prog=f"refmask {chosen.command}", description=COMMANDS[chosen.command]
    )
    command.configure(parser)
    arguments = parser.parse_args(words[1:])
    from refmask.cli.places import check_places  # imports numpy, which help does without

    try:
        with warnings.catch_warnings(), net(parser.prog):
            warnings.showwarning = _tell
            complete(arguments)
            check_places(arguments)
            return int(command.run(arguments))
    except RefmaskError as error:
        print(f"refmask: error: {as_options(error)}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever reads our output has had enough; Python would complain when it flushes the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("refmask: interrupted", file=sys.stderr)
        return 130


def wait_briefly() -> None:
    """Have threads wait for each other briefly, unless the environment says how to wait.

    It is read when torch is imported: on two cores of which another program took one, an image
    took 16 s instead of 1.5 before, and 3 s after.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


def _tell(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show our own warnings as one line, and others' as Python does."""
    if issubclass(category, RefmaskWarning):
        print(f"refmask: warning: {as_options(message)}", file=sys.stderr)
    else:
        text = warnings.formatwarning(message, category, filename, lineno, line)
        print(text, end="", file=file or sys.stderr)
