"""What the browser is told to show: plain dictionaries, drawn by the page's scripts."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import TypedDict

import numpy as np
from PIL import Image

from refmask.answer import Segmentation, percent, rounded
from refmask.export.folder import answer_names
from refmask.ops import rle
from refmask.ops.files import as_utf8
from refmask.server.page.remembered import Answered
from refmask.types import BoolArray, MaskProposals, TargetPhrase, UInt8Array
from refmask.visualize.overlay import png

#: Longer side of what is shown, in pixels; no screen of a page shows more. Files have all pixels.
SHOWN = 2048


class ShownImage(TypedDict):
    """An image and its regions; ``regions`` are COCO's compressed runs at ``width`` x ``height``.

    ``shares`` say how much of the image each region covers, 0 to 1.
    """

    src: str
    name: str
    width: int
    height: int
    regions: list[str]
    shares: list[float]


class Answer(TypedDict):
    """How a phrase scores everywhere; ``order`` are the regions from best to worst.

    ``standing`` is what decides, by the name of ``measure``. There are no ``probabilities`` where
    they would mean nothing.
    """

    phrase: str
    unsure: bool
    measure: str
    standing: list[float]
    probabilities: list[float] | None
    order: list[int]
    best: int | None
    runner_up: int | None


class Caption(TypedDict):
    """An answer in words; the noun phrase stands between ``before`` and ``after``.

    ``label`` says what must be known about the model; ``share`` is the confidence, where it can be
    told.
    """

    before: str
    noun: str
    after: str
    label: str | None
    verdict: str
    unsure: bool
    share: float | None
    reasons: str
    foot: str


class File(TypedDict):
    """A file to download: its name, and its content as a data URI."""

    name: str
    href: str


def image(image: UInt8Array, name: str) -> ShownImage:
    """An image to show, without regions yet.

    Args:
        image: uint8 RGB (H, W, 3).
        name: of its file.
    """
    scale = min(1.0, SHOWN / max(image.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    shown = Image.fromarray(image)
    if scale < 1:
        shown = shown.resize((width, height), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    shown.save(file, "JPEG", quality=92, subsampling=0)
    src = data_uri(file.getvalue(), "image/jpeg")
    return {"src": src, "name": name, "width": width, "height": height, "regions": [], "shares": []}


def with_regions(shown: ShownImage, proposals: MaskProposals) -> ShownImage:
    """The same image with its proposals, N masks of its own size."""
    size = shown["height"], shown["width"]
    masks = list(proposals.masks)
    return {
        **shown,
        "regions": [rle.encode(_reduced(mask, size))["counts"] for mask in masks],
        "shares": [round(np.count_nonzero(mask) / mask.size, 4) for mask in masks],
    }


def answer(given: Segmentation) -> Answer:
    """Scores and ranks of all regions."""
    shares = [round(float(share), 4) for share in given.probabilities]
    return {
        "phrase": given.why.phrase.text,
        "unsure": given.unsure,
        "measure": given.measure,
        "standing": [round(float(value), 2) for value in given.standing],
        "probabilities": None if given.confidence is None else shares,
        "order": given.order,
        "best": given.best,
        "runner_up": given.why.runner_up,
    }


def caption(given: Answered) -> Caption:
    """An answer in words."""
    answer, phrase = given.answer, given.answer.why.phrase
    before, noun, after = _marked(phrase)
    foot = [f"answered in {given.milliseconds:.0f} ms", f"head noun {phrase.head}"]
    foot += [f"{name} {value:.2f}" for name, value in given.weights.items()]
    origin = answer.provenance
    foot += [] if origin is None else [f"model {origin.model}"]
    return {
        "before": before,
        "noun": noun,
        "after": after,
        "label": None if origin is None else origin.label,
        "verdict": _verdict(answer),
        "unsure": answer.unsure,
        "share": rounded(answer.confidence),
        "reasons": _reasons(answer),
        "foot": " · ".join(foot),
    }


def files(given: Answered) -> dict[str, File]:
    """The ``mask`` as a PNG in the image's own size, and the ``record`` that segment prints."""
    tab, answer = given.tab, given.answer
    words = answer_names(tab.asked)[tab.asked.index(answer.why.phrase.expression)]
    name = f"{Path(tab.name).stem}-{words}"
    fields = {"image": tab.name, **answer.to_dict()}
    text = json.dumps(fields, ensure_ascii=False, indent=1) + "\n"
    return {
        "mask": {"name": f"{name}.mask.png", "href": data_uri(png(answer.mask), "image/png")},
        "record": {"name": f"{name}.json", "href": data_uri(as_utf8(text), "application/json")},
    }


def data_uri(content: bytes, kind: str) -> str:
    """Content within an address, so that no file needs to lie anywhere."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _verdict(given: Segmentation) -> str:
    if given.best is None:
        return "No answer"
    if given.confidence is None:
        return f"Unsure: {given.reason}"
    return f"{'Unsure: ' if given.unsure else ''}{percent(given.confidence)} confidence"


def _reasons(given: Segmentation) -> str:
    if given.best is None:
        return "No regions were found in this image."
    if given.why.runner_up is None:
        return "Only one region was found; nothing to compare with."
    if given.confidence is None:
        return "Treat it as a guess: the scores mean nothing here."
    guess = "Low confidence: treat it as a guess. " if given.unsure else ""
    return f"{guess}Lead over second best: {given.why.margin:.2f} ({given.measure})."


def _marked(phrase: TargetPhrase) -> tuple[str, str, str]:
    """The expression before, at and after its noun phrase; all of it before where that fails."""
    found = re.search(rf"(?<!\w){re.escape(phrase.noun_phrase)}(?!\w)", phrase.text)
    if found is None:
        return phrase.text, "", ""
    return phrase.text[: found.start()], found[0], phrase.text[found.end() :]


def _reduced(mask: BoolArray, size: tuple[int, int]) -> BoolArray:
    """Every so many pixels of a mask; itself when the size is its own."""
    if mask.shape == size:
        return mask
    places = [
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for new, old in zip(size, mask.shape, strict=True)
    ]
    return np.asarray(mask[np.ix_(*places)])
