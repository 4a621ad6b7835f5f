"""Calibration: temperature and presence fitted to a run, reported honestly, and stored."""

import json
from dataclasses import replace

import numpy as np
import pytest

from refmask import fingerprint
from refmask.cli import main
from refmask.errors import ConfigurationError
from refmask.evaluation.calibrating import (
    LEAST,
    Answers,
    calibrate,
    calibration_of,
    fit_temperature,
    read_answers,
)
from refmask.factory import assemble
from refmask.metrics.reliability import Bins
from refmask.selection import Calibration, best_rows
from refmask.settings import file

#: What the made answers are like; the first wrong half is not there.
TRUE = Calibration(temperature=2.0, similarity=1.5, contrast=0.5, bias=-3.0)


def record(image, scores, right, likeness=None, targets=1, **more):
    """One record of an answer, with all that a run has of it."""
    best = int(np.argmax(scores))
    absent = more.get("chosen", best) is None
    return {
        **{"image": str(image), "query": f"{image}", "number": 0, "of": 1},
        **{"expression": "a thing", "kind": None, "words": 2, "proposals": len(scores)},
        **dict.fromkeys(("intersection", "union", "best_intersection", "best_union"), 1),
        **dict.fromkeys(("right_class", "right_instance", "chance"), None),
        **{"answers": int(not absent), "matched": 0, "targets": targets, "mask": {}},
        **{"scores": scores, "chosen": best, "drawings": [best], "likeness": likeness},
        **{"confidence": None if absent else 0.95, "iou": float(right)},
        **more,
    }


def made(count=400, seed=0):
    """Answers that are right as often as softmax(scores / 2) says, and things that are not there.

    Whether a thing is there follows from similarity and contrast by ``TRUE``, but for its weights.
    """
    rng = np.random.default_rng(seed)
    records = []
    for number in range(count):
        scores = rng.normal(0, 3, 4).round(4).tolist()
        there = bool(number % 4)
        likely = np.exp(np.array(scores) / TRUE.temperature)
        right = there and rng.random() < likely.max() / likely.sum()
        row = [*(rng.normal(4 if there else 0, 1, 2)).round(4).tolist(), 1.0]
        likeness = {"chosen": [row], "best": [row]}
        records.append(record(number, scores, right, likeness, int(there)))
    return records


@pytest.fixture
def folder(tmp_path):
    """Writes a run of records; returns its folder."""

    def write(records=None, name="run", **changed):
        settings = {
            **{"system": "refmask", "data": "made", "split": "val", "method": "global-local"},
            **{"weights_sha256": "ab" * 32, "calibration": "1/0/1/4"},
            **changed,
        }
        settings = {key: value for key, value in settings.items() if value is not None}
        run = tmp_path / name
        run.mkdir()
        (run / "configuration.json").write_text(json.dumps(settings))
        lines = "".join(json.dumps(one) + "\n" for one in records or made())
        (run / "samples.jsonl").write_text(lines)
        return run

    return write


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    path = tmp_path / "config.toml"
    monkeypatch.setenv("REFMASK_CONFIG", str(path))
    return path


def test_a_calibration_error_is_the_distance_of_confidence_and_success():
    bins = Bins(np.array([0.9, 0.9, 0.1, 0.1]), np.array([1.0, 0.0, 0.0, 0.0]))
    assert bins.ece == pytest.approx((2 * 0.4 + 2 * 0.1) / 4)
    assert bins.nll == pytest.approx(-np.log([0.9, 0.1, 0.9, 0.9]).mean())
    assert [row["answers"] for row in bins.rows()] == [2, 2]
    assert Bins(np.empty(0), np.empty(0)).ece == Bins(np.empty(0), np.empty(0)).nll == 0
    certain = Bins(np.ones(1), np.zeros(1))
    assert certain.nll == pytest.approx(-np.log(LEAST))


def test_the_temperature_of_made_answers_is_found():
    answers = Answers.of([one | {"likeness": None} for one in made(3000) if one["targets"]])
    assert fit_temperature(answers, Calibration()) == pytest.approx(TRUE.temperature, rel=0.15)


