"""How far each method on the card is from the processor in fp32.

An array may differ, as the Euclidean norm of the difference over that of the array, by the
precision's tolerance; or by half as much again as the processor itself differs in that precision,
since pseudo-random weights amplify any rounding.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import cases
import numpy as np
import torch
from cases import Model
from gpu_run import Row, Setting, Work

from refmask import compat
from refmask.clip import ClipBackbone
from refmask.errors import ConfigurationError
from refmask.methods import METHODS, Method, load_method
from refmask.ops.devices import PRECISIONS, precision_name
from refmask.ops.images import read_image
from refmask.types import MaskProposals, TargetPhrase, UInt8Array

#: The largest relative error of an array.
TOLERANCES = {"fp32": 1e-3, "fp16": 5e-3, "bf16": 2e-2}
#: Times the processor's own error in the same precision.
AMPLIFIED = 1.5
#: Beside the methods: the approximation, which has code of its own.
SHORTLIST = "global-local, local_top"

Arrays = Mapping[str, Any]


def works(setting: Setting) -> Iterator[Work]:
    """Each model's methods in each precision."""
    for model in setting.compared:
        yield from _of_model(setting, model, compat.NAMES)
    for model in setting.large:
        yield from _of_model(setting, model, ("default",))


def distances(ours: Arrays, theirs: Arrays) -> dict[str, float]:
    """Relative error of each array, by name."""
    return {name: relative(ours[name], theirs[name]) for name in theirs}


def relative(ours: Any, theirs: Any) -> float:
    """Norm of the difference over the norm, of arrays or tensors; NaN where one has it, or is 0."""
    one, other = (torch.as_tensor(part).detach().cpu().double() for part in (ours, theirs))
    return float((one - other).norm() / other.norm())


def holds(errors: Mapping[str, float], own: Mapping[str, float], precision: str) -> bool:
    """Whether errors are within what a precision may have, the processor having ``own``."""
    return all(
        error <= max(TOLERANCES[precision], AMPLIFIED * own[name]) for name, error in errors.items()
    )


def golden() -> tuple[UInt8Array, MaskProposals, list[TargetPhrase]]:
    """The first golden image with its masks, and the golden expressions."""
    image = read_image(cases.GOLDEN / "image0.png")
    told = json.loads((cases.GOLDEN / "expressions.json").read_text())["expressions"]
    phrases = [TargetPhrase(e["raw"], e["text"], e["noun_phrase"], e["head_word"]) for e in told]
    return image, MaskProposals(np.load(cases.GOLDEN / "masks0.npz")["masks"]), phrases


def _of_model(setting: Setting, model: Model, records: Sequence[str]) -> Iterator[Work]:
    wanted = {
        precision: {
            label: method.features(*golden())
            for label, method in _methods(setting.load(model, "cpu", precision), records)
        }
        for precision in PRECISIONS
    }
    for precision in PRECISIONS:
        clip = setting.load(model, setting.device, precision)
        for label, method in _methods(clip, records):
            yield f"{model.name}, {label}, {precision}", partial(_compared, method, wanted, label)


def _compared(method: Method, wanted: Mapping[str, dict[str, Arrays]], label: str) -> Row:
    precision = precision_name(method.encoder.precision)
    theirs = wanted["fp32"][label]
    ours, own = method.features(*golden()), wanted[precision][label]
    # Of local features a shortlist computes some; which ones, near ties decide.
    arrays = {n: a for n, a in theirs.items() if (n, label) != ("visual_local", SHORTLIST)}
    errors, processor = distances(ours, arrays), distances(own, arrays)
    chosen, best = (arrays["scores"].argmax(axis=1) for arrays in (ours, theirs))
    return {
        "precision": precision,
        "errors": errors,
        "processor": processor,
        "expressions": len(best),
        "other_choices": int((chosen != best).sum()),
        "other_choices_processor": int((own["scores"].argmax(axis=1) != best).sum()),
        "scores_move": float(np.abs(ours["scores"] - theirs["scores"]).max()),
        "holds": holds(errors, processor, precision),
    }


def _methods(clip: ClipBackbone, records: Sequence[str]) -> Iterator[tuple[str, Method]]:
    """Each method that a model takes, by the records of ``Compat``."""
    for record in records:
        if record == "reference" and clip.precision != torch.float32:
            continue
        for name in METHODS:
            settings: dict[str, Any] = {"compat": compat.by_name(record, clip.family)}
            with contextlib.suppress(ConfigurationError):
                yield f"{name}, {record}", load_method(name, clip, **settings)
    yield SHORTLIST, load_method("global-local", clip, local_top=2)
