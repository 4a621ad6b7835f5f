"""The user's configuration file: default options, and what ``refmask setup`` remembers.

It is TOML, at the place where the platform has such files unless ``REFMASK_CONFIG`` names another.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from refmask.errors import ConfigurationError
from refmask.ops.files import write_whole
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


def write(configuration: Configuration) -> Path:
    """Replace the file; returns where it is.

    Raises:
        ConfigurationError: when it cannot be written, with the way out.
    """
    path = place()
    told = {"version": VERSION} | dataclasses.asdict(configuration)
    try:
        write_whole(path, (HEAD + dumps(told)).encode())
    except ConfigurationError as error:
        fault = str(error).partition(";")[0]
        raise ConfigurationError(
            f"{fault}; make it writable, or name another file by {VARIABLE}"
        ) from None
    return path


def forget() -> Path | None:
    """Leave nothing of the file but its options; set one that cannot be understood aside.

    Returns:
        Where it was moved to, if it was.

    Raises:
        ConfigurationError: when it cannot be changed.
    """
    path, aside = place(), None
    try:
        options = read().options
    except ConfigurationError:
        options, aside = {}, path.with_name(f"{path.name}.old")
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
