"""The rows of an image: its scene's answers, or why there is none."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest

from refmask import read_image
from refmask.batch.plan import Ask
from refmask.batch.rows import SCHEMA, to_parquet, told_of
from refmask.batch.stage import Stage
from refmask.errors import ConfigurationError, MaskError
from refmask.ops import rle
from refmask.types import MaskProposals

ASKED = ("the red car", "the big dog on the left", "left one")


def test_rows_are_the_scenes_answers(segmenter, photos):
    path = photos / "1.png"
    rows = Stage(segmenter)(Ask(str(path), ASKED))
    answers = segmenter.look(read_image(path)).find(list(ASKED))
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


def test_a_image_that_cannot_be_read_gives_rows_with_errors(segmenter, photos):
    stage = Stage(segmenter)
    broken = stage(Ask(str(photos / "broken.png"), ASKED))
    assert [row["expression"] for row in broken] == list(ASKED)
    assert all("is damaged or cut short" in row["error"] for row in broken)
    assert broken[0]["sha256"] is not None
    absent = stage(Ask(str(photos / "nothing.png"), ASKED))
    assert all("does not exist" in row["error"] for row in absent)
    assert absent[0]["sha256"] is None


def test_a_faulty_expression_costs_its_own_row_alone(segmenter, photos):
    faulty = ("", ASKED[0], "x" * 3000, ASKED[1])
    rows = Stage(segmenter)(Ask(str(photos / "1.png"), faulty))
    assert "got an empty one" in rows[0]["error"]
    assert "at most 2000 characters" in rows[2]["error"]
    sound = Stage(segmenter)(Ask(str(photos / "1.png"), (ASKED[0], ASKED[1])))
    for row, other in zip([rows[1], rows[3]], sound, strict=True):
        assert row | {"number": 0} == other | {"number": 0}


def test_a_text_too_long_for_the_model_costs_its_own_row_alone(model_files, photos):
    import refmask

    segmenter = refmask.load(*model_files("tiny_vit32"), compat="reference")
    rows = Stage(segmenter)(Ask(str(photos / "1.png"), (ASKED[0], "red " * 100 + "car")))
    assert rows[0].get("error") is None
    assert "too long" in rows[1]["error"] or "tokens" in rows[1]["error"]


@dataclasses.dataclass(frozen=True)
class Failing:
    error: Exception

    def propose(self, _):
        raise self.error


@pytest.mark.parametrize("error", [MaskError("no masks here"), ZeroDivisionError("by zero")])
def test_what_one_image_causes_is_its_rows_error(segmenter, photos, error):
    stage = Stage(dataclasses.replace(segmenter, proposer=Failing(error)))
    rows = stage(Ask(str(photos / "1.png"), ASKED))
    assert all(str(error) in row["error"] for row in rows)


def test_what_no_image_causes_stops(segmenter, photos):
    stage = Stage(dataclasses.replace(segmenter, proposer=Failing(ConfigurationError("disk full"))))
    with pytest.raises(ConfigurationError, match=r"disk full"):
        stage(Ask(str(photos / "1.png"), ASKED))


class Nothing:
    def propose(self, image):
        return MaskProposals.empty(*image.shape[:2])


def test_without_proposals_there_is_neither_mask_nor_error(segmenter, photos):
    rows = Stage(dataclasses.replace(segmenter, proposer=Nothing()))(
        Ask(str(photos / "1.png"), ASKED)
    )
    assert all(row["unsure"] and row["proposals"] == 0 for row in rows)
    assert not any(row.get("counts") or row.get("error") for row in rows)
    assert all(row["confidence"] is None and row["reason"] == "no regions" for row in rows)


@pytest.mark.parametrize("common", [True, False])
def test_rows_do_not_depend_on_what_came_before(build, photos, common):
    segmenter = build()
    phrases = tuple(segmenter.parser(list(ASKED))) if common else None
    asks = [Ask(str(photos / f"{n}.png"), None if common else ASKED[: n + 1]) for n in range(3)]
    stage = Stage(segmenter, phrases)
    forth = {ask.image: stage(ask) for ask in asks}
    again = Stage(build(), phrases)
    back = {ask.image: again(ask) for ask in reversed(asks)}
    assert to_bytes(forth) == to_bytes({name: back[name] for name in forth})


def to_bytes(rows):
    return to_parquet([row for some in rows.values() for row in some], {})


def test_a_file_tells_of_itself():
    import pyarrow
    from pyarrow import parquet

    content = to_parquet([], {"rows": 0})
    assert told_of(parquet.read_metadata(pyarrow.BufferReader(content)).metadata) == {"rows": 0}
    for metadata in (None, {}, {b"refmask": b"{"}, {b"refmask": json.dumps([1]).encode()}):
        assert told_of(metadata) is None
