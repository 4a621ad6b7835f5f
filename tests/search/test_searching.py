"""A search finds the same as all scenes."""

import dataclasses
import os
import warnings
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import lancedb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from refmask.errors import ConfigurationError, ExpressionError, ImageError, InputError
from refmask.methods.global_local import GlobalLocal
from refmask.ops import rle
from refmask.reading import Reading
from refmask.search import Filters, Index
from refmask.search.filters import among, below
from refmask.types import MaskProposals, TargetPhrase

PHRASES = ("red car", "the cat on the left", "two green things")
#: Tolerance of scores, at a logit scale of 14: features are stored in float16.
CLOSE = 0.01


@pytest.fixture
def index(filled, make_segmenter):
    return Index.open(filled[0], make_segmenter(rows=4))


@pytest.fixture
def ask(looked):
    """Answers of all scenes to a phrase by path, best score first."""

    def answers(index, phrase):
        found = {
            path: replace(scene, segmenter=index.segmenter).find(phrase)
            for path, scene in looked.items()
        }
        return dict(sorted(found.items(), key=lambda pair: -pair[1].scores.max()))

    return answers


@pytest.mark.parametrize("phrase", PHRASES)
def test_scores_and_order_are_those_of_all_scenes(index, ask, phrase):
    answers = ask(index, phrase)
    hits = index.search(phrase, top=40, regions=8)
    assert {hit.path for hit in hits} == set(answers)
    wanted = [answer.scores.max() for answer in answers.values()]
    assert np.allclose([hit.score for hit in hits], wanted, atol=CLOSE)
    for hit in hits:
        scores = {region.number: region.score for region in hit.regions}
        expected = answers[hit.path].scores
        assert np.allclose([scores[number] for number in range(8)], expected, atol=CLOSE)
        if np.sort(expected)[-1] - np.sort(expected)[-2] > 2 * CLOSE:
            assert np.array_equal(hit.regions[0].mask, answers[hit.path].mask)


def test_another_alpha_and_beta_are_compared_with_every_row(filled, make_segmenter, ask):
    for setting in ({"alpha": 0.2}, {"alpha": 1.0, "beta": 0.0}, {"beta": 1.0}):
        index = Index.open(filled[0], make_segmenter(rows=4, **setting))
        wanted = [answer.scores.max() for answer in ask(index, PHRASES[0]).values()]
        hits = index.search(PHRASES[0], top=40)
        assert np.allclose([hit.score for hit in hits], wanted, atol=CLOSE), setting


def test_exact_is_the_same_below_the_threshold(index):
    for phrase in PHRASES:
        scored = [[h.score for h in index.search(phrase, 40, exact=e)] for e in (False, True)]
        assert np.allclose(*scored, atol=1e-4)


def test_the_fields_of_a_hit(index):
    (hit,) = index.search(PHRASES[0], top=1)
    with Image.open(hit.path) as image:
        assert (hit.width, hit.height) == image.size
    assert (hit.confidence, hit.unsure, hit.verdict) == (None, None, "")
    (region,) = index.search(PHRASES[0], top=1, regions=1)[0].regions
    assert region.mask.shape == (hit.height, hit.width)
    assert region.area == region.mask.sum()
    record = hit.record()
    assert record["path"] == hit.path
    assert rle.decode(record["regions"][0]["segmentation"]).sum() == region.area
    assert [one["score"] for one in record["regions"]] == sorted(
        (one["score"] for one in record["regions"]), reverse=True
    )


def test_all_images_are_found_though_each_has_many_regions(index, monkeypatch):
    monkeypatch.setattr("refmask.search.index.EACH", 1)
    assert len(index.search(PHRASES[0], top=30)) == 30
    assert len(index.search(PHRASES[0], top=100)) == 40


def test_reranked_by_the_images_own_scenes(index, ask):
    plain = {hit.path: hit for hit in index.search(PHRASES[0], top=10)}
    hits = index.search(PHRASES[0], top=10, rerank=10)
    assert {hit.path for hit in hits} == set(plain)
    answers = ask(index, PHRASES[0])
    for hit in hits:
        answer = answers[hit.path]
        assert hit.score == pytest.approx(plain[hit.path].score)
        assert hit.confidence == pytest.approx(answer.confidence, abs=CLOSE)
    ranks = [hit.score + np.log(hit.confidence) for hit in hits]
    assert ranks == sorted(ranks, reverse=True)
    best = index.search(PHRASES[0], top=3, rerank=10)
    assert [hit.path for hit in best] == [hit.path for hit in hits[:3]]
    some = index.search(PHRASES[0], top=10, rerank=3)
    assert [hit.confidence is None for hit in some] == [False] * 3 + [True] * 7


