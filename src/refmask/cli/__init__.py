"""The ``refmask`` command: run a subcommand, and print refmask's errors as one line.

To add a command: one file in this folder with ``configure(parser)`` and ``run(args) -> int``, and
one line in ``COMMANDS``. Only the called command's module is imported, so ``refmask --help`` stays
fast.
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

from refmask.cli.faults import DEBUG, VARIABLE, escape_unprintable, one_line
from refmask.cli.hints import as_options
from refmask.cli.options import complete
from refmask.errors import RefmaskError, RefmaskWarning

COMMANDS = {
    "segment": "the mask of each expression in each image",
    "setup": "show the default model, or fetch the one recommended for photographs",
    "export": "convert answers of segment --json for other programs",
    "batch": "segment many images, on this machine or a cluster, into Parquet",
    "propose": "make mask proposals: write, draw, or compare them with ground truth",
    "evaluate": "evaluate a system on a data set, with a record of every answer",
    "score": "evaluate masks that another system made",
    "calibrate": "fit confidences to how often a run's answers are right",
    "compare": "compare two runs: gains, and the expressions that changed most",
    "phrases": "the target noun phrase and head word of each expression",
    "features": "write unblended features and scores of given masks and expressions",
    "demo": "segment shipped photographs and emoji scenes",
    "reproduce": "the paper's tables and figures, on its data or on the shipped scenes",
    "app": "a page in the browser: drop an image, type a phrase, see the mask",
    "serve": "segment over HTTP, for other programs and for Label Studio",
    "index": "index regions of many images, to be searched by phrase",
    "search": "find the images of an index that a phrase refers to",
    "models": "list, fetch and verify models",
    "data": "check, preview and subsample data sets",
}


#: Allocations per garbage collection, instead of 700: imports make hundreds of thousands.
GC_THRESHOLD = 100_000
#: Spins of a waiting thread before it sleeps. libgomp's 300,000 take milliseconds, at the expense
#: of the awaited thread when another program uses the cores, too.
SPINS = "3000"


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``refmask``; returns the exit status (0 done, 1 partly done, 2 failed)."""
    words = sys.argv[1:] if argv is None else list(argv)
    if "--debug" in words[: words.index("--") if "--" in words else None]:
        words.remove("--debug")
        os.environ[VARIABLE] = DEBUG
    escape_unprintable()
    wait_briefly()
    gc.set_threshold(GC_THRESHOLD, *gc.get_threshold()[1:])
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
        "--debug",
        action="store_true",
        help="print tracebacks of unexpected errors (any command)",
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
        with warnings.catch_warnings(), one_line(parser.prog):
            warnings.showwarning = _show_warning
            complete(arguments)
            check_places(arguments)
            return int(command.run(arguments))
    except RefmaskError as error:
        print(f"refmask: error: {as_options(error)}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of our output closed it; flushing the rest at exit would raise again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("refmask: interrupted", file=sys.stderr)
        return 130


def wait_briefly() -> None:
    """Limit the spinning of waiting threads, unless the environment sets how they wait.

    Torch reads this on import. With another program on one of two cores, an image took 16 s
    without the limit and 3 s with it (1.5 s on two free cores).
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print refmask's warnings as one line, others as Python does."""
    if issubclass(category, RefmaskWarning):
        print(f"refmask: warning: {as_options(message)}", file=sys.stderr)
    else:
        text = warnings.formatwarning(message, category, filename, lineno, line)
        print(text, end="", file=file or sys.stderr)