def test_the_half_that_was_not_fitted_on_gets_better():
    answers = Answers.of(made(2000))
    fit = calibrate(answers, replace(Calibration(), fitted="made answers"), present=0.9)
    assert fit.after.nll < fit.before.nll
    assert fit.after.ece < 0.08 < fit.before.ece
    assert fit.calibration.fitted == "made answers"
    assert (fit.expressions, fit.images) == (2000, 2000)
    assert len(fit.before.right) < len(answers)
    assert fit.absence["there"][1] > 0.9
    assert fit.absence["absent"][0] == 0 < 0.9 < fit.absence["absent"][1]
    json.dumps(fit.to_dict())


def test_so_many_of_what_is_there_are_found():
    # What is there and what is not look much alike.
    records = made(1000)
    for one in records:
        for row in one["likeness"].values():
            row[0][0] += 3 * (one["targets"] == 0)
    answers = Answers.of(records)
    shares = []
    for present in (0.5, 0.9, 0.99):
        found = answers.presence(calibrate(answers, Calibration(), present).calibration) >= 0.5
        shares.append(found[answers.there == 1].mean())
        assert shares[-1] >= present
    assert shares == sorted(shares)
    assert shares[-1] > shares[0]


def test_without_expressions_about_nothing_presence_stays():
    records = [one | {"targets": None} for one in made()]
    fit = calibrate(Answers.of(records), TRUE)
    assert replace(fit.calibration, temperature=TRUE.temperature) == TRUE
    assert fit.absence == {}


def test_a_thing_of_another_colour_counts_as_far_as_it_has_the_colour():
    rows = {"chosen": [[9.0, 9.0, 0.25]], "best": [[9.0, 9.0, 0.25], [-9.0, 0.0, 1.0]]}
    answers = Answers.of([record(0, [1.0], True, rows), record(1, [1.0], True)])
    calibration = Calibration(similarity=1.0, contrast=1.0, bias=0.0)
    assert answers.presence(calibration) == pytest.approx([0.25, 1.0], abs=1e-3)
    assert answers.shown(calibration) == pytest.approx([0.25, 1.0], abs=1e-3)


def test_the_best_rows_hold_the_likeliest_whatever_the_weights():
    rows = np.random.default_rng(0).random((60, 3), np.float32)
    best = best_rows(np.concatenate([rows, rows[:5]]))
    assert 1 < len(best) < 30
    for weights in np.random.default_rng(1).random((50, 2)):
        of_all, of_best = (some[:, :2] @ weights * some[:, 2] for some in (rows, best))
        assert of_best.max() == pytest.approx(of_all.max())


def test_records_tell_the_confidence_again(tmp_path):
    run = tmp_path / "run"
    command = ["evaluate", "gscenes", "--split", "val", "--proposals", "instances", "--first", "4"]
    assert main([*command, "--out", str(run)]) == 0
    (settings,), answers = read_answers([run])
    again = answers.bins(calibration_of(settings))
    assert again.confidence == pytest.approx(answers.recorded.confidence, abs=5e-4)
    assert len(again.right) > 20
    assert answers.tells_absence


def test_the_command_fits_draws_and_stores(folder, config, capsys):
    run = folder()
    assert main(["calibrate", str(run), "--dry-run"]) == 0
    assert not config.exists()
    assert main(["calibrate", str(run), "--present", "0.9"]) == 0
    told = capsys.readouterr().out
    assert "made val: 400 expressions about 400 images" in told
    assert "| calibration error (ECE) |" in told
    assert "| what is not there, not found | 0.000 |" in told
    assert f"stored in {config}" in told
    written = {path.name for path in (run / "calibration").iterdir()}
    assert written == {"calibration.json", "reliability.pdf", "reliability.png"}
    content = json.loads((run / "calibration" / "calibration.json").read_text())
    (stored,) = file.read().calibrations
    assert stored.numbers == content["calibration"]
    assert (stored.weights, stored.method) == ("ab" * 32, "global-local")
    assert stored.fitted == "made val"
    # Once more for the same model, and for another method.
    assert main(["calibrate", str(run)]) == 0
    assert len(file.read().calibrations) == 1
    assert main(["calibrate", str(folder(name="other", method="cropping"))]) == 0
    assert [one.method for one in file.read().calibrations] == ["global-local", "cropping"]


def test_answers_take_what_was_stored(folder, golden_model, fixed_proposer):
    clip = golden_model("tiny_vit32")
    plain = assemble(clip, fixed_proposer)
    assert plain.calibration == Calibration()
    assert main(["calibrate", str(folder(weights_sha256=clip.weights_sha256))]) == 0
    stored = file.read().calibrations
    fitted = assemble(clip, fixed_proposer, calibrations=stored)
    assert fitted.calibration.temperature == stored[0].temperature
    assert fitted.calibrated
    assert not plain.calibrated
    assert fitted.rules_out
    assert not plain.rules_out
    other = assemble(clip, fixed_proposer, method="cropping", calibrations=stored)
    assert other.calibration == Calibration()
    assert (
        assemble(clip, fixed_proposer, compat="reference", calibrations=stored).calibration is None
    )