def test_hits_have_provenance(index, make_segmenter, filled):
    pieces = "pieces:rows=4"
    (hit,) = index.search(PHRASES[0], top=1)
    assert hit.provenance == index.segmenter.provenance
    assert hit.provenance.proposals == pieces
    assert hit.record()["provenance"] == hit.provenance.to_dict()
    # The masks are the index's, whatever the proposer of the searching system.
    other = Index.open(filled[0], make_segmenter(rows=2, alpha=0.3))
    searched = other.search(PHRASES[0], top=1)[0].provenance
    assert (searched.proposals, searched.method.split(",")[0]) == (pieces, "global-local:alpha=0.3")
    assert other.scene(hit.path).find(PHRASES[0]).provenance == searched


def test_hits_on_a_single_region_are_unsure(tmp_path, make_segmenter, paint):
    class Whole:
        """One region."""

        def configuration(self):
            return {"proposer": "whole"}

        def propose(self, image):
            return MaskProposals(np.ones((1, *image.shape[:2]), np.bool_))

    system = dataclasses.replace(make_segmenter(), proposer=Whole())
    index = Index.open(tmp_path / "index", system, create=True)
    index.add([paint(tmp_path / "a.png", 1)])
    for rerank in (0, 1):
        (hit,) = index.search(PHRASES[0], rerank=rerank)
        assert (hit.confidence, hit.unsure, hit.reason) == (None, True, "one region only")
        assert hit.record()["reason"] == "one region only"


def test_a_phrase_that_the_method_does_not_know_is_unsure_everywhere(filled, make_segmenter):
    class WordList(GlobalLocal):
        def unknown(self, phrases):
            return [f"{phrase.head!r} is not known" for phrase in phrases]

    made = make_segmenter(rows=4)
    method = WordList(made.method.encoder, made.method.alpha)
    index = Index.open(filled[0], dataclasses.replace(made, method=method))
    for hit in index.search(PHRASES[0], top=4, rerank=2):
        assert (hit.confidence, hit.unsure) == (None, True)
        assert "is not known" in hit.reason
        assert "%" not in hit.verdict
    assert "is not known" in index.unknown(PHRASES[0])
    assert Index.open(filled[0], made).unknown(PHRASES[0]) is None


def test_reranked_hits_report_low_confidence(index):
    for hit in index.search(PHRASES[0], top=10, rerank=10):
        assert hit.unsure == (hit.confidence < 0.5)
        assert hit.reason == ("low confidence" if hit.unsure else None)


def test_a_region_that_the_scene_does_not_answer_with_is_not_trusted(index, ask):
    where, answers = Filters(max_area=0.08), ask(index, PHRASES[0])
    for hit in index.search(PHRASES[0], top=40, where=where, rerank=40):
        answer = answers[hit.path]
        if hit.regions[0].number != answer.best:
            assert hit.confidence < answer.confidence


def test_a_missing_or_changed_image_is_not_reranked(tmp_path, make_segmenter, paint):
    index = Index.open(tmp_path / "other", make_segmenter(rows=4), create=True)
    for seed in range(4):
        paint(tmp_path / "some" / f"{seed}.png", seed)
    index.add([tmp_path / "some"])
    before = [hit.path for hit in index.search(PHRASES[0])]
    Path(before[0]).unlink()
    Image.open(before[1]).rotate(180).save(before[1])
    with pytest.warns(UserWarning, match="not re-ranked") as warned:
        hits = index.search(PHRASES[0], rerank=4)
    assert len(warned) == 2
    assert [hit.path for hit in hits[2:]] == before[:2]
    with pytest.raises(ImageError, match="refmask index update"):
        index.scene(before[1])


def test_a_scene_of_the_index_answers_as_a_new_one(index, filled, ask, blind):
    path = str(filled[1] / "even" / "4.png")
    expected = ask(index, PHRASES[2])[path]
    blind()
    answer = index.scene(path).find(PHRASES[2])
    assert answer.best == expected.best
    assert np.array_equal(answer.mask, expected.mask)
    assert np.allclose(answer.scores, expected.scores, atol=CLOSE)
    with pytest.raises(InputError, match="add it first"):
        index.scene("/nowhere.png")


