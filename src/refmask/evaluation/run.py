"""A run's folder: what was asked of which system, and what came out, written as it is decided.

::

    configuration.json   what the records depend on
    samples.jsonl        one record a query, image after image
    times.jsonl          seconds of each image
    summary.json         figures, once all images are done

An image's records are appended in one piece. After a kill, what follows the last image with
all its records is cut off and made anew, so that a broken run ends as an unbroken one.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

from filelock import FileLock, Timeout

from refmask.errors import ConfigurationError, RefmaskWarning
from refmask.evaluation.record import COLUMNS, Record, line, parse
from refmask.fingerprint import Fingerprint
from refmask.ops.files import write_whole
from refmask.ops.reading import parse_json, read_bytes

CONFIGURATION, SAMPLES = "configuration.json", "samples.jsonl"
TIMES, SUMMARY = "times.jsonl", "summary.json"
#: Held by the one process that writes; stays, empty, when it has ended.
LOCK = ".lock"


class Run:
    """A run folder, open for writing by this process alone.

    Attributes:
        folder: where.
        rows: what the figures need of each image done, and its queries' ids, by image.
    """

    def __init__(self, folder: Path, configuration: Fingerprint) -> None:
        """Begin a run, or go on with one of the same configuration.

        Args:
            folder: new, empty, or of such a run.
            configuration: what the records depend on.

        Raises:
            ConfigurationError: when the folder holds something else or a run of another
                configuration, another process writes to it, or it cannot be written.
        """
        self.folder = folder
        self.rows: dict[str, list[Record]] = {}
        _claim(folder, configuration)
        self._lock = FileLock(folder / LOCK)
        try:
            self._lock.acquire(blocking=False)
            # Without a buffer, so that an image's records go out in one piece.
            self._samples = (folder / SAMPLES).open("ab", buffering=0)
            self._times = (folder / TIMES).open("ab", buffering=0)
        except Timeout:
            raise ConfigurationError(
                f"expected to write to {folder} alone, but another process does; wait for it, or "
                "choose another `out`"
            ) from None
        except OSError as error:
            raise _unwritable(folder, error) from None
        self._resume()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._samples.close()
        self._times.close()
        self._lock.release()

    def append(self, records: Sequence[Record], seconds: float) -> None:
        """Add one image: all its records, and the time it took.

        Raises:
            ConfigurationError: when it cannot be written; what was written before stays usable.
        """
        image = records[0]["image"]
        try:
            _write(self._samples, b"".join(map(line, records)))
            _write(self._times, line({"image": image, "seconds": round(seconds, 4)}))
        except OSError as error:
            raise _unwritable(self.folder, error) from None
        self.rows[image] = [_row(record) for record in records]

    def finish(self, order: Sequence[str], summary: Mapping[str, Any]) -> None:
        """Bring the records into the data set's order, and write the summary.

        They are in another order when an image was missing at first and came later.

        Args:
            order: images' ids.
            summary: what JSON can hold.

        Raises:
            ConfigurationError: when it cannot be written.
        """
        wanted = [image for image in order if image in self.rows]
        if wanted != list(self.rows):
            found = {records[0]["image"]: records for records, _ in images(self.folder)}
            content = b"".join(line(record) for name in wanted for record in found[name])
            write_whole(self.folder / SAMPLES, content)
            self.rows = {image: self.rows[image] for image in wanted}
        content = json.dumps(summary, indent=1).encode() + b"\n"
        write_whole(self.folder / SUMMARY, content)

    def _resume(self) -> None:
        """Take in the complete images; cut off what follows them."""
        end = 0
        for records, position in images(self.folder):
            self.rows[records[0]["image"]] = [_row(record) for record in records]
            end = position
        rest = os.fstat(self._samples.fileno()).st_size - end
        if rest:
            self._samples.truncate(end)
            message = f"{rest} bytes after the last whole image of {self.folder} are made anew"
            warnings.warn(message, RefmaskWarning, stacklevel=2)


def read_configuration(folder: Path) -> Fingerprint:
    """What the records of a run depend on.

    Raises:
        ConfigurationError: when the folder is no run.
    """
    path = folder / CONFIGURATION
    way_out = "name a folder that 'refmask evaluate' or 'refmask score' wrote"
    content = read_bytes(path, "settings of a run", ConfigurationError, "settings", way_out)
    configuration = parse_json(content, path, ConfigurationError)
    if not isinstance(configuration, dict):
        raise ConfigurationError(f"expected settings by name in {path}; choose another folder")
    return Fingerprint(configuration)


def images(folder: Path) -> Iterator[tuple[list[Record], int]]:
    """The records of each image that has them all, and where they end, in bytes.

    Stops at the first line that is no whole record or does not follow the one before.

    Raises:
        ConfigurationError: when the records cannot be read.
    """
    position, records, seen = 0, list[Record](), set[str]()
    try:
        with (folder / SAMPLES).open("rb") as file:
            for text in file:
                record = parse(text)
                position += len(text)
                if record is None or record["image"] in seen or not _follows(record, records):
                    return
                records.append(record)
                if len(records) == record["of"]:
                    yield records, position
                    seen.add(record["image"])
                    records = []
    except OSError as error:
        raise ConfigurationError(
            f"expected records in {folder / SAMPLES}, they cannot be read: {error.strerror}"
        ) from None


def _follows(record: Record, before: list[Record]) -> bool:
    same = all(record[name] == before[0][name] for name in ("image", "of")) if before else True
    return bool(same and record["number"] == len(before) < record["of"])


def _row(record: Record) -> Record:
    return {name: record.get(name) for name in ("query", *COLUMNS)}


def _claim(folder: Path, configuration: Fingerprint) -> None:
    """Make the folder this configuration's, unless it is another's."""
    if (folder / CONFIGURATION).exists():
        differing = read_configuration(folder).summary(configuration)
        if differing:
            raise ConfigurationError(
                f"{folder} holds a run of another configuration ({differing}); choose another "
                "`out`, or ask for the same"
            )
        return
    try:
        foreign = folder.exists() and [
            file.name for file in folder.iterdir() if not file.name.startswith(".")
        ]
    except OSError as error:
        raise _unwritable(folder, error) from None
    if foreign:
        raise ConfigurationError(
            f"expected a new folder or one of a run, got {folder} with {foreign[0]} in it; choose "
            "another `out`"
        )
    content = json.dumps(dict(configuration), indent=1).encode() + b"\n"
    write_whole(folder / CONFIGURATION, content)


def _write(file: IO[bytes], content: bytes) -> None:
    """Write all of it: one call of the system may take less, when the disk is nearly full."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]


def _unwritable(folder: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"cannot write to {folder}: {error.strerror}; what was written stays usable, so make room "
        "and give the same command again, or choose another `out`"
    )
