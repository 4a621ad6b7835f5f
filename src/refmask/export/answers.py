"""Answers to export: of a scene, or of records that ``refmask segment`` printed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from refmask.answer import LOW, NO_REGIONS, Segmentation, verdict
from refmask.errors import InputError, MaskError
from refmask.limits import check
from refmask.ops import rle
from refmask.ops.reading import MISSHAPEN, parse_json
from refmask.ops.segmentations import is_number
from refmask.provenance import Provenance
from refmask.types import BoolArray

#: Text fields of an answer, in order.
TEXTS = ("expression", "noun_phrase", "head")
#: Fields of its provenance that are never null.
PROVENANCE = ("model", "proposals", "method", "version")


@dataclass(frozen=True)
class Region:
    """The region that answers an expression.

    Attributes:
        segmentation: its mask as a COCO run-length encoding.
        box: XYXY pixels, half-open.
        area: of the mask, in pixels.
        score: the method's logit.
    """

    segmentation: rle.Rle
    box: tuple[float, float, float, float]
    area: int
    score: float

    @property
    def mask(self) -> BoolArray:
        """bool (H, W), of the image's size."""
        return rle.decode(self.segmentation)


@dataclass(frozen=True)
class Answer:
    """One expression about one image, and its answer.

    Attributes:
        image: the image's path, as the user wrote it.
        height: of the image, in pixels.
        width: of the image, in pixels.
        expression: as the user wrote it.
        noun_phrase: of the target.
        head: the noun phrase's root word.
        confidence: 0 to 1; None where it has no meaning.
        reason: why the answer is unsure; None when it is not.
        instances: the regions of the answer, one for each thing; empty when there is no answer.
        provenance: model, method, proposals and version behind it; None in records of older
            versions.
    """

    image: str
    height: int
    width: int
    expression: str
    noun_phrase: str
    head: str
    confidence: float | None
    reason: str | None
    instances: tuple[Region, ...]
    provenance: Provenance | None = None

    @property
    def unsure(self) -> bool:
        """Whether the answer is missing, or its confidence is low or has no meaning."""
        return self.reason is not None

    @property
    def score(self) -> float:
        """The confidence, for formats that need a number: 0 where it has no meaning."""
        return self.confidence or 0.0

    @property
    def verdict(self) -> str:
        """How far to trust the answer, in words."""
        absent = not self.instances and self.reason != NO_REGIONS
        return verdict(self.confidence, self.reason, absent=absent)

    @classmethod
    def of(cls, image: str | PathLike[str], answer: Segmentation) -> Answer:
        """Make an answer from a scene's.

        Args:
            image: path of the scene's image.
            answer: from ``scene.find``.
        """
        return cls.read({"image": fspath(image), **answer.to_dict()})

    @classmethod
    def read(cls, fields: Mapping[str, Any], where: str = "the answer") -> Answer:
        """Make an answer from a JSON record.

        Args:
            fields: of ``Segmentation.to_dict``, and "image", the image's path.
            where: name of the record, for messages.

        Raises:
            InputError: when a field is missing or of another type.
            MaskError: when the mask is damaged or of another size than the image.
        """
        try:
            image = _path(fields)
            expression, noun_phrase, head = (_text(fields, name) for name in TEXTS)
            height, width = _whole(fields, "height"), _whole(fields, "width")
            check("pixels", height * width, where, MaskError)
            regions = _regions(fields)
            instances = regions[1:] or regions  # older records know of one thing only
            confidence, reason = _confidence(fields, instances)
            provenance = _provenance(fields)
        except MISSHAPEN as error:
            raise InputError(
                f"{where} has no usable {error}; make it again with 'refmask segment --json'"
            ) from None
        for region in regions:
            if region.segmentation["size"] != [height, width]:
                raise MaskError(
                    f"the mask of {where} has height and width {region.segmentation['size']}, its "
                    f"image {[height, width]}; make it again"
                )
            rle.decode(region.segmentation, f"the mask of {where}")
        return cls(
            image=image,
            height=height,
            width=width,
            expression=expression,
            noun_phrase=noun_phrase,
            head=head,
            confidence=confidence,
            reason=reason,
            instances=instances,
            provenance=provenance,
        )


