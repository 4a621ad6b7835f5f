"""Answers as other programs need them: of a scene, or of what ``refmask segment`` printed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refmask.answer import LOW, NO_REGIONS, Segmentation, verdict
from refmask.errors import InputError, MaskError
from refmask.limits import check
from refmask.ops import rle
from refmask.ops.reading import MISSHAPEN, parse_json
from refmask.ops.segmentations import is_number
from refmask.provenance import Provenance
from refmask.types import BoolArray

if TYPE_CHECKING:
    pass


#: Texts of an answer, in their order.
TEXTS = ("expression", "noun_phrase", "head")
#: Those of its provenance that are always told.
ORIGIN = ("model", "proposals", "method", "version")


@dataclass(frozen=True)
class Found:
    """What an expression refers to.

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
        """Bool (H, W)."""
        return rle.decode(self.segmentation)


@dataclass(frozen=True)
class Answer:
    """One expression about one image, and what was found.

    Attributes:
        image: the image's path, as it was given.
        height: of the image, in pixels.
        width: of the image, in pixels.
        expression: as the user wrote it.
        noun_phrase: of the target.
        head: the noun phrase's root word.
        confidence: 0 to 1; None where it would mean nothing.
        reason: why the answer is unsure; None when it is not.
        found: the answer, or None when there is none.
        provenance: where it comes from; records of older versions do not tell.
    """

    image: str
    height: int
    width: int
    expression: str
    noun_phrase: str
    head: str
    confidence: float | None
    reason: str | None
    found: Found | None
    provenance: Provenance | None = None

    @property
    def unsure(self) -> bool:
        """There is no answer, its confidence is low, or none can be told."""
        return self.reason is not None

    @property
    def score(self) -> float:
        """The confidence, for forms that must have a number: 0 where none can be told."""
        return self.confidence or 0.0

    @property
    def verdict(self) -> str:
        """How far to trust the answer, in words."""
        return verdict(self.confidence, self.reason)

    @classmethod
    def of(cls, image: str | PathLike[str], answer: Segmentation) -> Answer:
        """The answer that a scene gave.

        Args:
            image: path of the scene's image.
            answer: what ``scene.find`` gave.
        """
        return cls.read({"image": fspath(image), **answer.to_dict()})

    @classmethod
    def read(cls, fields: Mapping[str, Any], where: str = "the answer") -> Answer:
        """The answer that a JSON record tells of.

        Args:
            fields: of ``Segmentation.to_dict``, with "image", the image's path.
            where: what to call it in an error.

        Raises:
            InputError: when a field is missing or of another type.
            MaskError: when the mask is damaged or of another size than the image.
        """
        try:
            image = _path(fields)
            expression, noun_phrase, head = (_text(fields, name) for name in TEXTS)
            height, width = _whole(fields, "height"), _whole(fields, "width")
            check("pixels", height * width, where, MaskError)
            answer = fields["answer"]
            found = None if answer is None else _found(answer)
            confidence, reason = _belief(fields, found)
            provenance = _provenance(fields)
        except MISSHAPEN as error:
            raise InputError(
                f"expected {where} to be as 'refmask segment' prints it, "
                f"found no usable {error}; make it again"
            ) from None
        if found is not None:
            if found.segmentation["size"] != [height, width]:
                raise MaskError(
                    f"expected the mask of {where} to be as high and wide as its image, "
                    f"{[height, width]}, got {found.segmentation['size']}; make it again"
                )
            rle.decode(found.segmentation, f"the mask of {where}")
        return cls(
            image=image,
            height=height,
            width=width,
            expression=expression,
            noun_phrase=noun_phrase,
            head=head,
            confidence=confidence,
            reason=reason,
            found=found,
            provenance=provenance,
        )


def read_answers(lines: Iterable[str], name: str) -> list[Answer]:
    """The answers of ``refmask segment``, one a line.

    Args:
        lines: of the file; empty ones are passed over.
        name: the file's, for messages.

    Raises:
        InputError: when there is none, or for the first line that cannot be used, by its number.
    """
    answers = []
    for number, line in enumerate(lines, 1):
        where = f"line {number} of {name}"
        if not line.strip():
            continue
        fields = parse_json(line, where)
        if not isinstance(fields, dict):
            raise InputError(
                f"expected {where} to be a JSON object, as 'refmask segment' prints it; "
                "remove the line or make the file again"
            )
        answers.append(Answer.read(fields, where))
    if not answers:
        raise InputError(f"expected answers in {name}, found none; see 'refmask segment'")
    return answers


def _found(answer: Any) -> Found:
    if not isinstance(answer, dict):
        raise TypeError("'answer'")
    segmentation, box = answer["segmentation"], answer["box"]
    if not isinstance(segmentation, dict):
        raise TypeError("'segmentation'")
    size, counts = segmentation["size"], segmentation["counts"]
    if not isinstance(size, list) or not isinstance(counts, str):
        raise TypeError("'segmentation'")
    if not isinstance(box, list) or len(box) != 4 or not all(map(is_number, box)):
        raise TypeError("'box'")
    left, top, right, bottom = map(float, box)
    return Found(
        segmentation={"size": size, "counts": counts},
        box=(left, top, right, bottom),
        area=_whole(answer, "area"),
        score=_number(answer, "score"),
    )


def _belief(fields: Mapping[str, Any], found: Found | None) -> tuple[float | None, str | None]:
    """The confidence, and why the answer is unsure."""
    confidence = None if fields["confidence"] is None else _number(fields, "confidence")
    if not (fields["unsure"] is True or confidence is None):
        return confidence, None
    # Records of older versions call an answer unsure without a reason.
    usual = NO_REGIONS if found is None else LOW
    reason = fields.get("reason")
    return confidence, usual if reason is None else _text(fields, "reason")


def _provenance(fields: Mapping[str, Any]) -> Provenance | None:
    told = fields.get("provenance")
    if told is None:
        return None
    if not isinstance(told, dict):
        raise TypeError("'provenance'")
    model, proposals, method, version = (_text(told, name) for name in ORIGIN)
    weights, label = (told[name] and _text(told, name) for name in ("weights", "label"))
    return Provenance(model, weights, proposals, method, version, label)


def _text(fields: Mapping[str, Any], name: str) -> str:
    text = fields[name]
    # Half a character, which JSON can spell, could not be written again.
    if not isinstance(text, str) or text.encode(errors="replace").decode() != text:
        raise TypeError(f"'{name}'")
    return text


def _path(fields: Mapping[str, Any]) -> str:
    """An image's path. Files are named after it, so it must have a name."""
    path = _text({"image": fields.get("picture")} | dict(fields), "image")  # once "picture"
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
