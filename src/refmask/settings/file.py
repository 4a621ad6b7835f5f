"""The user's configuration file: default options, calibrations, what ``refmask setup`` remembers.

It is TOML in the platform's configuration folder, unless ``REFMASK_CONFIG`` names another file.
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
from refmask.settings.fitted import FittedCalibration
from refmask.settings.options import OPTIONS
from refmask.settings.remembered import Remembered
from refmask.settings.toml import dumps, record

#: Names another file.
VARIABLE = "REFMASK_CONFIG"
#: Tables that are not the user's.
TABLES = ("remembered", "calibrations")
#: Of the format; it changes with every incompatible change.
VERSION = 1
HEAD = """\
# What refmask takes by default. Options of a command and REFMASK_ variables go before [options],
# and these before what 'refmask setup' remembered, which 'refmask setup forget' forgets.
# [[calibrations]] are by 'refmask calibrate'.

"""
REMEDY = "correct it, or run 'refmask setup forget', which renames it"


@dataclass(frozen=True)
class Configuration:
    """The file's content.

    Attributes:
        options: values by name, a key of ``OPTIONS``.
        remembered: what ``refmask setup`` fetched, if anything.
        asked: the user was offered to fetch recommended weights.
        calibrations: what ``refmask calibrate`` fitted.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    remembered: Remembered | None = None
    asked: bool = False
    calibrations: tuple[FittedCalibration, ...] = ()


def location() -> Path:
    """The file's path, whether it exists or not."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    return platformdirs.user_config_path("refmask") / "config.toml"


def read() -> Configuration:
    """Read the file; without one, the configuration is empty.

    Raises:
        ConfigurationError: when the file cannot be read, or this version does not understand it.
    """
    path = location()
    if is_absent(path):
        return Configuration()
    try:
        text = read_text(path, "settings", ConfigurationError, "settings")
        return _parsed(tomllib.loads(text))
    except ConfigurationError as error:
        fault = str(error).removeprefix(f"{path} ")
    except (ValueError, RecursionError) as error:
        fault = f"it is not TOML: {in_short(error)}"
    raise ConfigurationError(f"configuration file {path}: {fault}; {REMEDY}")


def check() -> None:
    """Check that ``write`` can write; this writes nothing.

    Raises:
        ConfigurationError: when it cannot.
    """
    path = location()
    with _with_remedy():
        if path.is_dir():
            raise ConfigurationError(f"cannot write {path}: it is a folder")
        check_writable(path.parent)


def write(configuration: Configuration) -> Path:
    """Write the file, keep the user's options and comments in it, return its path.

    Raises:
        ConfigurationError: when it cannot be written.
    """
    path = location()
    with _with_remedy():
        write_whole(path, _text(configuration).encode())
    return path


def forget() -> Path | None:
    """Forget what ``refmask setup`` remembered; rename a file that cannot be read.

    Returns:
        The new path of a renamed file, at a name that was free.

    Raises:
        ConfigurationError: when it cannot be changed.
    """
    path, aside = location(), None
    try:
        before = read()
        kept = Configuration(before.options, calibrations=before.calibrations)
    except ConfigurationError:
        names = (f"{path.name}.old{number or ''}" for number in count())
        candidates = (path.with_name(name) for name in names)
        kept, aside = Configuration(), next(new for new in candidates if not os.path.lexists(new))
    try:
        if aside is not None:
            path.replace(aside)
        elif kept != Configuration():
            write(kept)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"cannot change {path}: {error.strerror}; name another file in {VARIABLE}"
        ) from None
    return aside


@contextmanager
def _with_remedy() -> Iterator[None]:
    """Add to errors of writing what to do about this file."""
    try:
        yield
    except ConfigurationError as error:
        fault = str(error).partition(";")[0]
        raise ConfigurationError(
            f"{fault}; check disk and permissions, or name another file in {VARIABLE}"
        ) from None


def _text(configuration: Configuration) -> str:
    """The new content of the file, with the user's own lines as long as it means the same."""
    values = {"version": VERSION} | dataclasses.asdict(configuration)
    try:
        user = _user_part(location().read_text("utf-8")).rstrip("\n")
        below = {name: values[name] for name in TABLES}
        above = {name: values[name] for name in values if name not in ("options", *TABLES)}
        text = f"{HEAD}{dumps(above)}{user}\n{dumps(below)}"
        if _parsed(tomllib.loads(text)) == configuration:
            return text
    except (OSError, ValueError, RecursionError):
        pass  # there is no file yet, or it cannot be read
    return HEAD + dumps(values)


def _user_part(text: str) -> str:
    """The user's part of the text: all that ``write`` did not put there."""
    lines: list[str] = []
    table = ""
    for line in text.removeprefix(HEAD).splitlines(keepends=True):
        if line.startswith("["):
            table = line.strip("[ ")
        ours = rf"({'|'.join(TABLES)})\b" if table else r"(version|asked)\s*="
        if not re.match(ours, table or line):
            lines.append(line)
    return "".join(lines)


def _parsed(content: dict[str, Any]) -> Configuration:
    version = content.pop("version", VERSION)
    if version != VERSION:
        age = "an older" if type(version) is int and version < VERSION else "another"
        raise ConfigurationError(f"{age} refmask wrote it (version {version!r}, not {VERSION})")
    whole = record(Configuration, content, "the file")
    unknown = [name for name in whole.options if name not in OPTIONS]
    if unknown:
        raise ConfigurationError(f"unknown option '{unknown[0]}', choose from {', '.join(OPTIONS)}")
    options = {
        name: OPTIONS[name].parsed(value, f"option '{name}'")
        for name, value in whole.options.items()
    }
    return dataclasses.replace(whole, options=options)
