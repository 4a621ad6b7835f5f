"""The approximate index: built when it pays, kept up to date, nearly exact."""

import numpy as np
import pytest

from refmask.search import Collection, Index, approximate
from refmask.search.filters import among
from refmask.search.rows import search_vectors
from refmask.types import ContextFeatures


@pytest.fixture
def index(copied, make_segmenter, monkeypatch):
    """With an approximate index, of 320 regions."""
    monkeypatch.setattr(approximate, "WORTH", 300)
    made = Index.open(copied, make_segmenter(rows=4))
    made.collection.optimize()
    return made


def test_below_the_threshold_there_is_none(filled):
    stats = Collection(filled[0]).stats()
    assert (stats.regions, stats.approximate, stats.indexed) == (320, None, 0)


def test_it_is_built_from_the_threshold_on(index):
    stats = index.collection.stats()
    assert stats.approximate is not None
    assert stats.indexed == 320


def test_rows_are_found_by_path_and_content(index, paint, tmp_path, monkeypatch):
    def found_by(table):
        return {column for one in table.list_indices() for column in one.columns}

    assert found_by(index.collection._images) == {"path", "content"}
    assert found_by(index.collection._regions) == {"path", "vector"}
    monkeypatch.setattr(Collection, "optimize", lambda _: None)
    index.add([paint(tmp_path / "new.png", 100)])
    images = index.collection.images()
    assert len(images) == 41
    for image in images:
        assert len(index.collection.rows(image.path)) == image.regions == 8
        assert index.collection.images(among("content", [image.content])) == [image]


def test_it_finds_nearly_all_that_an_exact_search_finds(index):
    shares = []
    for phrase in ("red car", "the cat", "two things", "left", "sky", "a man in blue"):
        near, exact = ([h.path for h in index.search(phrase, 10, exact=e)] for e in (False, True))
        shares.append(len({*near} & {*exact}) / 10)
    assert np.mean(shares) >= 0.95


def test_new_images_are_found_and_indexed(index, paint, tmp_path):
    index.add([paint(tmp_path / "new" / f"{seed}.png", 100 + seed) for seed in range(3)])
    stats = index.collection.stats()
    assert stats.indexed == stats.regions == 344
    paths = {hit.path for hit in index.search("red car", top=43)}
    assert len(paths) == 43


def test_regions_outside_the_index_are_found(index, paint, tmp_path, monkeypatch):
    monkeypatch.setattr(Collection, "optimize", lambda _: None)
    index.add([paint(tmp_path / "new.png", 100)])
    assert index.collection.stats().indexed == 320
    rows = index.collection.rows(str(tmp_path / "new.png"))
    vector = np.array(rows.column("vector").to_pylist()[5], np.float32)
    found = index.collection.nearest(vector, 1, None)
    assert found.column("path").to_pylist() == [str(tmp_path / "new.png")]
    assert found.column("number").to_pylist() == [5]


def test_removed_images_are_not_found(index, filled):
    index.collection.remove_places([filled[1] / "odd"])
    assert all("/even/" in hit.path for hit in index.search("red car", top=40))
    index.collection.optimize()
    assert len(index.search("red car", top=40)) == 20


def test_it_is_built_again_when_the_index_has_grown(index, paint, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(approximate, "build", made.append)
    index.collection.optimize()
    assert made == []
    monkeypatch.setattr(approximate, "GROWN", 1.05)
    index.add([paint(tmp_path / "new" / f"{seed}.png", 100 + seed) for seed in range(3)])
    assert len(made) == 1
    index.collection.optimize()
    assert len(made) == 1


def test_searched_vectors_give_the_methods_cosine(index):
    random = np.random.default_rng(0)
    pairs = [random.normal(size=(5, 64)).astype(np.float32) for _ in range(4)]
    masks, text = ContextFeatures(*pairs[:2]), ContextFeatures(*pairs[2:])
    method = index.segmenter.method
    product = search_vectors(text, method.beta) @ search_vectors(masks, method.alpha).T
    wanted = method.score(masks, text)
    assert np.allclose(method.encoder.logit_scale * product, wanted, atol=1e-4)
