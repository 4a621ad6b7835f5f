"""Figures of images: the rules that pick their examples, and what is drawn."""

import csv
import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from refmask.cli import main
from refmask.data import load_dataset
from refmask.errors import MissingResource
from refmask.evaluation.comparing import read_run
from refmask.ops import rle
from refmask.reproduce import examples, galleries, panels
from refmask.reproduce.context import SCENES, VIT, ExperimentContext
from refmask.reproduce.examples import Example, cause, failing, gaining, typical
from refmask.reproduce.plotting import check_plotting
from refmask.reproduce.qualitative import Gallery, counted_records, write_gallery

#: An error, were it read as a formula.
BROKEN = r"$\frac{$"
FIGURES = ("fig5", "fig6", "fig7", "fig10", "fig13", "fig14", "fig15")


def record(query, image, iou=0.0, best=0.9, confidence=0.5, right_class=1, right_instance=1):
    return {
        "query": query,
        "image": image,
        "iou": iou,
        "best_intersection": round(100 * best),
        "best_union": 100,
        "confidence": confidence,
        "right_class": right_class,
        "right_instance": right_instance,
    }


def by_query(*records):
    return {found["query"]: found for found in records}


def ids(found):
    return [example.query for example in found]


def test_gains_are_over_the_best_of_the_others_largest_first_one_per_image():
    images = {"a": "1", "b": "1", "c": "2", "d": "3", "e": "4", "f": "5"}

    def system(**ious):
        return by_query(*(record(q, images[q], value) for q, value in ious.items()))

    answers = {
        "one": system(a=0.1, b=0.0, c=0.0, d=0.2, e=0.5, f=0.3),
        "two": system(a=0.4, b=0.1, c=0.7, d=0.0, e=0.0, f=0.3),
        "both": system(a=0.9, b=0.9, c=0.8, d=1.0, e=0.5, f=0.2),
    }
    # a gains 0.5 but b, of the same image, 0.8; e gains nothing over one, f loses.
    assert ids(gaining(answers, "both", 9)) == ["b", "d", "c"]
    assert ids(gaining(answers, "both", 2)) == ["b", "d"]
    assert gaining(answers, "two", 9) == []


def test_equal_gains_go_by_the_id_whatever_their_order():
    low = by_query(*(record(q, q) for q in "cab"))
    high = by_query(*(record(q, q, 0.5) for q in "bca"))
    assert ids(gaining({"low": low, "high": high}, "high", 3)) == ["a", "b", "c"]


def test_typical_examples_are_the_nearest_to_quantiles_of_iou():
    ious = [k / 100 for k in range(101)]
    shuffled = np.random.default_rng(0).permutation(101)
    records = by_query(*(record(f"{k:03}", f"image {k}", ious[k]) for k in shuffled))
    found = typical(records, 1)
    assert ids(found) == ["095", "075", "050", "025"]
    assert found[0] == Example("image 95", "095", "95% quantile")
    assert ids(typical(records, 3, (0.5,))) == ["050", "049", "051"]


def test_typical_examples_take_the_next_image_rather_than_one_twice():
    records = by_query(*(record(f"{k}", "same" if k < 9 else "other", k / 10) for k in range(10)))
    found = typical(records, 2)
    assert ids(found) == ["9", "8"]
    assert [example.note for example in found] == ["95% quantile"] * 2
    assert typical({}, 2) == []


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"iou": 0.5}, None),
        ({"iou": 0.49, "best": 0.49}, examples.NO_PROPOSAL),
        ({"best": 0.4, "right_class": 0, "right_instance": 0}, examples.NO_PROPOSAL),
        ({"best": 0.5, "right_class": 0, "right_instance": 0}, examples.WRONG_CLASS),
        ({"right_instance": 0}, examples.WRONG_INSTANCE),
        ({"iou": 0.4}, None),
        ({"right_class": None, "right_instance": None}, None),
        ({"right_class": None, "right_instance": 0}, None),
    ],
)
def test_the_cause_of_a_failure(told, expected):
    assert cause(record("q", "p", **told)) == expected


def test_failures_are_the_most_confident_of_each_cause():
    wrong = {"right_class": 0, "right_instance": 0}
    records = by_query(
        record("a", "1", confidence=0.7, **wrong),
        record("b", "2", confidence=0.9, **wrong),
        record("c", "2", confidence=0.8, best=0.1),
        record("d", "3", confidence=0.3, right_instance=0),
        record("e", "4", confidence=1.0, iou=0.8),
        record("f", "5", confidence=0.7, **wrong),
        record("0", "6", confidence=0.2, **wrong),
    )
    # b is of the image that shows the first cause already; a and f are equally confident.
    assert failing(records, 1) == [
        Example("2", "c", examples.NO_PROPOSAL),
        Example("3", "d", examples.WRONG_INSTANCE),
        Example("1", "a", examples.WRONG_CLASS),
    ]
    assert ids(failing(records, 2)) == ["c", "d", "a", "f"]


