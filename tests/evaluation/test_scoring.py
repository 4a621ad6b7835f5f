"""Masks of other systems, in the forms they come in."""

import json

import numpy as np
import pytest

from refmask.compat import Compat
from refmask.errors import InputError, MaskError
from refmask.evaluation.evaluate import Evaluation
from refmask.evaluation.scoring import read_predictions
from refmask.ops import rle


@pytest.fixture
def queries(squares):
    return {q.id: q for name in squares.ids for q in squares.sample(name).queries}


@pytest.fixture
def score(tmp_path, squares):
    """Scores what is written as JSON."""

    def run(told, compat=Compat()):  # noqa: B008
        (tmp_path / "told.json").write_text(json.dumps(told))
        system = read_predictions(tmp_path / "told.json", compat)
        return Evaluation(squares, system).run(tmp_path / "run")

    return run


def values(summary):
    return {name: figure["value"] for name, figure in summary["figures"].items()}


@pytest.mark.parametrize("name", ["sentence_id", "sent_id"])
def test_perfect_predictions_score_100_percent(score, queries, name):
    told = [{name: int(i), "segmentation": rle.encode(q.target)} for i, q in queries.items()]
    summary = score(told)
    assert set(values(summary).values()) == {1.0}
    assert {"oIoU", "mIoU", "Pr@0.9", "MC-ACC", "choice"} <= set(values(summary))
    assert not any(name.startswith("upper") for name in values(summary))
    assert summary["configuration"]["system"] == "predictions"


def test_an_object_by_id_and_runs_as_numbers(score, queries):
    told = {}
    for name, query in queries.items():
        flat = query.target.T.ravel()
        edges = np.flatnonzero(np.diff(flat)) + 1
        runs = np.diff([0, *edges, flat.size]).tolist()
        told[name] = {"size": [12, 16], "counts": runs if not flat[0] else [0, *runs]}
    assert values(score(told))["oIoU"] == 1.0


def test_polygons(score, queries):
    box = [[8, 3, 12, 3, 12, 9, 8, 9]]
    told = dict.fromkeys(queries, box)
    drawn = rle.from_polygons(box, 12, 16)
    shared = sum((drawn & q.target).sum() for q in queries.values())
    union = sum((drawn | q.target).sum() for q in queries.values())
    assert values(score(told))["oIoU"] == pytest.approx(shared / union)


def test_missing_predictions_count_as_empty_and_are_told(score, queries):
    perfect = {name: rle.encode(query.target) for name, query in queries.items()}
    summary = score({name: perfect[name] for name in list(perfect)[4:]})
    assert summary["without_proposals"] == 4
    assert summary["rules"][0] == "an expression without a prediction counts as IoU 0"
    assert values(summary)["mIoU"] == pytest.approx(10 / 14)
    assert values(summary)["Pr@0.5"] == pytest.approx(10 / 14)


def test_the_released_rules_leave_them_out(score, queries):
    perfect = {name: rle.encode(query.target) for name, query in queries.items()}
    some = {name: perfect[name] for name in list(perfect)[4:]}
    summary = score(some, Compat(skip_without_proposals=True))
    assert (summary["left_out"], values(summary)["mIoU"]) == (4, 1.0)
    assert summary["configuration"]["compat.skip_without_proposals"]


def test_an_empty_prediction_is_an_answer(score, queries):
    summary = score({name: [] for name in queries})
    assert summary["without_proposals"] == 0
    assert values(summary)["oIoU"] == values(summary)["MC-ACC"] == 0.0


def test_foreign_ids_are_named(score, queries):
    told = {name: [] for name in [*queries, "x1", "x2", "x3", "x4"]}
    with pytest.raises(InputError, match=r"4 of 18 .* \(first: x1, x2, x3\)"):
        score(told)


def test_a_mask_of_another_size_is_named(score):
    wrong = rle.encode(np.ones((16, 12), np.bool_))
    with pytest.raises(MaskError, match=r"image 7: the prediction of sentence 70 .* 12x16 pixels"):
        score({"70": wrong})


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (3, "give a list or an object"),
        ([{"segmentation": []}], "entry 0 .* lacks 'sentence_id' or 'segmentation'"),
        ([{"sentence_id": 1.5, "segmentation": []}], "entry 0"),
        ([{"sentence_id": 1}], "entry 0"),
        (["mask"], "entry 0"),
        ([{"sent_id": 1, "segmentation": []}] * 2, "several predictions for sentence 1;"),
    ],
)
def test_other_forms_are_told(score, told, message):
    with pytest.raises(InputError, match=message):
        score(told)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        read_predictions(tmp_path / "none.json", Compat())
    (tmp_path / "bad.json").write_bytes(b"\xff{")
    with pytest.raises(InputError, match="UTF-8 text"):
        read_predictions(tmp_path / "bad.json", Compat())
