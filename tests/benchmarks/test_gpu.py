"""What is measured on a graphics card, rehearsed on the processor: is it right, not how fast."""

import json
import time
from dataclasses import asdict
from itertools import islice

import cases
import gpu
import gpu_now
import gpu_others
import gpu_parity
import gpu_prototype
import gpu_reachable
import numpy as np
import pytest
import torch
from gpu_group import packed, repeated
from gpu_run import collect
from torch.nn import functional

from refmask.methods.global_local import GlobalLocal
from refmask.ops.pixels import Preprocessing, cut_crops, grid_masks, whole_image
from refmask.types import MaskProposals

SIZE = (96, 128)


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    made = gpu.prepared(torch.device("cpu"), tmp_path_factory.mktemp("gpu"), small=True)
    made.write_weights()
    return made


@pytest.fixture(scope="module")
def bench(setting):
    model = setting.timed[0]
    return gpu_reachable.Bench(setting, model, setting.load(model, "cpu", "fp32"))


@pytest.fixture(scope="module")
def seen():
    """An image and its masks, and both as the prototype takes them, twice."""
    image, proposals = cases.make_image(*SIZE), MaskProposals(cases.masks(4, *SIZE))
    one = packed(image, proposals.masks, proposals.boxes)
    return image, proposals, repeated(one, 2)


def test_what_fails_or_takes_too_long_says_so_and_the_rest_goes_on():
    works = [
        ("good", lambda: {"value": 1}),
        ("bad", lambda: 1 / 0),
        ("slow", lambda: time.sleep(30)),
        ("late", lambda: {"value": 2}),
    ]
    began = time.perf_counter()
    found = collect(works, began + 1)
    rows = [next(found) for _ in range(3)]
    with pytest.raises(TimeoutError, match="no time left"):
        next(found)
    assert [row["work"] for row in rows] == ["good", "bad", "slow"]
    assert rows[0]["value"] == 1
    assert rows[1]["error"].startswith("ZeroDivisionError")
    assert rows[2]["error"].startswith("TimeoutError")
    assert time.perf_counter() - began < 10


def test_parts_are_written_and_none_stops_another(setting, tmp_path, monkeypatch):
    def broken(_):
        yield "first", lambda: {"value": 1}
        raise ValueError("some")

    parts = {"broken": (broken, 0.5), "whole": (lambda _: iter([("it", lambda: {})]), 0.5)}
    monkeypatch.setattr(gpu, "PARTS", parts)
    gpu.measure(setting, list(parts), 60, tmp_path)
    told = json.loads((tmp_path / "gpu.json").read_text())
    assert told["card"] == {"name": "cpu"}
    assert told["parts"]["broken"]["rows"][0]["value"] == 1
    assert told["parts"]["broken"]["error"] == "ValueError: some"
    assert told["parts"]["whole"]["rows"][0]["work"] == "it"
    assert "torch" in told["machine"]


def test_relative_errors():
    assert gpu_parity.relative(np.array([3.0, 4.0]), torch.tensor([3.0, 3.0])) == pytest.approx(
        1 / 18**0.5
    )
    assert np.isnan(gpu_parity.relative(np.zeros(2), np.zeros(2)))
    assert np.isnan(gpu_parity.relative(np.array([np.nan, 1]), np.ones(2)))


@pytest.mark.parametrize(
    ("error", "own", "precision", "held"),
    [
        (9e-4, 0.0, "fp32", True),
        (2e-3, 0.0, "fp32", False),
        (0.29, 0.2, "bf16", True),
        (0.31, 0.2, "bf16", False),
        (float("nan"), 0.2, "bf16", False),
    ],
)
def test_tolerances(error, own, precision, held):
    assert gpu_parity.holds({"scores": error}, {"scores": own}, precision) is held


def test_every_method_is_compared_with_the_processor(setting):
    rows = list(collect(gpu_parity.works(setting), time.perf_counter() + 600))
    assert not [row for row in rows if "error" in row]
    assert all(row["holds"] for row in rows)
    names = {row["work"].split(", ")[1] for row in rows}
    assert names == {
        *("global-local", "cropping", "global", "region-token", "score-map", "grad-cam"),
    }
    exact = [row for row in rows if row["precision"] == "fp32"]
    assert all(value == 0 for row in exact for value in row["errors"].values())
    assert any(row["errors"]["scores"] > 1e-4 for row in rows if row["precision"] == "bf16")


