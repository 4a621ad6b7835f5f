"""A run's folder: configuration, records and metrics, written as the run proceeds.

::

    configuration.json   what the records depend on
    samples.jsonl        one record a query, image after image
    times.jsonl          seconds of each image
    summary.json         metrics, once all images are done

An image's records are appended in one write. A resumed run drops what follows the last complete
image and computes it again, so that its files equal those of an uninterrupted one.
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
from refmask.evaluation.record import Record, line, parse
from refmask.fingerprint import Fingerprint
from refmask.metrics.results import COLUMNS
from refmask.ops.files import write_whole
from refmask.ops.reading import parse_json, read_bytes

CONFIGURATION, SAMPLES = "configuration.json", "samples.jsonl"
TIMES, SUMMARY = "times.jsonl", "summary.json"
#: Held by the process that writes; the empty file stays.
LOCK = ".lock"


class Run:
    """A run folder, open for writing by this process alone.

    Attributes:
        folder: of the run.
        rows: query ids and the columns that metrics need, by image, for each complete image.
    """

    def __init__(self, folder: Path, configuration: Fingerprint) -> None:
        """Start a run, or resume one with the same configuration.

        Args:
            folder: new, empty, or of a run with this configuration.
            configuration: what the records depend on.

        Raises:
            ConfigurationError: when the folder holds other files or a run with another
                configuration, another process writes to it, or it cannot be written.
        """
        self.folder = folder
        self.rows: dict[str, list[Record]] = {}
        _claim(folder, configuration)
        self._lock = FileLock(folder / LOCK)
        try:
            self._lock.acquire(blocking=False)
            # Unbuffered, so that an image's records go out in one write.
            self._samples = (folder / SAMPLES).open("ab", buffering=0)
            self._times = (folder / TIMES).open("ab", buffering=0)
        except Timeout:
            raise ConfigurationError(
                f"another process is writing to {folder}; wait for it, or choose another `out`"
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
        """Append all records of one image, and the seconds it took.

        Raises:
            ConfigurationError: when they cannot be written; earlier records stay usable.
        """
        image = records[0]["image"]
        try:
            _write(self._samples, b"".join(map(line, records)))
            _write(self._times, line({"image": image, "seconds": round(seconds, 4)}))
        except OSError as error:
            raise _unwritable(self.folder, error) from None
        self.rows[image] = [_row(record) for record in records]

    def finish(self, order: Sequence[str], summary: Mapping[str, Any]) -> None:
        """Put the records into the data set's order, and write the summary.

        The order differs when an image was missing at first and is read by a resumed run.

        Args:
            order: ids of the images.
            summary: content of ``summary.json``.

        Raises:
            ConfigurationError: when it cannot be written.
        """
        wanted = [image for image in order if image in self.rows]
        if wanted != list(self.rows):
            by_image = {records[0]["image"]: records for records, _ in complete_images(self.folder)}
            content = b"".join(line(record) for image in wanted for record in by_image[image])
            write_whole(self.folder / SAMPLES, content)
            self.rows = {image: self.rows[image] for image in wanted}
        content = json.dumps(summary, indent=1).encode() + b"\n"
        write_whole(self.folder / SUMMARY, content)

    def _resume(self) -> None:
        """Read the complete images; cut off what follows them."""
        end = 0
        for records, position in complete_images(self.folder):
            self.rows[records[0]["image"]] = [_row(record) for record in records]
            end = position
        rest = os.fstat(self._samples.fileno()).st_size - end
        if rest:
            self._samples.truncate(end)
            warnings.warn(
                f"{self.folder} ends with an incomplete image; it is evaluated again "
                f"({rest} bytes dropped)",
                RefmaskWarning,
                stacklevel=2,
            )


def read_configuration(folder: Path) -> Fingerprint:
    """The configuration of a run.

    Raises:
        ConfigurationError: when the folder is not a run.
    """
    path = folder / CONFIGURATION
    way_out = "name a folder that 'refmask evaluate' or 'refmask score' wrote"
    content = read_bytes(path, "settings of a run", ConfigurationError, "settings", way_out)
    configuration = parse_json(content, path, ConfigurationError)
    if not isinstance(configuration, dict):
        raise ConfigurationError(f"{path} does not hold settings by name; choose another folder")
    return Fingerprint(configuration)


def complete_images(folder: Path) -> Iterator[tuple[list[Record], int]]:
    """The records of each complete image, and the position in bytes where they end.

    Stops at the first line that is no valid record or does not follow the one before.

    Raises:
        ConfigurationError: when the records cannot be read.
    """
    position, records, complete = 0, list[Record](), set[str]()
    try:
        with (folder / SAMPLES).open("rb") as file:
            for text in file:
                record = parse(text)
                position += len(text)
                if record is None or record["image"] in complete or not _follows(record, records):
                    return
                records.append(record)
                if len(records) == record["of"]:
                    yield records, position
                    complete.add(record["image"])
                    records = []
    except OSError as error:
        raise ConfigurationError(
            f"{folder / SAMPLES} cannot be read: {error.strerror}; check the folder"
        ) from None


def _follows(record: Record, before: list[Record]) -> bool:
    same = all(record[name] == before[0][name] for name in ("image", "of")) if before else True
    return bool(same and record["number"] == len(before) < record["of"])


def _row(record: Record) -> Record:
    return {name: record.get(name) for name in ("query", *COLUMNS)}


def _claim(folder: Path, configuration: Fingerprint) -> None:
    """Write the configuration into a new folder; refuse one with another configuration."""
    if (folder / CONFIGURATION).exists():
        differing = read_configuration(folder).summary(configuration)
        if differing:
            raise ConfigurationError(
                f"{folder} holds a run with other settings ({differing}); choose another `out`, or "
                "use the same settings"
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
            f"{folder} is neither new nor a run: it holds {foreign[0]}; choose another `out`"
        )
    content = json.dumps(dict(configuration), indent=1).encode() + b"\n"
    write_whole(folder / CONFIGURATION, content)


def _write(file: IO[bytes], content: bytes) -> None:
    """Write all of it: one call may write less, when the disk is nearly full."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]


def _unwritable(folder: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"cannot write to {folder}: {error.strerror}; earlier records stay usable: make room and "
        "run the same command again, or choose another `out`"
    )
