"""The user's configuration file: default options, and what ``refmask setup`` remembers.

It is TOML, at the place where the platform has such files unless ``REFMASK_CONFIG`` names another.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import platformdirs

from refmask.errors import ConfigurationError
from refmask.ops.files import check_writable, write_whole
from refmask.ops.reading import in_short, is_absent, read_text
from refmask.settings.options import OPTIONS
from refmask.settings.remembered import Remembered
from refmask.settings.toml import dumps, record

#: Names another file.
VARIABLE = "REFMASK_CONFIG"
#: Of the format: counted up when it changes so that one refmask cannot read another's file.
VERSION = 1
HEAD = """\
# What refmask takes by default. Options of a command and REFMASK_ variables go before [options],
# and these before what 'refmask setup' remembered, which 'refmask setup forget' forgets.

"""
WAY_OUT = "correct it, or run 'refmask setup forget', which sets it aside"


@dataclass(frozen=True)
class Configuration:
    """What the file holds.

    Attributes:
        options: values by name, of ``OPTIONS``.
        remembered: what ``refmask setup`` fetched, if anything.
        asked: the user was asked whether it should be fetched.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    remembered: Remembered | None = None
    asked: bool = False


def place() -> Path:
    """Where the file is, or would be."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    return platformdirs.user_config_path("refmask") / "config.toml"


def read() -> Configuration:
    """The file's content; an empty configuration where there is no file.

    Raises:
        ConfigurationError: when it cannot be read, or holds what this version does not know, with
            the way out.
    """
    path = place()
    if is_absent(path):
        return Configuration()
    try:
        text = read_text(path, "settings", ConfigurationError, "settings")
        return _understood(tomllib.loads(text))
    except ConfigurationError as error:
        fault = str(error)
    except (ValueError, RecursionError) as error:
        fault = f"it is no TOML: {in_short(error)}"
    raise ConfigurationError(f"configuration file {path}: {fault}; {WAY_OUT}")


def check() -> None:
    """Find out whether ``write`` could, writing nothing.

    Raises:
        ConfigurationError: when it could not, with the way out.
    """
    path = place()
    with _way_out():
        if path.is_dir():
            raise ConfigurationError(f"cannot write {path}: it is a folder")
        check_writable(path.parent)


def write(configuration: Configuration) -> Path:
    """Replace the file, but for options and comments of the user's; returns where it is.

    Raises:
        ConfigurationError: when it cannot be written, with the way out.
    """
    path = place()
    with _way_out():
        write_whole(path, _text(configuration).encode())
    return path


def forget() -> Path | None:
    """Leave nothing of the file but its options; set one that cannot be understood aside.

    Returns:
        Where it was moved to, if it was: to a name that nothing else has.

    Raises:
        ConfigurationError: when it cannot be changed.
    """
    path, aside = place(), None
    try:
        options = read().options
    except ConfigurationError:
        names = (f"{path.name}.old{number or ''}" for number in count())
        free = (path.with_name(name) for name in names)
        options, aside = {}, next(one for one in free if not os.path.lexists(one))
    try:
        if aside is not None:
            path.replace(aside)
        elif options:
            write(Configuration(options))
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"cannot change {path}: {error.strerror}; name another file by {VARIABLE}"
        ) from None
    return aside


@contextmanager
def _way_out() -> Iterator[None]:
    """Have errors of writing say what to do about this file."""
    try:
        yield
    except ConfigurationError as error:
        fault = str(error).partition(";")[0]
        raise ConfigurationError(
            f"{fault}; see to its disk and permissions, or name another file by {VARIABLE}"
        ) from None


def _text(configuration: Configuration) -> str:
    """The file's text: with what the user wrote in it, as long as that says the same."""
    told = {"version": VERSION} | dataclasses.asdict(configuration)
    try:
        own = _own(place().read_text("utf-8"))
        remembered = {"remembered": told.pop("remembered")}
        above = dumps({name: value for name, value in told.items() if name != "options"})
        text = HEAD + above + own.rstrip("\n") + "\n" + dumps(remembered)
        if _understood(tomllib.loads(text)) == configuration:
            return text
    except (OSError, ValueError, RecursionError):
        pass  # there is none, or none that can be understood
    told = {"version": VERSION} | dataclasses.asdict(configuration)
    return HEAD + dumps(told)


def _own(text: str) -> str:
    """A file's text without what ``write`` puts there."""
    kept: list[str] = []
    table = ""
    for line in text.removeprefix(HEAD).splitlines(keepends=True):
        if line.startswith("["):
            table = line.strip("[ ")
        ours = r"remembered\b" if table else r"(version|asked)\s*="
        if not re.match(ours, table or line):
            kept.append(line)
    return "".join(kept)


def _understood(content: dict[str, Any]) -> Configuration:
    version = content.pop("version", VERSION)
    if version != VERSION:
        age = "an older" if type(version) is int and version < VERSION else "another"
        raise ConfigurationError(f"it is of {age} refmask (version {version!r}, not {VERSION})")
    whole = record(Configuration, content, "the file")
    unknown = [name for name in whole.options if name not in OPTIONS]
    if unknown:
        raise ConfigurationError(f"unknown option '{unknown[0]}'; there are {', '.join(OPTIONS)}")
    options = {
        name: OPTIONS[name].parsed(value, f"option '{name}'")
        for name, value in whole.options.items()
    }
    return dataclasses.replace(whole, options=options)