def test_load_takes_what_was_stored(folder):
    import refmask

    shipped = refmask.load("embedded", proposals="grouping")
    weights = shipped.method.encoder.weights_sha256
    assert main(["calibrate", str(folder(weights_sha256=weights))]) == 0
    assert refmask.load("embedded", proposals="grouping").calibration.fitted == "made val"
    assert shipped.calibration.fitted != "made val"


def test_a_temperature_changes_the_confidence_alone(golden_model, fixed_proposer, noise):
    clip = golden_model("tiny_vit32")
    segmenter = replace(
        assemble(clip, fixed_proposer, answers="one"), calibration=Calibration(bias=9.0)
    )
    hot = replace(segmenter, calibration=Calibration(temperature=50.0, bias=9.0))
    first, second = (one.look(noise).find("the left thing") for one in (segmenter, hot))
    assert first.best == second.best
    assert np.array_equal(first.scores, second.scores)
    assert second.share < first.share


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"system": "predictions"}, "holds masks of another system; name a run of"),
        ({"compat.crop_fill": 0}, "answers as the released code does"),
        ({"weights_sha256": None}, "has no weights file"),
        ({"records": [{**record(0, [1.0], True), "scores": "x"}]}, "are damaged; evaluate again"),
        ({"records": [record(0, [1.0, 0.0], True)]}, "are too few to fit on"),
    ],
)
def test_runs_that_cannot_be_fitted_are_refused_in_one_line(folder, change, message, capsys):
    assert main(["calibrate", str(folder(**change)), "--dry-run"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_records_of_before_are_told_to_be_made_again(folder, tmp_path, capsys):
    old = [{k: v for k, v in one.items() if k != "drawings"} for one in made(4)]
    assert main(["calibrate", str(folder(old)), "--dry-run"]) == 2
    assert "an earlier version wrote them; evaluate again" in capsys.readouterr().err
    assert main(["calibrate", str(tmp_path)]) == 2
    assert "refmask: error: " in capsys.readouterr().err
    assert main(["calibrate", str(folder(name="two")), "--present", "1.5"]) == 2
    assert "give a share between 0 and 1" in capsys.readouterr().err


def test_runs_of_two_models_are_not_fitted_together(folder):
    runs = [folder(name="one"), folder(name="two", weights_sha256="cd" * 32)]
    with pytest.raises(ConfigurationError, match="differ in weights_sha256; calibrate each"):
        read_answers(runs)
    both, answers = read_answers([runs[0], folder(name="three", data="more")])
    assert len(both) == 2
    assert len(set(answers.image)) == 800


def test_a_calibration_is_written_and_read(config):
    for calibration in (TRUE, replace(TRUE, fitted="x"), Calibration(guessed=True)):
        again = Calibration.parse(str(calibration))
        assert replace(calibration, fitted="") == again
    config.write_text("[[calibrations]]\nweights = 'x'\n")
    with pytest.raises(ConfigurationError, match="'method' is missing in calibrations"):
        file.read()


def test_other_calibrations_are_other_settings(golden_model, fixed_proposer):
    segmenter = assemble(golden_model("tiny_vit32"), fixed_proposer, answers="one")
    fitted = [replace(TRUE, fitted="x", temperature=t) for t in (1.0, 2.0)]
    one, two = (
        fingerprint.of_system(segmenter.method, each.choice, segmenter.parser)
        for each in (replace(segmenter, calibration=calibration) for calibration in fitted)
    )
    assert one["calibration"] != two["calibration"]


def test_a_model_that_nobody_calibrated_rules_nothing_out_until_presence_is_fitted(folder):
    guess = calibration_of(read_answers([folder(calibration=None)])[0][0])
    assert guess == Calibration(guessed=True)
    answers = Answers.of(made())
    assert (answers.presence(guess) == 1).all()
    assert not calibrate(answers, guess).calibration.guessed
    without = Answers.of([one | {"targets": None} for one in made()])
    fitted = calibrate(without, guess).calibration
    assert fitted == replace(guess, temperature=fitted.temperature)
