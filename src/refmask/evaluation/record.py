"""The record of one query: the expression, the answer, and how good the answer is.

Records are reproducible: they hold nothing that varies between runs, such as times.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import UnionType
from typing import Any

from refmask.errors import InputError
from refmask.metrics import iou
from refmask.ops import rle
from refmask.ops.reading import parse_json
from refmask.types import BoolArray, Sample

#: One line of ``samples.jsonl``.
Record = dict[str, Any]

#: Fields of a valid record and their types; older records have no "chance", and only data sets
#: whose expressions refer to any number of things have "targets", "answers" and "matched".
FIELDS: Mapping[str, type | UnionType] = {
    **{"image": str, "query": str, "expression": str, "kind": str | None, "mask": dict},
    **dict.fromkeys(("number", "of", "words", "proposals"), int),
    **dict.fromkeys(("intersection", "union", "best_intersection", "best_union"), int),
    **dict.fromkeys(("right_class", "right_instance", "chance"), float | int | None),
    **dict.fromkeys(("targets", "answers", "matched"), int | None),
    "iou": float | int,
}


def query_record(
    sample: Sample, number: int, answer: Mapping[str, Any], row: Mapping[str, Any], mask: BoolArray
) -> Record:
    """The record of one query.

    Args:
        sample: the image.
        number: index of the query in the image's queries.
        answer: "noun_phrase", "head", "chosen" (index of the proposal), "scores" (one per
            proposal), "confidence" and "margin"; None where the system does not report it or a
            confidence would mean nothing.
        row: from ``metrics.ImageOverlaps.row``.
        mask: bool (H, W), the answer.

    Returns:
        The answer and the row, with the ids of image and query, the query's index among the
        image's ("number" of "of"), the expression, its kind, its number of words, the IoU (1
        where nothing is asked for and nothing answered) and the mask's COCO run-length encoding.
    """
    query = sample.queries[number]
    nothing = row.get("targets") == row.get("answers") == 0
    overlap = 1.0 if nothing else float(iou(row["intersection"], row["union"]))
    return {
        "image": sample.id,
        "query": query.id,
        "number": number,
        "of": len(sample.queries),
        "expression": query.expression,
        "kind": query.kind,
        "words": len(query.expression.split()),
        **answer,
        "iou": round(overlap, 6),
        **row,
        "mask": rle.encode(mask),
    }


def line(record: Record) -> bytes:
    """A record as one line of ASCII."""
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def parse(text: bytes) -> Record | None:
    """The record in a line; None when it is incomplete or damaged.

    Runs of the first version call the image "picture".
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