@pytest.mark.parametrize(
    ("expression", "noun_phrase", "marked"),
    [
        ("woman left of the man", "the man", ["the", "man"]),
        ("woman near man", "man", ["man"]),
        ("A Tall man, waving", "a tall man", ["A", "Tall", "man,"]),
        ("girl's  umbrella open", "girl 's umbrella", ["girl's", "umbrella"]),
        ("cost $5 (or $6)", "$5 (or", ["$5", "(or"]),
        ("left", "right", []),
        ("left", "", []),
    ],
)
def test_the_noun_phrase_is_marked_where_it_stands(expression, noun_phrase, marked):
    words = panels.mark(expression, noun_phrase)
    assert [word for word, _ in words] == expression.split()
    assert [word for word, own in words if own] == marked


def test_a_painted_mask_keeps_its_colours_and_the_rest_recedes():
    image = np.zeros((30, 60, 3), np.uint8)
    image[..., 0] = 200
    mask = np.zeros((30, 60), np.bool_)
    mask[5:25, 10:40] = True
    drawn = panels.paint(image, mask, (0, 0, 255))
    assert drawn.shape == (panels.SIDE // 2, panels.SIDE, 3)
    assert drawn[135, 225].tolist() == [200, 0, 0]
    assert drawn[20, 500].min() > 60
    assert (drawn == (0, 0, 255)).all(axis=2).any()


def test_a_figure_is_as_large_as_its_rows_and_takes_any_text(tmp_path):
    tall, wide = np.zeros((90, 30, 3), np.uint8), np.zeros((30, 90, 3), np.uint8)

    def row(image, words, note=""):
        full = np.ones(image.shape[:2], np.bool_)
        return panels.Row(image, words, "$x", [panels.Panel(full, (9, 9, 9), BROKEN)], note)

    assert row(tall, "").extent == (panels.TALLEST / 3, panels.TALLEST)
    assert row(wide, "").extent == (panels.WIDTH, panels.WIDTH / 3)
    rows = [row(tall, "$x for " * 20, "n"), row(wide, BROKEN, "n"), row(wide, "", "m")]
    figure = panels.draw(["one"], rows, abreast=2)
    assert len(figure.axes) == 3
    left, right, below = (axes.get_position() for axes in figure.axes)
    assert right.x0 > left.x1
    assert left.y1 == pytest.approx(right.y1)
    assert below.y1 < left.y0
    assert below.y0 > 0
    figure.savefig(tmp_path / "figure.png")


def read(path):
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """All figures on three images of the scenes."""
    out = tmp_path_factory.mktemp("figures")
    words = ["--data", "scenes", "--first", "3", "--out", out, "--store", out / "store"]
    assert main(["reproduce", *FIGURES, *map(str, words)]) == 0
    return out


def records_of(made, name):
    (folder,) = made.glob(f"runs/scenes-val-{name}-????????")
    return read_run(folder).records


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_written_with_its_rule(made, name):
    caption = (made / f"{name}.md").read_text()
    assert "Data: scenes val. Shown are" in caption
    assert "only the first 3 images" in caption
    rows = read(made / f"{name}.csv")
    assert len({row["image"] for row in rows}) == len(rows) > 0
    assert (made / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    assert b"CreationDate" not in (made / f"{name}.pdf").read_bytes()
    with Image.open(made / f"{name}.png") as image:
        assert image.width > 500
        assert np.array(image.convert("L")).min() < 60


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        (
            "fig5",
            {
                "global": "global-embedded-instances",
                "local": "cropping-embedded-instances",
                "global-local": "global-local-embedded-instances",
            },
        ),
        (
            "fig7",
            {
                "region-token embedded": "region-token-embedded",
                "cropping embedded": "cropping-embedded",
                "global-local embedded": "global-local-embedded",
            },
        ),
    ],
)
def test_figures_show_where_global_local_gains_most(made, name, runs):
    *others, winner = ({q: r["iou"] for q, r in records_of(made, x).items()} for x in runs.values())
    gain = {query: winner[query] - max(other[query] for other in others) for query in winner}
    shown = []
    for row in read(made / f"{name}.csv"):
        found = [*(other[row["query"]] for other in others), winner[row["query"]]]
        assert [row[f"IoU {column}"] for column in runs] == [f"{value:.4f}" for value in found]
        shown.append(gain[row["query"]])
    assert shown == sorted(shown, reverse=True)
    assert shown[0] == max(gain.values()) > 0


def test_figure_5_differs_in_the_visual_feature_only(made):
    names = ("global", "cropping", "global-local")
    folders = [next(made.glob(f"runs/scenes-val-{x}-embedded-instances-????????")) for x in names]
    told = [json.loads((folder / "configuration.json").read_text()) for folder in folders]
    assert len({one["beta"] for one in told}) == 1
    assert [one["alpha"] for one in told[:2]] == [1.0, 0.0]


def test_figure_6_differs_in_the_text_only(made):
    betas = {}
    for folder in made.glob("runs/scenes-val-global-local*instances-????????"):
        told = json.loads((folder / "configuration.json").read_text())
        betas[told["beta"]] = {k: v for k, v in told.items() if k != "beta"}
    assert len(betas) == 3
    assert {0.0, 1.0} < set(betas)
    assert len({json.dumps(told, sort_keys=True) for told in betas.values()}) == 1


