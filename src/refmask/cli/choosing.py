"""Defaults of options, the model that answers, and telling it before it does."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from refmask.settings import Choice


def complete(args: argparse.Namespace) -> None:
    """Take options that the command was not given from the environment or the user's file.

    Who states each of them is kept in ``args.said``, for ``levels.blamed``.

    Model, weights and proposals are left to ``settle``.

    Raises:
        ConfigurationError: when one of these holds what is no value of an option.
    """
    from refmask.settings import OPTIONS, stated
    from refmask.settings.choosing import NAMES

    names = [name for name in vars(args) if name in OPTIONS]
    if names:
        args.said = stated(vars(args), names)
        for name in names:
            if name not in NAMES:
                setattr(args, name, args.said[name].value)


def settle(args: argparse.Namespace, *, scenes: bool = False) -> Choice:
    """Settle model, weights and proposals, once.

    Args:
        args: with ``add_system_options``; its options are settled in it.
        scenes: the images are emoji scenes.

    Raises:
        ConfigurationError: when the environment or the configuration file cannot be used.
        WeightsError: when a file that was remembered is gone or changed.
    """
    if "choice" not in args:
        args.choice = choice = chosen(args, scenes=scenes)
        args.model, args.weights, args.proposals = choice.model, choice.weights, choice.proposals
    settled: Choice = args.choice
    return settled


def tell(args: argparse.Namespace) -> None:
    """Tell the user, once and before the first answer, which model it comes from."""
    line = settle(args).line
    if line is not None and "told" not in args:
        print(f"refmask: model: {line}", file=sys.stderr)
    args.told = True


def chosen(args: argparse.Namespace, *, scenes: bool = False) -> Choice:
    """As ``settle``, but nothing is settled or told yet."""
    from refmask.settings import AUTO, choose

    return choose(args.model, args.weights, getattr(args, "proposals", AUTO), scenes=scenes)
