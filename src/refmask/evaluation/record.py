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
    "image",
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
    **{"image": str, "query": str, "expression": str, "kind": str | None, "mask": dict},
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
        sample: the image.
        number: which of its queries.
        answer: "noun_phrase", "head", "chosen" (index of the proposal), "scores" (one per
            proposal), "confidence" and "margin"; None where the system does not tell, or a
            confidence would mean nothing.
        row: what ``metrics.ImageOverlaps.row`` counted.
        mask: bool (H, W), the answer.

    Returns:
        All of that, with the image's and the query's ids, the query's place among the
        image's ("number" of "of"), the expression, its kind, its number of words, the IoU and
        the mask's COCO run-length encoding.
    """
    query = sample.queries[number]
    return {
        "image": sample.id,
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
    """The record of a line; None when it is not a whole one.

    Runs of the first version called the image "picture".
    """
    if not text.endswith(b"\n"):
        return None
    try:
        record = parse_json(text, "a record")
    except InputError:
        return None
    if not isinstance(record, dict):
        return None
    if "picture" in record:
        record = {"image" if name == "picture" else name: value for name, value in record.items()}
    whole = all(isinstance(record.get(name), kind) for name, kind in FIELDS.items())
    return record if whole else None


def outcomes(records: Iterable[Mapping[str, Any]]) -> QueryResults:
    """The columns of records, in their order."""
    return QueryResults.of({name: record.get(name) for name in COLUMNS} for record in records)
