"""What memory is measured on, and what is told of it."""

import os
from pathlib import Path

import memory
import numpy as np
import pytest
import refcoco_shaped

from refmask.data import load_dataset
from refmask.evaluation.sources import MaskFiles
from refmask.proposals.refine import Refinement


def test_a_drawn_data_set_has_refcocos_shape(tmp_path):
    drawn = refcoco_shaped.make(tmp_path, 2, seed=3)
    dataset = load_dataset(str(drawn.dataset), "val")
    samples = [dataset.sample(image) for image in dataset.ids]
    assert len(dataset.refs) / len(samples) == 2.5
    assert dataset.queries / len(samples) == 7
    source = MaskFiles(drawn.proposals, dataset.ids, Refinement())
    assert all(len(source.propose(sample)) == refcoco_shaped.MASKS for sample in samples)
    assert {sample.image.shape for sample in samples} == {(480, 640, 3)}
    alone = refcoco_shaped.make(tmp_path / "alone", 1, seed=3)
    again = load_dataset(str(alone.dataset), "val").sample(dataset.ids[0])
    assert np.array_equal(again.image, samples[0].image)
    assert [q.expression for q in again.queries] == [q.expression for q in samples[0].queries]


@pytest.mark.parametrize(("each", "met"), [(0, True), (4e3, True), (40e3, False)])
def test_growth_is_that_of_the_second_half(each, met):
    looks = [(0, 1), *((k, int(1e9 + 1e8 * (k > 300) + each * k)) for k in range(1, 1001))]
    told = memory.told(looks, int(1.2e9))
    assert told["growth"] == pytest.approx(each, abs=100)
    assert told["met"] == met
    assert len(told["parts"]) == memory.PARTS
    assert "+0.0 kB" in memory.line({"model": "tiny", "images": 1000, **told}) or each


def test_short_runs_tell_their_peak_alone():
    told = memory.told([(1, 2_000), (2, 3_000)], int(2.6e9))
    assert "growth" not in told
    assert not told["met"]
    assert "at most 2.60 GB" in memory.line({"model": "large", "images": 2, **told})


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux alone tells it there")
def test_what_a_process_holds():
    held = memory.memory(os.getpid())
    assert 1e7 < held["VmRSS"] <= held["VmHWM"]