def test_figure_10_shows_failures_beside_the_best_proposal(made):
    records = records_of(made, "global-local-embedded")
    for row in read(made / "fig10.csv"):
        found = records[row["query"]]
        assert found["iou"] < 0.5
        assert row["example of"] == cause(found)
        best = found["best_intersection"] / found["best_union"]
        assert float(row["IoU best proposal"]) == pytest.approx(best, abs=1e-4)
    told = (made / "fig10.md").read_text()
    failed = sum(cause(found) == examples.WRONG_CLASS for found in records.values())
    assert f"wrong class: {failed} of {len(records)} expressions" in told


def test_the_best_proposal_is_drawn_as_it_is(made, tmp_path):
    setting = ExperimentContext(
        tmp_path, models={VIT: ("embedded", None)}, store=str(made / "store")
    )
    (row, *_) = read(made / "fig10.csv")
    example = Example(row["image"], row["query"])
    (found,) = galleries.best_proposals(setting, SCENES[0], [example]).values()
    sample = load_dataset("scenes", "val").sample(example.image)
    target = next(query.target for query in sample.queries if query.id == example.query)
    mask = rle.decode(found["mask"])
    assert (mask & target).sum() / (mask | target).sum() == pytest.approx(found["iou"])
    assert f"{found['iou']:.4f}" == row["IoU best proposal"]


def test_the_same_figure_is_the_same_file(made):
    before = {kind: (made / f"fig13.{kind}").read_bytes() for kind in ("pdf", "png", "csv", "md")}
    words = ["--data", "scenes", "--first", "3", "--out", made, "--store", made / "store"]
    assert main(["reproduce", "fig13", *map(str, words)]) == 0
    for kind, content in before.items():
        assert (made / f"fig13.{kind}").read_bytes() == content, kind


def test_a_rule_that_nothing_fits_leaves_a_caption_only(tmp_path):
    setting = ExperimentContext(tmp_path, models={VIT: ("embedded", None)})
    gallery = Gallery("fig5", "What.", "Rule.", SCENES[0], {"one": {}}, [])
    assert write_gallery(setting, gallery) == [tmp_path / "fig5.md"]
    assert "No expression fits the rule." in (tmp_path / "fig5.md").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["fig5.md"]


def test_examples_are_of_expressions_that_count(made):
    (folder,) = made.glob("runs/scenes-val-global-local-embedded-????????")
    run = read_run(folder)
    assert counted_records(run) == run.records
    query = next(iter(run.records))
    run.records[query]["proposals"] = 0
    assert query in counted_records(run)
    run = replace(run, configuration=run.configuration | {"compat.skip_without_proposals": True})
    assert set(run.records) - set(counted_records(run)) == {query}


def test_without_matplotlib_nothing_is_begun(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(MissingResource):
        check_plotting()
    for name in FIGURES:
        words = ["reproduce", name, "--data", "scenes", "--out", str(tmp_path)]
        assert main(words) == 2
        assert "refmask[figures]" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore:.*published:refmask.RefmaskWarning")
def test_on_the_papers_data_all_its_methods_and_data_sets_are_shown(
    data_root, model_files, tmp_path
):
    vit, resnet = model_files("tiny_vit32"), model_files("tiny_rn")
    words = ["--data-root", data_root, "--out", tmp_path, "--compat", "reference"]
    words += ["--vit", vit[0], "--vit-weights", vit[1]]
    words += ["--resnet", resnet[0], "--resnet-weights", resnet[1]]
    words += ["--proposals", "grouping:limit=4", "--store", tmp_path / "store"]
    names = ("fig7", "fig13", "fig14", "fig15")
    assert main(["reproduce", *names, *map(str, words)]) == 0
    shown = [line for line in (tmp_path / "fig7.md").read_text().splitlines() if "Data:" in line]
    assert "RefCOCOg val (U)" in shown[0]
    (run,) = (tmp_path / "runs").glob("refcoco+*")
    assert json.loads((run / "configuration.json").read_text())["data"] == "refcoco+"
    folders = {path.name.rpartition("-")[0] for path in (tmp_path / "runs").glob("refcocog*")}
    methods = ("grad-cam", "score-map", "region-token", "cropping", "global-local")
    assert all(any(f"-{method}-" in folder for folder in folders) for method in methods)
    for name, label in (("fig13", "RefCOCO val"), ("fig14", "RefCOCO+ val")):
        caption = (tmp_path / f"{name}.md").read_text()
        assert f"Data: {label}. " in caption
        assert "compat reference" in caption
        (row,) = read(tmp_path / f"{name}.csv")
        assert row["example of"] == "95% quantile"


@pytest.mark.parametrize("name", FIGURES)
def test_without_the_model_whose_answers_are_shown_nothing_is_begun(name, tmp_path, capsys):
    words = ["reproduce", name, "--data", "scenes", "--vit", "none", "--out", str(tmp_path)]
    assert main(words) == 2
    assert "there is no model for ViT-B/32" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
