"""One query's record: what was asked, what was answered, and how good that was.

A record holds nothing that differs from one unbroken run to the next, such as times.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any

from refmask.errors import InputError
from refmask.metrics import QueryResults, iou
from refmask.ops import rle
from refmask.ops.reading import parse_json
from refmask.types import BoolArray, Sample

#: One line of ``samples.jsonl``.
Record = dict[str, Any]

#: What the figures are computed from.
COLUMNS = (
    "picture",
    "intersection",
    "union",
    "best_intersection",
    "best_union",
    "right_class",
    "right_instance",
    "chance",
    "words",
    "kind",
    "proposals",
)
#: What a record must hold, and of which types, to be read; "chance" came later.
FIELDS: Mapping[str, type | UnionType] = {
    **{"picture": str, "query": str, "expression": str, "kind": str | None, "mask": dict},
    **dict.fromkeys(("number", "of", "words", "proposals"), int),
    **dict.fromkeys(("intersection", "union", "best_intersection", "best_union"), int),
    **dict.fromkeys(("right_class", "right_instance", "chance"), float | int | None),
    "iou": float | int,
}


def query_record(
    sample: Sample, number: int, answer: Mapping[str, Any], row: Mapping[str, Any], mask: BoolArray
) -> Record:
    """The record of one query.

    Args:
        sample: the picture.
        number: which of its queries.
        answer: "noun_phrase", "head", "chosen" (index of the proposal), "scores" (one per
            proposal), "confidence" and "margin"; None where the system does not tell, or a
            confidence would mean nothing.
        row: what ``metrics.PictureOverlaps.row`` counted.
        mask: bool (H, W), the answer.

    Returns:
        All of that, with the picture's and the query's ids, the query's place among the
        picture's ("number" of "of"), the expression, its kind, its number of words, the IoU and
        the mask's COCO run-length encoding.
    """
    query = sample.queries[number]
    return {
        "picture": sample.id,
        "query": query.id,
        "number": number,
        "of": len(sample.queries),
        "expression": query.expression,
        "kind": query.kind,
        "words": len(query.expression.split()),
        **answer,
        "iou": round(float(iou(row["intersection"], row["union"])), 6),
        **row,
        "mask": rle.encode(mask),
    }


def line(record: Record) -> bytes:
    """A record as one line of ASCII."""
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def parse(text: bytes) -> Record | None:
    """The record of a line; None when it is not a whole one."""
    if not text.endswith(b"\n"):
        return None
    try:
        record = parse_json(text, "a record")
    except InputError:
        return None
    whole = isinstance(record, dict) and all(
        isinstance(record.get(name), kind) for name, kind in FIELDS.items()
    )
    return record if whole else None


def outcomes(records: Iterable[Mapping[str, Any]]) -> QueryResults:
    """The columns of records, in their order."""
    return QueryResults.of({name: record.get(name) for name in COLUMNS} for record in records)