def read_answers(lines: Iterable[str], name: str) -> list[Answer]:
    """Read the answers that ``refmask segment --json`` printed, one per line.

    Args:
        lines: of the file; empty ones are skipped.
        name: of the file, for messages.

    Raises:
        InputError: when there are none, or for the first unusable line, naming its number.
    """
    answers = []
    for number, line in enumerate(lines, 1):
        where = f"line {number} of {name}"
        if not line.strip():
            continue
        fields = parse_json(line, where)
        if not isinstance(fields, dict):
            raise InputError(
                f"{where} is not a JSON object; remove it, or make the file again with "
                "'refmask segment --json'"
            )
        answers.append(Answer.read(fields, where))
    if not answers:
        raise InputError(f"{name} holds no answers; make it with 'refmask segment --json'")
    return answers


def _regions(fields: Mapping[str, Any]) -> tuple[Region, ...]:
    """The answer as a whole, and its things one by one."""
    answer = fields["answer"]
    if answer is None:
        return ()
    whole = _region(answer, "answer")
    instances = fields.get("instances", [])
    if not isinstance(instances, list):
        raise TypeError("'instances'")
    return (whole, *(_region(instance, "instances") for instance in instances))


def _region(answer: Any, name: str) -> Region:
    if not isinstance(answer, dict):
        raise TypeError(f"'{name}'")
    segmentation, box = answer["segmentation"], answer["box"]
    if not isinstance(segmentation, dict):
        raise TypeError("'segmentation'")
    size, counts = segmentation["size"], segmentation["counts"]
    if not isinstance(size, list) or not isinstance(counts, str):
        raise TypeError("'segmentation'")
    if not isinstance(box, list) or len(box) != 4 or not all(map(is_number, box)):
        raise TypeError("'box'")
    left, top, right, bottom = map(float, box)
    return Region(
        segmentation={"size": size, "counts": counts},
        box=(left, top, right, bottom),
        area=_whole(answer, "area"),
        score=_number(answer, "score"),
    )


def _confidence(
    fields: Mapping[str, Any], instances: tuple[Region, ...]
) -> tuple[float | None, str | None]:
    """The confidence, and the reason if the answer is unsure."""
    confidence = None if fields["confidence"] is None else _number(fields, "confidence")
    if not (fields["unsure"] is True or confidence is None):
        return confidence, None
    # Records of older versions call an answer unsure without a reason.
    usual = LOW if instances else NO_REGIONS
    reason = fields.get("reason")
    return confidence, usual if reason is None else _text(fields, "reason")


def _provenance(fields: Mapping[str, Any]) -> Provenance | None:
    origin = fields.get("provenance")
    if origin is None:
        return None
    if not isinstance(origin, dict):
        raise TypeError("'provenance'")
    model, proposals, method, version = (_text(origin, name) for name in PROVENANCE)
    weights, label = (origin[name] and _text(origin, name) for name in ("weights", "label"))
    return Provenance(model, weights, proposals, method, version, label)


def _text(fields: Mapping[str, Any], name: str) -> str:
    text = fields[name]
    # JSON can hold half a character (a lone surrogate), which no file can.
    if not isinstance(text, str) or text.encode(errors="replace").decode() != text:
        raise TypeError(f"'{name}'")
    return text


def _path(fields: Mapping[str, Any]) -> str:
    """An image's path. It must have a file name, after which files are named."""
    path = _text(
        {"image": fields.get("picture")} | dict(fields), "image"
    )  # "picture" in old records
    if Path(path).name in ("", "..") or "\0" in path:
        raise ValueError("'image'")
    return path


def _number(fields: Mapping[str, Any], name: str) -> float:
    if not is_number(fields[name]):
        raise TypeError(f"'{name}'")
    return float(fields[name])


def _whole(fields: Mapping[str, Any], name: str) -> int:
    if not isinstance(fields[name], int) or fields[name] < 1:
        raise TypeError(f"'{name}'")
    return int(fields[name])
