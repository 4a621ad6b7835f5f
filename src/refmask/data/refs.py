"""REFER's refs: which annotation each expression is about.

A ref is a dictionary with ``ref_id``, ``ann_id``, ``image_id``, ``category_id``, ``split`` and
``sentences``; they are read from REFER's own pickle, or from JSON (a list) or Parquet (a table)
with the same fields. gRefCOCO's have lists of ``ann_id`` and ``category_id``.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refmask.data.files import loads_plain
from refmask.errors import ConfigurationError, InputError, MissingResource
from refmask.ops.parquet import read_parquet, rows_of
from refmask.ops.reading import MISSHAPEN, is_file, parse_json

#: Formats by suffix, plainer ones first: the first file that is there is read.
SUFFIXES = (".json", ".parquet", ".p")

ALL = "all"
#: What gRefCOCO has for an annotation where there is none.
NOTHING = -1


@dataclass(frozen=True)
class Sentence:
    """One expression.

    Attributes:
        id: unique within the data set.
        text: as its author wrote it (``raw``; the paper's code reads that, too); "" where there
            is none.
        kind: what tells the target apart, where known.
    """

    id: int
    text: str
    kind: str | None


@dataclass(frozen=True)
class Ref:
    """One object, or in gRefCOCO any number of them, with all that is said about it.

    Attributes:
        id: unique within the data set.
        annotations: ids of the objects; none where what is said is about nothing in the image.
        image: id of the image.
        category: id of the class, of the first object.
        split: such as "val".
        sentences: what is said.
    """

    id: int
    annotations: tuple[int, ...]
    image: int
    category: int
    split: str
    sentences: tuple[Sentence, ...]


def find_refs(folder: Path, split_by: str) -> Path:
    """The file of refs in a data set's folder.

    Raises:
        InputError: when there is none.
    """
    names = candidates(split_by)
    for name in names:
        if is_file(folder / name):
            return folder / name
    raise InputError(
        f"expected one of {', '.join(names)} in {folder}, found none; "
        "'refmask data check NAME' tells where they come from"
    )


def candidates(split_by: str) -> list[str]:
    """Names that a file of refs may have, in the order in which they are tried."""
    stems = (f"refs({split_by})", f"refs_{split_by}", "refs", f"grefs({split_by})")
    return [f"{stem}{suffix}" for stem in stems for suffix in SUFFIXES]


def parse_refs(content: bytes, path: Path) -> list[Ref]:
    """All refs of a file, in its order.

    Args:
        content: the file's bytes.
        path: the file; its suffix tells the format.

    Raises:
        InputError: when it cannot be read as refs; nothing in it is run.
        MissingResource: when it is Parquet and pyarrow is not installed.
    """
    readers: dict[str, Callable[[bytes, Path], Any]] = {
        ".json": parse_json,
        ".parquet": _parquet,
        ".p": loads_plain,
    }
    records = readers[path.suffix](content, path)
    if not isinstance(records, list) or not records:
        raise InputError(
            f"expected a list of refs in {path}, got {type(records).__name__}; fetch it again"
        )
    refs = []
    for number, record in enumerate(records):
        try:
            refs.append(_ref(record))
        except MISSHAPEN as error:
            raise InputError(
                f"expected REFER's fields in {path}, ref {number} has no usable {error}; "
                "fetch or convert it again"
            ) from None
    return refs


def of_split(refs: list[Ref], split: str, path: Path) -> tuple[Ref, ...]:
    """The refs of a split, in their order.

    "testA" and "testB" are told by the letter, as REFER does; "test" is any of them, "all" every
    split.

    Raises:
        ConfigurationError: when there is no such split.
    """
    chosen = tuple(ref for ref in refs if split == ALL or _is_in(ref.split, split))
    if not chosen:
        splits = ", ".join(sorted({ref.split for ref in refs}))
        raise ConfigurationError(
            f"expected one of the splits {splits}, {ALL} of {path}, got '{split}'; choose one"
        )
    return chosen


def _is_in(split: str, asked: str) -> bool:
    if asked in ("testA", "testB", "testC"):
        return asked[-1] in split
    return "test" in split if asked == "test" else split == asked


def _ref(record: Any) -> Ref:
    if not isinstance(record, dict):
        raise TypeError("field: it is no dictionary")
    if not isinstance(record["sentences"], list):
        raise TypeError("'sentences'")
    return Ref(
        id=_number(record, "ref_id"),
        annotations=tuple(one for one in _numbers(record, "ann_id") if one != NOTHING),
        image=_number(record, "image_id"),
        category=next(iter(_numbers(record, "category_id")), NOTHING),
        split=_text(record, "split"),
        sentences=tuple(map(_sentence, record["sentences"])),
    )


def _sentence(record: Any) -> Sentence:
    if not isinstance(record, dict):
        raise TypeError("'sentences'")
    said = "raw" if record.get("raw") or "sent" not in record else "sent"
    kind = _text(record, "kind") if record.get("kind") is not None else None
    text = "" if record[said] is None else _text(record, said)
    return Sentence(_number(record, "sent_id"), text, kind)


def _number(record: dict[str, Any], name: str) -> int:
    value = record[name]
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(repr(name))
    return value


def _numbers(record: dict[str, Any], name: str) -> list[int]:
    """One number as a list, or a list of them: gRefCOCO has lists."""
    value = record[name]
    if not isinstance(value, list):
        return [_number(record, name)]
    if not all(type(one) is int for one in value):
        raise TypeError(repr(name))
    return value


def _text(record: dict[str, Any], name: str) -> str:
    value = record[name]
    if not isinstance(value, str):
        raise TypeError(repr(name))
    return value


def _parquet(content: bytes, path: Path) -> Any:
    try:
        table = read_parquet(io.BytesIO(content), str(path))
    except ImportError:
        raise MissingResource(
            f"reading {path} needs pyarrow, which is not installed; "
            'pip install "refmask[parquet]", or convert the file to JSON'
        ) from None
    return rows_of(table, str(path))
