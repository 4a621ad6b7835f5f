"""The CLIP stage on the card as the code stands: its steps, what it is made of, and its memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

import cases
import operations
import torch
from cases import Model
from gpu_run import Row, Setting, Work
from torch.profiler import ProfilerActivity, profile

from refmask.clip import ClipBackbone
from refmask.evaluation.pipeline import in_order
from refmask.methods import load_method
from refmask.methods.global_local import CROPS
from refmask.ops.pixels import Preprocessing, cut_crops, grid_masks, whole_image
from refmask.types import MaskProposals, UInt8Array

#: Images at once, as an evaluation has them on a card, and more.
WORKERS = (1, 4, 12)
#: Of the lists of what takes the time.
LONGEST = 15


def works(setting: Setting) -> Iterator[Work]:
    """For each model its steps, whole images, and a profile."""
    image, proposals = cases.make_image(), MaskProposals(cases.masks(setting.masks))
    for model in setting.timed:
        clip = setting.load(model, setting.device, "auto")
        yield f"{model.name}, steps", partial(steps, setting, model, clip, image, proposals)
        yield f"{model.name}, profile", partial(observed, setting, clip, image, proposals)
        for workers in WORKERS:
            work = partial(images, setting, clip, image, proposals, workers)
            yield f"{model.name}, images, {workers} at once", work


def steps(
    setting: Setting,
    model: Model,
    clip: ClipBackbone,
    image: UInt8Array,
    proposals: MaskProposals,
) -> Row:
    """Seconds of each step of an image, alone."""
    way_in = Preprocessing(**asdict(clip.statistics))
    cut = partial(cut_crops, image, proposals.masks, proposals.boxes, way_in)
    crops = cut()
    there, soft = crops.to(setting.device), grid_masks(proposals, clip.tower.grid)
    whole = whole_image(image, way_in)
    tower = torch.inference_mode()(clip.tower.encode)
    done = {
        "cut the crops": cut,
        "copy the crops": lambda: crops.to(setting.device),
        "encode the crops, copies included": lambda: [
            clip.encode_image(part) for part in torch.split(crops, CROPS)
        ],
        "encode the crops": lambda: [tower(part) for part in torch.split(there, CROPS)],
        "resize the image": lambda: whole_image(image, way_in),
        "masks at the grid": lambda: grid_masks(proposals, clip.tower.grid),
        "encode the masks": lambda: clip.encode_masked(whole, soft),
        "read a new text": _texts(clip),
    }
    taken = {name: setting.seconds(work) for name, work in done.items()}
    needed = operations.encode(model.cfg, len(proposals))
    return {
        "seconds": taken,
        "teraflops": 2e-12 * needed / taken["encode the crops"],
        "precision": str(clip.precision),
    }


def images(
    setting: Setting,
    clip: ClipBackbone,
    image: UInt8Array,
    proposals: MaskProposals,
    workers: int,
) -> Row:
    """Images a second through the method, masks given, several at once."""
    method = load_method("global-local", clip)

    def some() -> None:
        for _ in in_order(lambda _: method.encode_image(image, proposals), range(count), workers):
            pass

    count = workers + 1 if setting.small else 3 * workers
    seconds = setting.seconds(some, runs=1, warm=1)
    return {
        "images_per_second": count / seconds,
        "gigabytes": setting.peak(some),
    }


def observed(
    setting: Setting, clip: ClipBackbone, image: UInt8Array, proposals: MaskProposals
) -> Row:
    """What one image is made of."""
    method = load_method("global-local", clip)
    return profiled(setting, lambda: method.encode_image(image, proposals))


def profiled(setting: Setting, work: Callable[[], Any]) -> Row:
    """What a work is made of, once it is warm: the card's kernels and the processor's calls."""
    work()
    kinds = [ProfilerActivity.CPU]
    if setting.device.type == "cuda":
        kinds.append(ProfilerActivity.CUDA)
    with profile(activities=kinds) as seen:
        work()
        setting.wait()
    events = seen.key_averages()
    card = [event for event in events if "CUDA" in str(event.device_type)]
    calls = Counter({event.key: event.count for event in events if event.key.startswith("cuda")})
    return {
        "card_busy_seconds": sum(event.self_device_time_total for event in card) / 1e6,
        "kernels": sum(event.count for event in card),
        "calls": dict(calls.most_common(LONGEST)),
        "longest_on_card": _longest(card, "self_device_time_total"),
        "longest_on_processor": _longest(events, "self_cpu_time_total"),
    }


def _longest(events: Any, field: str) -> list[Row]:
    ordered = sorted(events, key=lambda event: -getattr(event, field))[:LONGEST]
    return [
        {"name": e.key[:120], "count": e.count, "milliseconds": round(getattr(e, field) / 1e3, 3)}
        for e in ordered
    ]


def _texts(clip: ClipBackbone) -> Any:
    """Reads another expression each time: those that are known cost nothing."""
    new = iter(cases.expressions(1000))
    return lambda: clip.encode_text([next(new)])
