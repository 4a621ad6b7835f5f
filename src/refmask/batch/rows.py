"""Answers as rows of Parquet files."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow
from pyarrow import parquet

from refmask.answer import Segmentation
from refmask.provenance import Provenance

#: A row: values by column.
Row = dict[str, Any]

#: One of several things.
INSTANCE = pyarrow.struct(
    {
        "counts": pyarrow.string(),
        "box": pyarrow.list_(pyarrow.float64()),
        "area": pyarrow.int64(),
        "score": pyarrow.float64(),
        "proposal": pyarrow.int32(),
    }
)
#: One row per image and expression, with the mask of all things of the answer. Unknown values are
#: null: in a failed row all columns after the expression but ``error``; in an answer ``error``.
#: Without proposals there is neither mask nor error, and ``unsure`` is true.
SCHEMA = pyarrow.schema(
    {
        "image": pyarrow.string(),  # absolute path or URI
        "sha256": pyarrow.string(),  # of the file's bytes; null if unreadable
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
        "expected_iou": pyarrow.float64(),  # decides where not null, else the score
        "confidence": pyarrow.float64(),  # 0 to 1; null where it has no meaning
        "unsure": pyarrow.bool_(),
        "reason": pyarrow.string(),  # why it is unsure
        "margin": pyarrow.float64(),  # over the runner-up, by expected IoU, else by score
        "proposals": pyarrow.int32(),  # number of proposals
        "proposal": pyarrow.int32(),  # index of the answer, the best thing of several
        "absent": pyarrow.bool_(),  # nothing in the image is what is asked for
        "instances": pyarrow.list_(INSTANCE),  # the things of the answer, where it is several
        "runner_up": pyarrow.int32(),  # index of the best other instance
        "runner_up_score": pyarrow.float64(),
        "runner_up_expected_iou": pyarrow.float64(),
        "runner_up_box": pyarrow.list_(pyarrow.float64()),
        "provenance": pyarrow.struct(  # of the answer
            {field.name: pyarrow.string() for field in dataclasses.fields(Provenance)}
        ),
        "error": pyarrow.string(),
    }
)
#: The file's own metadata is stored under this key, as JSON.
METADATA = b"refmask"


def answer_row(image: str, sha256: str, number: int, answer: Segmentation) -> Row:
    """The row of an answer.

    Args:
        image: absolute path or URI.
        sha256: of the file's bytes.
        number: of the expression among the image's.
        answer: the scene's.
    """
    fields = answer.to_dict(top=0)
    best, other = fields["answer"], fields["runner_up"]
    row: Row = {"image": image, "sha256": sha256, "number": number}
    row |= {name: fields[name] for name in ("expression", "noun_phrase", "head", "confidence")}
    row |= {name: fields[name] for name in ("unsure", "reason", "margin", "proposals", "absent")}
    row["provenance"] = fields["provenance"]
    if best is not None:
        height, width = best["segmentation"]["size"]
        row |= {"height": height, "width": width, "counts": best["segmentation"]["counts"]}
        row |= {name: best[name] for name in ("box", "area", "score", "proposal", "expected_iou")}
    if len(answer.chosen) > 1:
        row["instances"] = [_instance(instance) for instance in fields["instances"]]
    if other is not None:
        row |= {"runner_up": other["proposal"], "runner_up_score": other["score"]}
        row |= {"runner_up_box": other["box"], "runner_up_expected_iou": other["expected_iou"]}
    return row


def _instance(fields: Mapping[str, Any]) -> Row:
    kept = {name: fields[name] for name in ("box", "area", "score", "proposal")}
    return {"counts": fields["segmentation"]["counts"], **kept}


def failed_row(image: str, sha256: str | None, number: int, expression: str, error: str) -> Row:
    """The row of an expression without an answer.

    Args:
        image: absolute path or URI.
        sha256: of the file's bytes; None if unreadable.
        number: of the expression among the image's.
        expression: as written.
        error: the reason, on one line.
    """
    row: Row = {"image": image, "sha256": sha256, "number": number}
    return row | {"expression": expression, "error": error}


def to_parquet(rows: Sequence[Row], metadata: Mapping[str, Any]) -> bytes:
    """The bytes of a Parquet file.

    Args:
        rows: in their order.
        metadata: of the file; what JSON can hold.
    """
    table = pyarrow.Table.from_pylist(list(rows), SCHEMA)
    table = table.replace_schema_metadata({METADATA: json.dumps(dict(metadata)).encode()})
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def metadata_of(footer: Mapping[bytes, bytes] | None) -> dict[str, Any] | None:
    """The metadata in a file's footer; None if ``to_parquet`` did not write it."""
    try:
        metadata = json.loads((footer or {})[METADATA])
    except (KeyError, ValueError):
        return None
    return metadata if isinstance(metadata, dict) else None
