"""Tables: their form, the paper's figures beside ours, and what a sweep must equal."""

import csv
import dataclasses
import importlib
import json

import numpy as np
import pytest

from refmask.cli import main
from refmask.data import load_dataset
from refmask.ops import rle
from refmask.reproduce import EXPERIMENTS, paper, sweep
from refmask.reproduce.context import SCENES, VIT, ExperimentContext
from refmask.reproduce.table import Cell, Table, cell

pytestmark = pytest.mark.filterwarnings("ignore:.*published:refmask.RefmaskWarning")


@pytest.fixture
def setting(tmp_path):
    return ExperimentContext(
        tmp_path, models={VIT: ("embedded", None)}, first=2, say=lambda _: None
    )


def reproduce(*words):
    return main(["reproduce", *map(str, words)])


def rows(path):
    return {
        (row["row"], row["column"]): row for row in csv.DictReader(path.read_text().splitlines())
    }


def test_a_table_shows_ours_the_papers_and_the_difference():
    table = Table("T", ["a", "b"], ["x", "y"], notes=["a rule"])
    table.cells = {
        ("a", "x"): Cell(30.0, 31.11, 29.0, 31.0),
        ("a", "y"): Cell(paper=12.5),
        ("b", "x"): Cell(1.0),
    }
    lines = table.markdown().splitlines()
    assert lines[4] == "| a | 30.00 (31.11, -1.11) | - (12.50) |"
    assert lines[5] == "| b | 1.00 |  |"
    assert lines[-1] == "- a rule"
    assert table.csv().splitlines()[1:] == [
        "a,x,30.0000,29.0000,31.0000,31.1100,-1.1100",
        "a,y,,,,12.5000,",
        "b,x,1.0000,,,,",
    ]


def test_a_figure_that_a_run_does_not_have_is_empty():
    found = {"figures": {"oIoU": {"value": 0.5, "low": 0.4, "high": 0.6}}}
    assert cell(found, "oIoU", 51.0) == Cell(50.0, 51.0, 40.0, 60.0)
    assert cell(found, "choice") == Cell()


def test_the_papers_figures_fill_its_columns():
    for table in paper.TABLE_1.values():
        assert all(len(row) == len(paper.COLUMNS) for row in table.values())
    assert paper.TABLE_1["oIoU"]["global-local", "ViT-B/32"][6] == 31.11
    assert paper.TABLE_1["mIoU"]["global-local", "ViT-B/32"][8] == 33.61
    assert paper.TABLE_3["global-local"]["global-local"] == paper.TABLE_5["global-local"]["oIoU"]
    assert len(paper.TABLE_4) == 18


def test_a_sweep_holds_what_an_evaluation_finds(setting):
    segmenter = setting.segmenter(VIT, "global-local", SCENES[0], alpha=0.85, beta=0.5)
    summary = setting.evaluate(SCENES[0], segmenter, "one")
    found = sweep.sweep(setting, SCENES[0], VIT)
    assert set(found) == set(sweep.GRID)
    swept = found[0.85, 0.5]
    assert len(swept) == summary["expressions"]
    for name, figure in sweep_figures(swept).items():
        assert figure == pytest.approx(summary["figures"][name]["value"])
    assert sweep_figures(found[0.0, 0.0]) != sweep_figures(found[1.0, 1.0])


def sweep_figures(results):
    from refmask.metrics import compute_metrics

    return compute_metrics(results)


def test_a_sweep_is_made_once(setting):
    progress = []
    setting = dataclasses.replace(setting, say=progress.append)
    first = sweep.sweep(setting, SCENES[0], VIT)
    again = sweep.sweep(setting, SCENES[0], VIT)
    assert len(progress) == 1
    for blend, results in first.items():
        for name in ("image", "intersection", "union", "right_class", "kind", "words"):
            assert np.array_equal(getattr(results, name), getattr(again[blend], name))


