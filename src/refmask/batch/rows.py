"""Answers as rows of Parquet."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow
from pyarrow import parquet

from refmask.answer import Segmentation
from refmask.provenance import Provenance

#: One row by column.
Row = dict[str, Any]

#: A row is an image and an expression. What is not known is null: of a failed row all behind the
#: expression but ``error``; of an answer ``error``. Without proposals there is neither mask nor
#: error, and ``unsure`` is true.
SCHEMA = pyarrow.schema(
    {
        "image": pyarrow.string(),  # absolute path or URI
        "sha256": pyarrow.string(),  # of the file's bytes, where they could be read
        "number": pyarrow.int32(),  # of the expression among the image's, from 0
        "expression": pyarrow.string(),
        "noun_phrase": pyarrow.string(),
        "head": pyarrow.string(),
        "height": pyarrow.int32(),  # with the next two COCO's run-length encoding of the mask
        "width": pyarrow.int32(),
        "counts": pyarrow.string(),
        "box": pyarrow.list_(pyarrow.float64()),  # XYXY pixels, half-open
        "area": pyarrow.int64(),  # pixels
        "score": pyarrow.float64(),  # the method's logit
        "expected_iou": pyarrow.float64(),  # decides in its place; null where the score does
        "confidence": pyarrow.float64(),  # 0 to 1; null where it would mean nothing
        "unsure": pyarrow.bool_(),
        "reason": pyarrow.string(),  # why it is unsure
        "margin": pyarrow.float64(),  # over the runner-up, by expected IoU, else by score
        "proposals": pyarrow.int32(),  # how many
        "proposal": pyarrow.int32(),  # which of them is the answer
        "runner_up": pyarrow.int32(),  # which of them is the best other thing
        "runner_up_score": pyarrow.float64(),
        "runner_up_expected_iou": pyarrow.float64(),
        "runner_up_box": pyarrow.list_(pyarrow.float64()),
        "provenance": pyarrow.struct(  # of the answer
            {field.name: pyarrow.string() for field in dataclasses.fields(Provenance)}
        ),
        "error": pyarrow.string(),
    }
)
#: Under this name a file tells of itself.
TOLD = b"refmask"


def answer_row(image: str, sha256: str, number: int, answer: Segmentation) -> Row:
    """The row of an answer.

    Args:
        image: its name.
        sha256: of its file.
        number: of the expression among the image's.
        answer: what the scene gave.
    """
    told = answer.to_dict(top=0)
    best, other = told["answer"], told["runner_up"]
    row: Row = {"image": image, "sha256": sha256, "number": number}
    row |= {name: told[name] for name in ("expression", "noun_phrase", "head", "confidence")}
    row |= {name: told[name] for name in ("unsure", "reason", "margin", "proposals", "provenance")}
    if best is not None:
        height, width = best["segmentation"]["size"]
        row |= {"height": height, "width": width, "counts": best["segmentation"]["counts"]}
        row |= {"box": best["box"], "area": best["area"], "score": best["score"]}
        row |= {"proposal": best["proposal"], "expected_iou": best["expected_iou"]}
    if other is not None:
        row |= {"runner_up": other["proposal"], "runner_up_score": other["score"]}
        row |= {"runner_up_box": other["box"], "runner_up_expected_iou": other["expected_iou"]}
    return row


def failed_row(image: str, sha256: str | None, number: int, expression: str, error: str) -> Row:
    """The row of an expression without an answer.

    Args:
        image: its name.
        sha256: of its file, where that could be read.
        number: of the expression among the image's.
        expression: as it is written.
        error: why, in one line.
    """
    return {
        "image": image,
        "sha256": sha256,
        "number": number,
        "expression": expression,
        "error": error,
    }


def to_parquet(rows: Sequence[Row], told: Mapping[str, Any]) -> bytes:
    """A file's bytes.

    Args:
        rows: in their order.
        told: what the file tells of itself: what JSON can hold.
    """
    table = pyarrow.Table.from_pylist(list(rows), SCHEMA)
    table = table.replace_schema_metadata({TOLD: json.dumps(dict(told)).encode()})
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def told_of(metadata: Mapping[bytes, bytes] | None) -> dict[str, Any] | None:
    """What a file tells of itself, None where it is none of ours."""
    try:
        told = json.loads((metadata or {})[TOLD])
    except (KeyError, ValueError):
        return None
    return told if isinstance(told, dict) else None
