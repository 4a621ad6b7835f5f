"""That the benchmark of the index measures what it says, not how fast."""

from dataclasses import replace

import index as bench_index
import numpy as np
import pytest

from refmask.search import approximate


@pytest.fixture(scope="module")
def bench():
    return bench_index.prepare(160, 12, scenes=3)


def test_drawn_regions_lie_around_real_ones(bench):
    which, drawn = bench.source.draw(4000, np.random.default_rng(0))
    for name in ("global_context", "local_context"):
        values, real = getattr(drawn, name), getattr(bench.source.features, name)
        assert np.allclose(np.linalg.norm(values, axis=1), 1, atol=1e-5)
        own = (values * real[which]).sum(1)
        others = (values * real[np.roll(which, 1)]).sum(1)
        assert own.mean() > others.mean() + 0.05


def test_a_rotation_changes_no_cosine(bench):
    plain = bench_index.prepare(0, 12, scenes=3)
    assert np.allclose(
        plain.source.features.local_context @ plain.source.features.local_context.T,
        bench.source.features.local_context @ bench.source.features.local_context.T,
        atol=1e-4,
    )
    assert np.allclose(
        plain.text.global_context @ plain.text.local_context.T,
        bench.text.global_context @ bench.text.local_context.T,
        atol=1e-4,
    )


def test_the_truth_is_what_an_exact_search_finds(bench, tmp_path):
    index, truth, _ = bench_index.fill(bench, 1000, tmp_path / "index")
    assert truth.shape == (10, 12)
    assert bench_index.asked(bench, index, truth)["recall@10"] > 0.97
    assert index.collection.stats().images == 25


def test_each_part_gives_rows(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(bench_index, "CHUNK", 400)
    monkeypatch.setattr(bench_index, "PLANS", [replace(approximate.PLAN, probes=1)])
    monkeypatch.setattr(approximate, "WORTH", 1000)
    for rows in (
        bench_index.stored(bench, 500, tmp_path),
        bench_index.sizes(bench, [400, 800], tmp_path),
        bench_index.plans(bench, 1000, tmp_path / "plans", ["IvfRq"]),
        bench_index.whole(bench, 1000, tmp_path / "whole"),
    ):
        told = bench_index.table(rows)
        assert told.count("\n") == len(rows) + 1
        assert "p50 ms" in told
