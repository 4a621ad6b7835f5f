"""REFER's refs: the annotations that each expression refers to.

A ref is a dictionary with ``ref_id``, ``ann_id``, ``image_id``, ``category_id``, ``split`` and
``sentences``, read from REFER's own pickle, or from JSON (a list) or Parquet (a table) with the
same fields. In gRefCOCO, ``ann_id`` and ``category_id`` are lists.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refmask.data.files import WAY_OUT, loads_plain
from refmask.errors import ConfigurationError, InputError, MissingResource
from refmask.ops.parquet import read_parquet, rows_of
from refmask.ops.reading import MISSHAPEN, is_file, parse_json

#: Suffixes of the formats, in order of preference.
SUFFIXES = (".json", ".parquet", ".p")

ALL = "all"
#: gRefCOCO's id for "no annotation".
NO_ANNOTATION = -1


@dataclass(frozen=True)
class Sentence:
    """One expression.

    Attributes:
        id: unique within the data set.
        text: as its author wrote it (``raw``, as in the paper's code); "" where there is none.
        kind: what tells the target apart, where known.
    """

    id: int
    text: str
    kind: str | None


@dataclass(frozen=True)
class Ref:
    """One object, or in gRefCOCO any number of them, with the expressions that refer to it.

    Attributes:
        id: unique within the data set.
        annotations: ids of the objects; none where the expressions refer to nothing in the image.
        image: id of the image.
        category: class id of the first object.
        split: such as "val".
        sentences: the expressions.
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
    raise InputError(f"{folder} has no refs; put one of {', '.join(names)} there: {WAY_OUT}")


def candidates(split_by: str) -> list[str]:
    """Possible names of a file of refs, in order of preference."""
    stems = (f"refs({split_by})", f"refs_{split_by}", "refs", f"grefs({split_by})")
    return [f"{stem}{suffix}" for stem in stems for suffix in SUFFIXES]


def parse_refs(content: bytes, path: Path) -> list[Ref]:
    """All refs of a file, in its order.

    Args:
        content: the file's bytes.
        path: the file; its suffix is the format.

    Raises:
        InputError: when it cannot be read as refs; no code in it runs.
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
            f"{path} does not hold a list of refs but {type(records).__name__}; fetch it again"
        )
    refs = []
    for number, record in enumerate(records):
        try:
            refs.append(_ref(record))
        except MISSHAPEN as error:
            raise InputError(
                f"{path} lacks REFER's fields: ref {number} has no usable {error}; fetch or "
                "convert it again"
            ) from None
    return refs


def of_split(refs: list[Ref], split: str, path: Path) -> tuple[Ref, ...]:
    """The refs of a split, in their order.

    As in REFER, "testA" and "testB" are any split with their letter, "test" any test split; "all"
    is every split.

    Raises:
        ConfigurationError: when there is no such split.
    """
    chosen = tuple(ref for ref in refs if split == ALL or _is_in(ref.split, split))
    if not chosen:
        splits = ", ".join(sorted({ref.split for ref in refs}))
        raise ConfigurationError(f"{path} has no split '{split}'; choose one of {splits}, {ALL}")
    return chosen


def _is_in(ref_split: str, split: str) -> bool:
    if split in ("testA", "testB", "testC"):
        return split[-1] in ref_split
    return "test" in ref_split if split == "test" else ref_split == split


def _ref(record: Any) -> Ref:
    if not isinstance(record, dict):
        raise TypeError("field: it is no dictionary")
    if not isinstance(record["sentences"], list):
        raise TypeError("'sentences'")
    return Ref(
        id=_number(record, "ref_id"),
        annotations=tuple(n for n in _numbers(record, "ann_id") if n != NO_ANNOTATION),
        image=_number(record, "image_id"),
        category=next(iter(_numbers(record, "category_id")), NO_ANNOTATION),
        split=_text(record, "split"),
        sentences=tuple(map(_sentence, record["sentences"])),
    )


def _sentence(record: Any) -> Sentence:
    if not isinstance(record, dict):
        raise TypeError("'sentences'")
    field = "raw" if record.get("raw") or "sent" not in record else "sent"
    kind = _text(record, "kind") if record.get("kind") is not None else None
    text = "" if record[field] is None else _text(record, field)
    return Sentence(_number(record, "sent_id"), text, kind)


def _number(record: dict[str, Any], name: str) -> int:
    value = record[name]
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(repr(name))
    return value


def _numbers(record: dict[str, Any], name: str) -> list[int]:
    """A list of numbers, as in gRefCOCO, or one number as a list."""
    value = record[name]
    if not isinstance(value, list):
        return [_number(record, name)]
    if not all(type(item) is int for item in value):
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
