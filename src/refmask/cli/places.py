"""What options name, tried before torch, spaCy or a model is loaded: mistakes are told at once."""

from __future__ import annotations

import argparse
import glob
import warnings
from collections.abc import Callable
from pathlib import Path

from refmask.errors import ConfigurationError, ImageError, RefmaskWarning, WeightsError
from refmask.ops.files import check_writable
from refmask.ops.reading import check_file, is_file, is_folder
from refmask.settings.precedence import naming_sources
from refmask.text.words import checked_expression

#: Options that name a file or a folder that is written.
WRITTEN = ("out", "sheet", "draw")
#: Arguments that name images, or places of them, and what is expected there.
IMAGES = {
    **dict.fromkeys(("image", "images", "paths"), "an image"),
    "input": "images, or a table of them,",
}
#: Proposals that are no proposer's.
AUTO, INSTANCES = "auto", "instances"
#: What makes an index, and images that come with refmask.
ADD, SCENES = "add", "scenes"
#: How proposals are named that are read from a file or a folder.
GIVEN = "masks:"
#: What stands for an image's name in a path, and what a URI has.
STEM, SCHEME = "{", "://"


def check_places(args: argparse.Namespace) -> None:
    """Find out whether a command can write and read what it was told to; nothing is made.

    Raises:
        ConfigurationError: when it cannot write, or a name or a number is wrong.
        InputError: when files, or what is asked, cannot be read.
    """
    _check_written(args)
    _check_asked(args)
    _check_images(args)
    specs = getattr(args, "proposals", None) or ()
    for spec in [specs] if isinstance(specs, str) else specs:
        check_proposals(spec)
    with naming_sources(getattr(args, "settings", {})):
        _check_settings(args)


def check_model(model: str, weights: str | None) -> None:
    """Raise an error for a model or weights that are not there, as far as that is quickly seen."""
    from refmask.clip.sources import check_names
    from refmask.provenance import OFFLINE

    if model != OFFLINE:
        check_names(model, weights)


def check_proposals(spec: str) -> None:
    """Raise an error for proposals that there are not, or whose files cannot be read."""
    from refmask.proposals import PROPOSERS, load_proposer
    from refmask.proposals.settings import parse

    name, _, rest = spec.partition(":")
    path = spec.removeprefix(GIVEN)
    if spec.startswith(GIVEN):
        if STEM not in path:
            _check_masks(Path(path))
    elif name in PROPOSERS:
        _check_weights(parse(spec, rest).get("weights"))
    elif spec not in (AUTO, INSTANCES):
        load_proposer(spec)


def _check_written(args: argparse.Namespace) -> None:
    for name in WRITTEN:
        place = getattr(args, name, None)
        if place is None or isinstance(place, bool) or SCHEME in str(place):
            continue  # not told, or not on this machine
        path = Path(str(place).partition(STEM)[0] or ".")
        check_writable(path.parent if path.is_file() else path)


def _check_asked(args: argparse.Namespace) -> None:
    asked = getattr(args, "expressions", None)
    for text in asked if isinstance(asked, list) else ():  # else a file of them
        checked_expression(text)
    phrase = getattr(args, "phrase", None)
    if isinstance(phrase, str):
        checked_expression(phrase)


def _check_images(args: argparse.Namespace) -> None:
    """One bad image does not stop the rest, but nothing is loaded for bad ones alone."""
    for name, what in IMAGES.items():
        places = (getattr(args, name, None) or []) if getattr(args, "action", ADD) == ADD else []
        places = [places] if isinstance(places, str) else places
        if places and all(map(_is_nowhere, places)):
            check_file(Path(places[0]), what, ImageError)


def _is_nowhere(place: str) -> bool:
    if SCHEME in place or place == SCENES or glob.has_magic(place):
        return False
    return not (is_file(Path(place)) or is_folder(Path(place)))


def _check_settings(args: argparse.Namespace) -> None:
    """Names and numbers, of commands that have them."""
    from refmask.limits import parse_size
    from refmask.methods import check_method, check_preset
    from refmask.settings.options import OPTIONS
    from refmask.terms import parse_terms
    from refmask.text.parser import PhraseParser

    checks: dict[str, Callable[[str], object]] = {
        "method": check_method,
        "preset": check_preset,
        "terms": parse_terms,
        "parser": PhraseParser,
        "store_limit": parse_size,
    }
    for name, value in vars(args).items():
        if name in checks and value not in (None, AUTO):
            checks[name](value)
        elif name in OPTIONS and type(value) in (int, float):
            try:
                OPTIONS[name].parsed(value, f"--{name.replace('_', '-')}")
            except ConfigurationError as error:
                raise ConfigurationError(f"{error}; correct it") from None
    if "min_area" in args and "parts" in args:
        from refmask.cli.options import refinement

        refinement(args)
    if "model" not in args:
        _check_weights(getattr(args, "weights", None))
    if getattr(args, "index", None) is not None and getattr(args, "action", None) != ADD:
        from refmask.search.folder import read_marker

        read_marker(Path(args.index))


def _check_weights(weights: str | None) -> None:
    from refmask.clip.sources import HUB, is_path

    if weights is not None and not weights.startswith(HUB) and is_path(weights):
        check_file(Path(weights), "weights", WeightsError, "weights")


def _check_masks(path: Path) -> None:
    from refmask.proposals.given import GivenMasks

    if not is_folder(path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RefmaskWarning)  # is given when they are used
            GivenMasks(path)
