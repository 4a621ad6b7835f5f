"""Figures 4, 8, 9, 11 and 12: their numbers against other ways to them, and their files."""

import csv
import json
import sys
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from refmask.cli import main
from refmask.data import load_dataset
from refmask.metrics import Interval, overall_iou
from refmask.ops import rle
from refmask.reproduce.context import SCENES, VIT, ExperimentContext
from refmask.reproduce.plotting import Curve, panels, write_figure
from refmask.text.parser import PhraseParser

NAMES = ("fig4", "fig8", "fig9", "fig11", "fig12")
SHARED = ("--data", "scenes", "--first", "2")


def reproduce(*words):
    return main(["reproduce", *map(str, words)])


def rows(path):
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.fixture(scope="module")
def samples():
    """The first two images of scenes val."""
    dataset = load_dataset("scenes", "val")
    return [dataset.sample(name) for name in dataset.ids[:2]]


@pytest.fixture(scope="module")
def predictions(samples, tmp_path_factory):
    """The targets as predictions, and every other of them."""
    folder = tmp_path_factory.mktemp("predictions")
    told = {query.id: rle.encode(query.target) for s in samples for query in s.queries}
    (folder / "all.json").write_text(json.dumps(told))
    (folder / "half.json").write_text(json.dumps(dict(list(told.items())[::2])))
    return folder


@pytest.fixture(scope="module")
def tiny(model_files):
    """Another vision transformer, as ``--also-vit`` takes it."""
    return "=".join(model_files("tiny_vit32"))


@pytest.fixture(scope="module")
def made(predictions, tiny, tmp_path_factory):
    """All figures on two images of each split."""
    out = tmp_path_factory.mktemp("figures")
    given = ["--also-vit", tiny]
    for name in ("Half@8=half", "All@4=all", "Half@2=half"):
        given += ["--prediction", name.replace("=", f"={predictions}/") + ".json"]
    assert reproduce(*NAMES, *SHARED, "--out", out, *given) == 0
    return out


@pytest.fixture
def setting(made):
    """The same, from Python."""
    return ExperimentContext(made, models={VIT: ("embedded", None)}, first=2, say=lambda _: None)


def summarised(setting, method="global-local", **settings):
    segmenter = setting.segmenter(VIT, method, SCENES[0], **settings)
    return setting.answers(SCENES[0], segmenter, f"{method} {settings}").records.values()


