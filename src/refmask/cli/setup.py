"""``refmask setup``: show the default model, or fetch the one recommended for photographs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from refmask.cli.hints import as_options
from refmask.cli.options import chosen
from refmask.errors import RefmaskError
from refmask.weights.recommended import STANDARD

PHOTOS, FORGET = "photos", "forget"
#: Seconds to wait for the hub before offering a download.
PATIENCE = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    photos = actions.add_parser(
        PHOTOS, help="fetch models recommended for photographs, and make them the default"
    )
    photos.add_argument(
        "--quality",
        default=STANDARD,
        choices=(STANDARD, "high"),
        help="standard (default): CLIP ViT-B/32 and SAM 2.1 tiny; high: ViT-L/14 and SAM 2.1 "
        "large, slower by far on a CPU",
    )
    photos.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FOLDER",
        help="use the files in this folder; needs no network",
    )
    actions.add_parser(FORGET, help="forget the fetched default, and offer it again")


def run(args: argparse.Namespace) -> int:
    """Show the default model, fetch, or forget."""
    if args.action == PHOTOS:
        fetch(args.quality, print, args.source)
    elif args.action == FORGET:
        _forget()
    else:
        _show()
    return 0


def offer(args: argparse.Namespace) -> None:
    """Offer once, on a terminal with a network, to fetch the recommended models.

    Args:
        args: with ``add_system_options``.
    """
    from refmask.settings import file

    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        return
    before = file.read()
    if before.asked or not chosen(args).fallback or not _hub_answers():
        return
    try:
        file.write(replace(before, asked=True))
    except RefmaskError:
        return  # the offer would come every time
    if _confirmed():
        try:
            fetch(STANDARD, lambda line: print(f"refmask: {line}", file=sys.stderr))
        except RefmaskError as error:
            print(f"refmask: error: {as_options(error)}", file=sys.stderr)


def fetch(quality: str, say: Callable[[str], object], source: Path | None = None) -> None:
    """Fetch the models recommended for photographs, or take them from a folder.

    Args:
        quality: a key of ``RECOMMENDED``.
        say: called with each step.
        source: see ``refmask.setup.set_up``.
    """
    from refmask.setup import set_up
    from refmask.weights.recommended import RECOMMENDED

    set_up(RECOMMENDED[quality], say, source=source)


def _hub_answers() -> bool:
    from refmask.weights.catalogue import PUBLISHED
    from refmask.weights.hub import answers
    from refmask.weights.recommended import RECOMMENDED

    return answers(PUBLISHED[RECOMMENDED[STANDARD].clip.name].repository, PATIENCE)


def _confirmed() -> bool:
    """Ask whether to fetch."""
    from refmask.weights.catalogue import PUBLISHED
    from refmask.weights.recommended import RECOMMENDED

    models = [(part.title, PUBLISHED[part.name]) for part in RECOMMENDED[STANDARD].parts]
    names = " and ".join(
        f"{title} ({model.megabytes} MB, {model.licence})" for title, model in models
    )
    question = f"refmask: {names} are far better on photographs. Fetch now? [y/N] "
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _forget() -> None:
    from refmask.settings import file

    aside = file.forget()
    if aside is not None:
        print(f"{file.location()} is invalid and was renamed to {aside}")
    _show()


def _show() -> None:
    """Print the default model and its reason, other settings, and the file."""
    from refmask.settings import OPTIONS, choose, file, resolve
    from refmask.settings.choice import NAMES

    choice = choose()
    titled = choice.title != choice.model
    rows = {
        "model": f"{choice.model}, {choice.title}" if titled else choice.model,
        "why": choice.reason,
        "weights": choice.weights or "the model's own",
        "proposals": choice.proposals,
    }
    for name, setting in resolve({}, [name for name in OPTIONS if name not in NAMES]).items():
        if setting.source is not None:
            rows[name] = f"{setting.value} ({setting.source})"
    rows["file"] = f"{file.location()}{'' if file.location().exists() else ' (does not exist)'}"
    for name, value in rows.items():
        print(f"{name:10} {value}")
    if choice.fallback:
        print("'refmask setup photos' fetches models recommended for photographs")