def test_other_networks_are_compared(setting):
    rows = list(collect(gpu_others.works("sam2", setting), time.perf_counter() + 600))
    assert not [row for row in rows if "error" in row]
    assert all(row["holds"] for row in rows[:2])
    assert rows[2]["agreement"] == 1
    assert rows[2]["masks"] == rows[2]["masks_processor"] >= 1


def test_agreement_of_masks():
    masks = np.zeros((2, 4, 4), np.bool_)
    masks[0, :2], masks[1, :, :1] = True, True
    both = MaskProposals(masks)
    assert gpu_others.agreement(both, both) == 1
    assert gpu_others.agreement(both[[0]], both) == pytest.approx((1 + 2 / 10) / 2)
    assert gpu_others.agreement(MaskProposals.empty(4, 4), both) == 0


def test_the_present_stage_is_timed_and_profiled(setting, monkeypatch):
    monkeypatch.setattr(gpu_now, "WORKERS", (2,))
    steps, profile, images = collect(gpu_now.works(setting), time.perf_counter() + 600)
    assert all(value > 0 for value in steps["seconds"].values())
    assert any("linear" in each["name"] for each in profile["longest_on_processor"])
    assert images["images_per_second"] > 0


def test_bits_become_masks(seen):
    _, proposals, group = seen
    assert np.array_equal(gpu_prototype.unpacked(group.packed)[1].numpy(), proposals.masks)


@torch.no_grad()
def test_the_prototype_reads_what_ours_does(bench, seen):
    image, proposals, group = seen
    way_in = Preprocessing(**asdict(bench.clip.statistics))
    images, soft, crops = bench._cutter("eager")(*group)
    wanted = cut_crops(image, proposals.masks, proposals.boxes, way_in)
    torch.testing.assert_close(crops[4:].transpose(1, 2), wanted, atol=1e-4, rtol=0)
    whole = whole_image(image, way_in)
    torch.testing.assert_close(images[1:].transpose(1, 2), whole, atol=1e-4, rtol=0)
    grid = grid_masks(proposals, bench.clip.tower.grid)
    torch.testing.assert_close(soft[1], grid, atol=1e-5, rtol=0)


@torch.no_grad()
def test_the_prototype_s_features_are_ours(bench, seen):
    image, proposals, group = seen
    found = bench._look(gpu_reachable.VARIANTS["fp32"])(*group).unflatten(1, (2, 4))
    seen_by_ours = GlobalLocal(bench.clip).encode_image(image, proposals)
    for ours, theirs in zip(
        found, (seen_by_ours.global_context, seen_by_ours.local_context), strict=True
    ):
        for one in ours:
            assert functional.cosine_similarity(one, torch.from_numpy(theirs)).min() > 0.9999


def test_what_is_fed_comes_back_in_order(bench):
    told = [(np.full((*SIZE, 3), n, np.uint8), cases.masks(2, *SIZE), np.ones((2, 4))) for n in [7]]
    found = bench._fed(lambda images, *_: images[:, 0, 0, 0].clone(), told, 3)
    assert [part.tolist() for part in found] == [[7]] * 3


def test_what_is_reachable_is_measured(setting, monkeypatch):
    monkeypatch.setattr(gpu_reachable, "VARIANTS", dict.fromkeys(
        gpu_reachable.VARIANTS, gpu_reachable.Variant(torch.float32, torch.float32)
    ))  # fmt: skip
    rows = list(islice(collect(gpu_reachable.works(setting), time.perf_counter() + 600), 16))
    assert not [row for row in rows if "error" in row]
    told = {row["work"].partition(", ")[2]: row for row in rows}
    assert rows[0]["teraflops"] > 0
    assert max(told["agreement, bf16"]["errors"].values()) < 1e-3
    assert told["crop encoder, as it is"]["by_group"][0]["images"] == 1
    assert told["from NumPy to features, bf16, compiled"]["images_per_second"] > 0
    assert told["profile"]["longest_on_processor"]


def test_it_runs_as_a_program(tmp_path):
    arguments = ["--device", "cpu", "--small", "--only", "now", "--seconds", "0.001"]
    gpu.main([*arguments, "--out", str(tmp_path)])
    told = json.loads((tmp_path / "gpu.json").read_text())
    assert told["parts"]["now"]["rows"] == []
    assert "no time left" in told["parts"]["now"]["error"]
