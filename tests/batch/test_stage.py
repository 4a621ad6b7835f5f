"""The rows of an image: its scene's answers, or errors."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest

from refmask import read_image
from refmask.batch.plan import Query
from refmask.batch.rows import SCHEMA, metadata_of, to_parquet
from refmask.batch.worker import Stage
from refmask.errors import ConfigurationError, MaskError
from refmask.ops import rle
from refmask.types import MaskProposals

EXPRESSIONS = ("the red car", "the big dog on the left", "left one")


def test_rows_are_the_scenes_answers(segmenter, photos):
    path = photos / "1.png"
    rows = Stage(segmenter)(Query(str(path), EXPRESSIONS))
    answers = segmenter.look(read_image(path)).find(list(EXPRESSIONS))
    assert [row["number"] for row in rows] == [0, 1, 2]
    for row, answer in zip(rows, answers, strict=True):
        counts = {"size": [row["height"], row["width"]], "counts": row["counts"]}
        assert np.array_equal(rle.decode(counts), answer.mask)
        assert row["area"] == answer.mask.sum()
        assert row["proposal"] == answer.best
        assert row["runner_up"] == answer.why.runner_up
        assert row["score"] == pytest.approx(answer.scores[answer.best], abs=1e-4)
        assert row["expected_iou"] is row["runner_up_expected_iou"] is None
        assert row["runner_up_score"] == pytest.approx(row["score"] - row["margin"], abs=2e-4)
        assert row["noun_phrase"] == answer.why.phrase.noun_phrase
        assert (row["unsure"], row["reason"]) == (answer.unsure, answer.reason)
        assert row["provenance"] == segmenter.provenance.to_dict()
        assert row["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert row.get("error") is None
        assert set(row) <= set(SCHEMA.names)


def test_an_image_that_cannot_be_read_gives_rows_with_errors(segmenter, photos):
    stage = Stage(segmenter)
    broken = stage(Query(str(photos / "broken.png"), EXPRESSIONS))
    assert [row["expression"] for row in broken] == list(EXPRESSIONS)
    assert all("is damaged or cut short" in row["error"] for row in broken)
    assert broken[0]["sha256"] is not None
    absent = stage(Query(str(photos / "nothing.png"), EXPRESSIONS))
    assert all("does not exist" in row["error"] for row in absent)
    assert absent[0]["sha256"] is None


def test_a_faulty_expression_fails_only_its_row(segmenter, photos):
    faulty = ("", EXPRESSIONS[0], "x" * 3000, EXPRESSIONS[1])
    rows = Stage(segmenter)(Query(str(photos / "1.png"), faulty))
    assert "got an empty one" in rows[0]["error"]
    assert "at most 2000 characters" in rows[2]["error"]
    sound = Stage(segmenter)(Query(str(photos / "1.png"), (EXPRESSIONS[0], EXPRESSIONS[1])))
    for row, other in zip([rows[1], rows[3]], sound, strict=True):
        assert row | {"number": 0} == other | {"number": 0}


def test_a_text_too_long_for_the_model_fails_only_its_row(model_files, photos):
    import refmask

    segmenter = refmask.load(*model_files("tiny_vit32"), compat="reference")
    rows = Stage(segmenter)(Query(str(photos / "1.png"), (EXPRESSIONS[0], "red " * 100 + "car")))
    assert rows[0].get("error") is None
    assert "too long" in rows[1]["error"] or "tokens" in rows[1]["error"]


@dataclasses.dataclass(frozen=True)
class Failing:
    error: Exception

    def propose(self, _):
        raise self.error


@pytest.mark.parametrize("error", [MaskError("no masks here"), ZeroDivisionError("by zero")])
def test_an_error_of_one_image_is_in_its_rows(segmenter, photos, error):
    stage = Stage(dataclasses.replace(segmenter, proposer=Failing(error)))
    rows = stage(Query(str(photos / "1.png"), EXPRESSIONS))
    assert all(str(error) in row["error"] for row in rows)


def test_an_error_of_no_image_stops(segmenter, photos):
    stage = Stage(dataclasses.replace(segmenter, proposer=Failing(ConfigurationError("disk full"))))
    with pytest.raises(ConfigurationError, match=r"disk full"):
        stage(Query(str(photos / "1.png"), EXPRESSIONS))


class Nothing:
    def propose(self, image):
        return MaskProposals.empty(*image.shape[:2])


def test_without_proposals_there_is_neither_mask_nor_error(segmenter, photos):
    rows = Stage(dataclasses.replace(segmenter, proposer=Nothing()))(
        Query(str(photos / "1.png"), EXPRESSIONS)
    )
    assert all(row["unsure"] and row["proposals"] == 0 for row in rows)
    assert not any(row.get("counts") or row.get("error") for row in rows)
    assert all(row["confidence"] is None and row["reason"] == "no regions" for row in rows)


@pytest.mark.parametrize("common", [True, False])
def test_rows_do_not_depend_on_earlier_images(build, photos, common):
    segmenter = build()
    phrases = tuple(segmenter.parser(list(EXPRESSIONS))) if common else None
    queries = [
        Query(str(photos / f"{n}.png"), None if common else EXPRESSIONS[: n + 1]) for n in range(3)
    ]
    stage = Stage(segmenter, phrases)
    forth = {query.image: stage(query) for query in queries}
    again = Stage(build(), phrases)
    back = {query.image: again(query) for query in reversed(queries)}
    assert to_bytes(forth) == to_bytes({name: back[name] for name in forth})


def to_bytes(rows):
    return to_parquet([row for group in rows.values() for row in group], {})


def test_a_file_holds_its_metadata():
    import pyarrow
    from pyarrow import parquet

    content = to_parquet([], {"rows": 0})
    assert metadata_of(parquet.read_metadata(pyarrow.BufferReader(content)).metadata) == {"rows": 0}
    for footer in (None, {}, {b"refmask": b"{"}, {b"refmask": json.dumps([1]).encode()}):
        assert metadata_of(footer) is None