def test_tables_on_scenes(tmp_path, capsys):
    out = tmp_path / "out"
    names = ("table1", "table2", "table3", "table5", "phrasecut", "noun-phrases", "table4")
    assert reproduce(*names, "--data", "scenes", "--first", 1, "--out", out) == 0
    written = [line for line in capsys.readouterr().out.splitlines() if " " not in line]
    assert len(written) == 2 * len(names) + 2
    found = rows(out / "table1-oIoU.csv")
    assert {row for row, _ in found} == {
        *(f"{name} embedded" for name in ("region-token", "cropping", "global-local")),
        "upper bound grouping",
    }
    for _, column in found:
        best = float(found["upper bound grouping", column]["ours"])
        own = float(found["global-local embedded", column]["ours"])
        assert best >= own
        assert found["global-local embedded", column]["paper"] == ""
    assert "only the first 1 images" in (out / "table1-oIoU.md").read_text()
    assert "18 of 18 heads" in (out / "table4.md").read_text()
    three = rows(out / "table3.csv")
    assert len(three) == 9
    five = rows(out / "table5.csv")
    diagonal = three["visual local", "text local"]["ours"]
    assert five["local", "oIoU"]["ours"] == diagonal


def perfect(root, split):
    """The targets themselves, as another system's masks."""
    dataset = load_dataset("refcoco", split, root)
    return [
        {"sent_id": query.id, "segmentation": rle.encode(query.target)}
        for image in dataset.ids
        for query in dataset.sample(image).queries
    ]


def test_table_1_on_the_papers_layout(data_root, model_files, tmp_path):
    vit, resnet = model_files("tiny_vit32"), model_files("tiny_rn")
    models = ["--vit", vit[0], "--vit-weights", vit[1]]
    models += ["--resnet", resnet[0], "--resnet-weights", resnet[1]]
    words = ["table1", "--data-root", data_root, "--out", tmp_path, *models]
    words += ["--proposals", "grouping:limit=4", "--store", tmp_path / "store"]
    for split in ("val", "testB"):
        (tmp_path / f"refcoco-{split}.json").write_text(json.dumps(perfect(data_root, split)))
    words += ["--prediction", f"Perfect={tmp_path}/{{dataset}}-{{split}}.json"]
    assert reproduce(*words) == 0
    found = rows(tmp_path / "table1-mIoU.csv")
    assert len(found) == 8 * 9 + 3 + 2  # TSEG reports three figures, two files were given
    assert {column for _, column in found} >= {"RefCOCO testB", "RefCOCOg val (G)"}
    runs = list((tmp_path / "runs").iterdir())
    assert len(runs) == 7 * 9 + 2
    assert float(found["Perfect", "RefCOCO val"]["ours"]) == 100
    assert ("Perfect", "RefCOCO testA") not in found
    assert found["TSEG, weakly supervised, as reported", "RefCOCO+ val"]["paper"] == "22.6200"
    splits = {json.loads((run / "configuration.json").read_text())["split"] for run in runs}
    assert splits == {"val", "testA", "testB", "test"}
    before = {run: (run / "samples.jsonl").stat().st_mtime_ns for run in runs}
    assert reproduce(*words) == 0
    assert before == {run: (run / "samples.jsonl").stat().st_mtime_ns for run in runs}


def test_the_papers_figures_are_shown_for_its_own_proposals_only(data_root, tmp_path, monkeypatch):
    monkeypatch.setattr(ExperimentContext, "proposer_name", property(lambda _: "freesolo"))
    monkeypatch.setattr(paper, "COLUMNS", (("refcoco", "val"), ("refcoco", "testA")))
    words = ["--data-root", data_root, "--vit", "embedded", "--resnet", "none"]
    words += ["--proposals", "grouping:limit=2"]
    monkeypatch.setattr("refmask.reproduce.context.PAPER_MODELS", {})
    assert reproduce("table1", *words, "--out", tmp_path) == 0
    found = rows(tmp_path / "table1-oIoU.csv")
    assert found["upper bound freesolo", "RefCOCO testA"]["paper"] == "42.5200"
    assert found["global-local embedded", "RefCOCO val"]["paper"] == "24.8800"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["table9", "--data", "scenes"], "unknown table or figure 'table9'; choose from table1"),
        (["table4", "--data", "scenes", "--prediction", "x"], "--prediction 'x' has no"),
        (["noun-phrases", "--data-root", "nowhere"], "nowhere"),
        (["table3", "--data", "scenes", "--vit", "none"], "there is no model for ViT-B/32"),
    ],
)
def test_what_cannot_be_made_is_told(words, told, tmp_path, capsys):
    assert reproduce(*words, "--out", tmp_path) == 2
    assert told in capsys.readouterr().err


def test_every_experiment_has_its_function():
    for name, (module, _) in EXPERIMENTS.items():
        found = importlib.import_module(f"refmask.reproduce.{module}")
        assert callable(getattr(found, name.replace("-", "_")))