def test_filters(index, filled):
    every = index.search(PHRASES[0], top=40, regions=8)

    def found(**where):
        hits = index.search(PHRASES[0], top=40, where=Filters(**where), regions=8)
        return {(hit.path, region.number) for hit in hits for region in hit.regions}

    def wanted(rule):
        return {(h.path, r.number) for h in every for r in h.regions if rule(h, r)}

    assert found(folder=filled[1] / "odd") == wanted(lambda h, _: "/odd/" in h.path)
    assert found(folder=filled[1]) == wanted(lambda *_: True)
    assert found(folder=filled[1] / "o") == set()
    for low, high in ((0.1, 1.0), (0.0, 0.1), (0.09, 0.13)):
        assert found(min_area=low, max_area=high) == wanted(
            lambda h, r, low=low, high=high: low <= r.area / (h.width * h.height) <= high
        )
    today = datetime.now().date()
    assert found(since=today, until=today) or datetime.now().date() != today
    assert found(until=date(2000, 1, 1)) == set()
    assert found(folder=filled[1] / "odd", min_area=0.1) == wanted(
        lambda h, r: "/odd/" in h.path and r.area / (h.width * h.height) >= 0.1
    )


def test_the_date_is_that_of_the_photograph(tmp_path, segmenter, paint):
    index = Index.open(tmp_path / "index", segmenter, create=True)
    for day in (1, 2, 3):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9003] = f"2021:05:0{day} 23:59:59"
        image = Image.open(paint(tmp_path / "photos" / f"{day}.jpg", day))
        image.save(tmp_path / "photos" / f"{day}.jpg", exif=exif)
    exif.get_ifd(0x8769)[0x9003] = "yesterday"
    image.save(tmp_path / "photos" / "4.jpg", exif=exif)
    os.utime(tmp_path / "photos" / "4.jpg", (10**9, 10**9))
    index.add([tmp_path / "photos"])

    def days(**where):
        return sorted(hit.given[-5] for hit in index.search("red car", where=Filters(**where)))

    assert days(since=date(2021, 5, 2)) == ["2", "3"]
    assert days(since=date(2021, 5, 1), until=date(2021, 5, 2)) == ["1", "2"]
    assert days(until=date(2001, 12, 31)) == ["4"]


@pytest.mark.parametrize(
    "bad",
    [
        {"min_area": -0.1},
        {"min_area": 0.5, "max_area": 0.4},
        {"max_area": float("nan")},
        {"since": date(2021, 1, 2), "until": date(2021, 1, 1)},
    ],
)
def test_filters_that_nothing_can_fulfil(bad):
    with pytest.raises(ConfigurationError, match="must"):
        Filters(**bad)


@pytest.mark.parametrize("bad", [{"top": 0}, {"regions": 0}, {"rerank": -1}])
def test_numbers_out_of_range(index, bad):
    with pytest.raises(ConfigurationError, match="at least"):
        index.search("red car", **bad)


def test_an_empty_phrase_is_refused(filled, make_segmenter):
    index = Index.open(filled[0], make_segmenter(rows=4, parser="embedded"))
    with pytest.raises(ExpressionError):
        index.search("  ")


NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(st.lists(NAMES.map(lambda name: name.replace("/", "'")), min_size=1, max_size=3), NAMES)
def test_any_name_is_only_a_name(parts, other):
    """Conditions ask for exactly the paths they should, whatever is in them."""
    folder = "/" + "/".join(part for part in parts if part not in (".", ".."))
    names = ("a", other.replace("/", '"'))
    paths = [*(f"{folder}/{name}" for name in names), folder + "x", folder]
    table = lancedb.connect("memory://").create_table("some", pa.table({"path": paths}))
    for condition, rule in (
        (below(Path(folder)), lambda path: path.startswith(folder.rstrip("/") + "/")),
        (among("path", [folder, paths[1]]), lambda path: path in (folder, paths[1])),
    ):
        found = table.search().where(condition).to_arrow().column("path").to_pylist()
        assert sorted(found) == sorted(filter(rule, paths))


def test_searching_warns_of_nothing(index):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert index.search(PHRASES[0])


def test_what_the_parser_cannot_express_is_the_reason(index):
    def parser(phrases):
        return [
            TargetPhrase(text, text, text, "cup", Reading("cup", unread="not")) for text in phrases
        ]

    other = Index(index.collection, replace(index.segmenter, parser=parser))
    assert {hit.reason for hit in other.search("not the cup")} == {"'not' is not understood"}