def percent(records):
    return 100 * overall_iou([r["intersection"] for r in records], [r["union"] for r in records])


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_a_pdf_a_png_its_numbers_and_a_caption(name, made):
    assert (made / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    with Image.open(made / f"{name}.png") as image:
        assert np.asarray(image.convert("L")).std() > 5
    assert rows(made / f"{name}.csv")
    caption = (made / f"{name}.md").read_text()
    assert caption.startswith(f"# Figure {name[3:]}, ")
    assert "only the first 2 images" in caption


def test_figure_4_scores_what_is_given_beside_our_line(made, samples, setting):
    ours, *others = rows(made / "fig4.csv")
    assert float(ours["oIoU"]) == pytest.approx(percent(summarised(setting)), abs=1e-4)
    areas = [int(query.target.sum()) for sample in samples for query in sample.queries]
    half = f"{100 * sum(areas[::2]) / sum(areas):.4f}"
    found = [(row["system"], row["k"], row["oIoU"]) for row in others]
    assert found == [("Half", "2", half), ("Half", "8", half), ("All", "4", "100.0000")]
    assert all(float(row["low"]) <= float(row["high"]) for row in others)


def test_figure_4_without_predictions_says_so(tmp_path, capsys):
    assert reproduce("fig4", "--data", "scenes", "--first", 1, "--out", tmp_path) == 0
    assert len(rows(tmp_path / "fig4.csv")) == 1
    assert "no supervised system is drawn" in capsys.readouterr().out
    assert "no supervised system is drawn" in (tmp_path / "fig4.md").read_text()


def test_figure_8_counts_words_and_nouns(made, samples):
    said = [query.expression for sample in samples for query in sample.queries]
    found = [row for row in rows(made / "fig8.csv") if row["data"] == "scenes val"]
    words = {int(r["number"]): int(r["expressions"]) for r in found if r["unit"] == "words"}
    assert words == Counter(len(expression.split()) for expression in said)
    nouns = {int(r["number"]): int(r["expressions"]) for r in found if r["unit"] == "nouns"}
    assert sum(nouns.values()) == len(said)
    for unit in ("words", "nouns"):
        shares = [float(row["share"]) for row in found if row["unit"] == unit]
        assert sum(shares) == pytest.approx(100, abs=0.001)


def test_nouns_are_counted_per_expression():
    said = ["the red car", "a man with a dog on the couch", "running fast"]
    assert PhraseParser().count_nouns(said) == [1, 3, 0]


def test_figure_9_is_the_difference_of_two_runs_by_length(made, setting):
    both, whole = summarised(setting, beta=0.5), summarised(setting, beta=1.0)
    found = [row for row in rows(made / "fig9.csv") if row["data"] == "scenes val"]
    assert sum(int(row["expressions"]) for row in found) == len(both)
    for row in found:
        low, _, high = row["words"].partition("-")
        some = [[r for r in run if int(low) <= r["words"] <= int(high)] for run in (both, whole)]
        assert int(row["expressions"]) == len(some[0])
        assert float(row["gain"]) == pytest.approx(percent(some[0]) - percent(some[1]), abs=2e-4)
        assert float(row["low"]) <= float(row["high"])


def test_figure_11_holds_one_weight_and_sweeps_the_other(made, setting):
    found = [row for row in rows(made / "fig11.csv") if row["data"] == "scenes val"]
    alphas = {float(r["alpha"]): r for r in found if r["swept"] == "alpha"}
    betas = {float(r["beta"]): r for r in found if r["swept"] == "beta"}
    assert (len(alphas), len(betas)) == (21, 11)
    assert {row["beta"] for row in alphas.values()} == {"0.5000"}
    assert {row["alpha"] for row in betas.values()} == {"0.7000"}
    assert alphas[0.7]["oIoU"] == betas[0.5]["oIoU"]
    for blend, row in (((0.2, 0.5), alphas[0.2]), ((0.7, 1.0), betas[1.0])):
        run = summarised(setting, alpha=blend[0], beta=blend[1])
        assert float(row["oIoU"]) == pytest.approx(percent(run), abs=1e-4)


def test_figure_12_asks_every_vit_with_every_k(made, setting):
    found = rows(made / "fig12.csv")
    own = {row["model"]: int(row["mask_layers"]) for row in found if row["own"] == "1"}
    other = "tiny_vit32.json tiny_vit32.safetensors"
    assert own == {"embedded": 2, other: 3}
    assert Counter(row["model"] for row in found) == {"embedded": 6, other: 12}
    for k in (1, 2, 6):
        run = summarised(setting, "global", mask_layers=k)
        assert float(found[k - 1]["oIoU"]) == pytest.approx(percent(run), abs=1e-4)


def test_figure_12_looks_only_for_what_is_new(made, tiny, capsys):
    before = {path: path.read_bytes() for path in made.glob("fig12.*")}
    assert reproduce("fig12", *SHARED, "--out", made, "--also-vit", tiny) == 0
    printed = capsys.readouterr()
    assert "sweeps" not in printed.out + printed.err
    assert before == {path: path.read_bytes() for path in made.glob("fig12.*")}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fig4", "--prediction", "LAVT@0=masks.json"], "the name 'LAVT@0' of a prediction"),
        (["fig4", "--prediction", "LAVT@4=masks.json"], "masks.json"),
    ],
)
def test_what_figure_4_cannot_draw_is_told(words, told, tmp_path, capsys):
    assert reproduce(*words, *SHARED, "--out", tmp_path) == 2
    assert told in capsys.readouterr().err


def test_figure_12_is_about_vision_transformers(model_files, tmp_path, capsys):
    words = ["--also-vit", "=".join(model_files("tiny_rn")), "--out", tmp_path]
    assert reproduce("fig12", *SHARED, *words) == 2
    assert "figure 12 needs vision transformers" in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_without_matplotlib_nothing_is_computed(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    assert reproduce(name, *SHARED, "--out", tmp_path / "out") == 2
    assert 'pip install "refmask[figures]"' in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_curve_is_in_percent():
    curve = Curve("c")
    curve.add(3, Interval(0.5, 0.25, 0.75))
    assert curve.x == [3]
    assert curve.values() == [{"oIoU": 50.0, "low": 25.0, "high": 75.0}]


def test_a_figure_written_twice_is_the_same_bytes(tmp_path):
    found = []
    for name in ("one", "two"):
        figure, (panel,) = panels()
        panel.plot([0, 1], [2, 3], label="line")
        panel.legend()
        settled = ExperimentContext(tmp_path / name)
        paths = write_figure(settled, "f", figure, [{"a": 1.5, "b": None}], "# F", ["a rule"])
        found.append([path.read_bytes() for path in paths])
    assert found[0] == found[1]
    assert found[0][2] == b"a,b\n1.5000,\n"
    assert found[0][3] == b"# F\n\n- a rule\n"


@pytest.mark.filterwarnings("ignore:.*published:refmask.RefmaskWarning")
def test_the_papers_data_sets_have_their_own_blends(data_root, tmp_path):
    words = ["--data-root", data_root, "--vit", "embedded", "--proposals", "grouping:limit=2"]
    assert reproduce("fig8", "fig9", "fig11", *words, "--out", tmp_path) == 0
    found = rows(tmp_path / "fig11.csv")
    alphas = {row["data"]: float(row["alpha"]) for row in found if row["swept"] == "beta"}
    assert alphas == {"RefCOCO val": 0.95, "RefCOCO+ val": 0.95, "RefCOCOg val (U)": 0.85}
    for name in ("fig8", "fig9"):
        assert {row["data"] for row in rows(tmp_path / f"{name}.csv")} == set(alphas)
    assert len(list((tmp_path / "sweeps").iterdir())) == 3
