"""What the browser shows, as dictionaries for the page's scripts."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import TypedDict

import numpy as np
from PIL import Image

from refmask.answer import Segmentation, percent, rounded
from refmask.export.folder import answer_names
from refmask.ops import rle
from refmask.ops.files import as_utf8
from refmask.server.page.marks import Piece, pieces
from refmask.server.page.tabs import TabAnswer
from refmask.types import BoolArray, MaskProposals, UInt8Array
from refmask.visualize.overlay import png

#: Names of what can be shown beside an answer, and without one.
RUNNER_UP, MOST_ALIKE = "Runner-up", "Most alike"
#: Longest side of the shown image in pixels. Files have all pixels.
SHOWN = 2048


class ShownImage(TypedDict):
    """An image and its regions, as COCO's compressed RLE at ``width`` x ``height``.

    ``shares`` are the regions' shares of the image, 0 to 1.
    """

    src: str
    name: str
    width: int
    height: int
    regions: list[str]
    shares: list[float]


class Answer(TypedDict):
    """Scores of all regions; ``order`` lists them from best to worst.

    ``standing`` ranks the regions and ``measure`` is its name. ``probabilities`` is None where
    they have no meaning. ``chosen`` are the regions that are the answer, one per thing. ``other``
    can be shown on demand: the runner-up, or without an answer the most alike; ``other_name`` says
    which.
    """

    phrase: str
    unsure: bool
    measure: str
    standing: list[float]
    probabilities: list[float] | None
    order: list[int]
    chosen: list[int]
    other: int | None
    other_name: str


class Lead(TypedDict):
    """How far a term puts the answer before the runner-up, in nats; at most one decides."""

    name: str
    lead: float
    decides: bool


class Caption(TypedDict):
    """An answer in words, with the phrase in ``pieces``.

    ``label`` is a limit of the model that users must know; ``share`` is the confidence, if any;
    ``sentence`` says what decided.
    """

    pieces: list[Piece]
    label: str | None
    verdict: str
    unsure: bool
    share: float | None
    sentence: str
    leads: list[Lead]
    reasons: str
    foot: str


class File(TypedDict):
    """A file to download: its name, and its content as a data URI."""

    name: str
    href: str


def image(image: UInt8Array, name: str) -> ShownImage:
    """An image to show, without regions.

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
    """Add the proposals, N masks of the image's size."""
    size = shown["height"], shown["width"]
    masks = list(proposals.masks)
    return {
        **shown,
        "regions": [rle.encode(_reduced(mask, size))["counts"] for mask in masks],
        "shares": [round(np.count_nonzero(mask) / mask.size, 4) for mask in masks],
    }


def answer(segmentation: Segmentation) -> Answer:
    """Scores and ranks of all regions."""
    shares = [round(float(share), 4) for share in segmentation.probabilities]
    order, absent = segmentation.order, segmentation.absent
    return {
        "phrase": segmentation.why.phrase.text,
        "unsure": segmentation.unsure,
        "measure": segmentation.measure,
        "standing": [round(float(value), 2) for value in segmentation.standing],
        "probabilities": None if segmentation.confidence is None else shares,
        "order": order,
        "chosen": list(segmentation.chosen),
        "other": order[0] if absent else segmentation.why.runner_up,
        "other_name": MOST_ALIKE if absent else RUNNER_UP,
    }


def caption(found: TabAnswer) -> Caption:
    """An answer in words."""
    answer, why = found.answer, found.answer.why
    foot = [f"answered in {found.milliseconds:.0f} ms", f"head noun {why.phrase.head}"]
    foot += [f"{name} {value:.2f}" for name, value in found.weights.items()]
    origin = answer.provenance
    foot += [] if origin is None else [f"model {origin.model}"]
    return {
        "pieces": pieces(why.phrase, why.landmarks),
        "label": None if origin is None else origin.label,
        "verdict": _verdict(answer),
        "unsure": answer.unsure,
        "share": rounded(answer.confidence),
        "sentence": "" if answer.best is None else answer.reasons,
        "leads": _leads(answer),
        "reasons": _reasons(answer),
        "foot": " · ".join(foot),
    }


def files(found: TabAnswer) -> dict[str, File]:
    """The ``mask`` as a PNG of the image's size, and the ``record`` of ``refmask segment``."""
    tab, answer = found.tab, found.answer
    words = answer_names(tab.phrases)[tab.phrases.index(answer.why.phrase.expression)]
    name = f"{Path(tab.name).stem}-{words}"
    fields = {"image": tab.name, **answer.to_dict()}
    text = json.dumps(fields, ensure_ascii=False, indent=1) + "\n"
    return {
        "mask": {"name": f"{name}.mask.png", "href": data_uri(png(answer.mask), "image/png")},
        "record": {"name": f"{name}.json", "href": data_uri(as_utf8(text), "application/json")},
    }


def data_uri(content: bytes, kind: str) -> str:
    """Content as a data URI, which needs no file."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _verdict(answer: Segmentation) -> str:
    if answer.best is None:
        return f"Not found: {answer.reason}" if answer.absent else "No answer"
    things = f"{len(answer.chosen)} things. " if len(answer.chosen) > 1 else ""
    if answer.confidence is None:
        return f"{things}Unsure: {answer.reason}"
    unsure = "Unsure: " if answer.unsure else ""
    guess = "" if answer.calibrated else ", uncalibrated"
    return f"{things}{unsure}{percent(answer.confidence)} confidence{guess}"


def _leads(answer: Segmentation) -> list[Lead]:
    deciding = answer.why.deciding(answer.best)
    return [
        {"name": name, "lead": round(lead, 4), "decides": name == deciding}
        for name, lead in answer.why.leads(answer.best).items()
    ]


def _reasons(answer: Segmentation) -> str:
    if answer.absent:
        return f"Nothing is marked. “{MOST_ALIKE}” shows what comes nearest."
    if answer.best is None:
        return "No regions were found in this image."
    if answer.why.runner_up is None:
        return "Only one region was found; nothing to compare with."
    if answer.confidence is None:
        return "Treat it as a guess: the scores mean nothing here."
    guess = "Low confidence: treat it as a guess. " if answer.unsure else ""
    return f"{guess}Lead over second best: {answer.why.margin:.2f} ({answer.measure})."


def _reduced(mask: BoolArray, size: tuple[int, int]) -> BoolArray:
    """Subsample a mask to ``size``."""
    if mask.shape == size:
        return mask
    indices = [
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for new, old in zip(size, mask.shape, strict=True)
    ]
    return np.asarray(mask[np.ix_(*indices)])
