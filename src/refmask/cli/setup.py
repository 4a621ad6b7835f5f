"""``refmask setup``: which model answers, and fetching the one recommended for photographs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from refmask.cli.choosing import chosen
from refmask.cli.hints import as_options
from refmask.errors import RefmaskError
from refmask.weights.recommended import STANDARD

PHOTOS, FORGET = "photos", "forget"
#: Seconds to wait for the hub before a question that nobody asked for.
PATIENCE = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    photos = actions.add_parser(
        PHOTOS, help="fetch what is recommended for photographs, and use it from then on"
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
        help="take the files from there, without a network",
    )
    actions.add_parser(FORGET, help="go back: forget what was fetched, and that it was asked about")


def run(args: argparse.Namespace) -> int:
    """Tell what is chosen, fetch, or forget."""
    if args.action == PHOTOS:
        fetch(args.quality, print, args.source)
    elif args.action == FORGET:
        _forget()
    else:
        _tell()
    return 0


def offer(args: argparse.Namespace) -> None:
    """Ask once, on a terminal with a network, whether to fetch what is recommended.

    Args:
        args: with ``add_system_options``.
    """
    from refmask.settings import file

    # A pipe is no terminal, on whichever end.
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        return
    before = file.read()
    if before.asked or not chosen(args).fallback or not _hub_answers():
        return
    try:
        file.write(replace(before, asked=True))
    except RefmaskError:
        return  # what cannot be remembered is not asked either
    if _accepted():
        try:
            fetch(STANDARD, lambda line: print(f"refmask: {line}", file=sys.stderr))
        except RefmaskError as error:
            print(f"refmask: error: {as_options(error)}", file=sys.stderr)


def fetch(quality: str, say: Callable[[str], object], source: Path | None = None) -> None:
    """Fetch what is recommended for photographs, or take it from a folder.

    Args:
        quality: a key of ``RECOMMENDED``.
        say: told what is under way.
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


def _accepted() -> bool:
    """Ask; whether the user says yes."""
    from refmask.weights.catalogue import PUBLISHED
    from refmask.weights.recommended import RECOMMENDED

    models = [(part.title, PUBLISHED[part.name]) for part in RECOMMENDED[STANDARD].parts]
    told = " and ".join(
        f"{title} ({model.megabytes} MB, {model.licence})" for title, model in models
    )
    question = f"refmask: {told} know photographs far better than what is here. Fetch now? [y/N] "
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _forget() -> None:
    from refmask.settings import file

    aside = file.forget()
    if aside is not None:
        print(f"{file.place()} could not be understood and is {aside} now")
    _tell()


def _tell() -> None:
    """What is chosen now and why, what else is set, and what can be done."""
    from refmask.settings import OPTIONS, choose, file, stated
    from refmask.settings.choosing import NAMES

    choice = choose()
    rows = {
        "model": choice.model
        if choice.title == choice.model
        else f"{choice.model}, {choice.title}",
        "why": choice.why,
        "weights": choice.weights or "the model's own",
        "proposals": choice.proposals,
    }
    others = [name for name in OPTIONS if name not in NAMES]
    for name, found in stated({}, others).items():
        if found.by is not None:
            rows[name] = f"{found.value} ({found.by})"
    rows["file"] = f"{file.place()}{'' if file.place().exists() else ' (not there)'}"
    for name, value in rows.items():
        print(f"{name:10} {value}")
    if choice.fallback:
        print("'refmask setup photos' fetches what is recommended for photographs")
