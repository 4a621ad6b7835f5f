"""The central types.

Shapes everywhere: N mask proposals, T expressions, D the embedding's width, H x W the original
image, S the side of the model's input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from refmask.errors import MaskError
from refmask.reading import Reading

BoolArray = npt.NDArray[np.bool_]
UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]
Index = int | slice | Sequence[int] | npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class MaskProposals:
    """Class-agnostic mask proposals of one image, M(I) in the paper.

    Arrays are read-only; writable ones are copied.

    Attributes:
        masks: bool (N, H, W), in the original image's pixels.
        boxes: float32 (N, 4), XYXY pixels, half-open: ``masks[n, y1:y2, x1:x2]`` holds the
            whole mask. An empty mask has the box (0, 0, 0, 0). Default: computed.
        quality: float32 (N,), the proposer's confidence, higher is better. Default: ones.
        details: further arrays (N, ...) of the proposer, by name.

    Raises:
        MaskError: when shapes or types do not fit together.
    """

    masks: BoolArray
    boxes: FloatArray = field(default_factory=lambda: np.empty((0,), np.float32))
    quality: FloatArray = field(default_factory=lambda: np.empty((0,), np.float32))
    details: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        masks = np.asarray(self.masks)
        if masks.ndim != 3 or masks.dtype != np.bool_:
            raise MaskError(
                f"masks are a bool array (N, H, W), not {masks.dtype} {masks.shape}; "
                "threshold them and stack them along the first axis"
            )
        if 0 in masks.shape[1:]:
            raise MaskError(
                f"masks have at least 1x1 pixels, these are {masks.shape}; give the image's size"
            )
        count = len(masks)
        boxes = np.asarray(self.boxes, np.float32)
        quality = as_quality(self.quality)
        boxes = tight_boxes(masks) if boxes.shape == (0,) else boxes
        quality = np.ones(count, np.float32) if quality.shape == (0,) else quality
        if boxes.shape != (count, 4) or quality.shape != (count,):
            raise MaskError(
                f"{count} masks need boxes ({count}, 4) and quality ({count},), not {boxes.shape} "
                f"and {quality.shape}; give one row per mask, or leave them out"
            )
        for name, values in self.details.items():
            if values.shape[:1] != (count,):
                raise MaskError(
                    f"{count} masks need {count} {name}, not {values.shape}; give one row per mask"
                )
        object.__setattr__(self, "masks", unchanging(masks))
        object.__setattr__(self, "boxes", unchanging(boxes))
        object.__setattr__(self, "quality", unchanging(quality))
        details = {name: unchanging(values) for name, values in self.details.items()}
        object.__setattr__(self, "details", details)

    @classmethod
    def empty(cls, height: int, width: int) -> Self:
        """No proposals for an image of ``height`` x ``width`` pixels."""
        return cls(np.zeros((0, height, width), np.bool_))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the image, in pixels."""
        return self.masks.shape[1], self.masks.shape[2]

    def checked_for(self, image: UInt8Array) -> Self:
        """These proposals, checked to be ones that a method can encode in an image.

        Args:
            image: uint8 RGB (H, W, 3).

        Raises:
            MaskError: when they are of another size, or one of them covers no pixel.
        """
        if self.size != image.shape[:2]:
            raise MaskError(
                f"the image has {image.shape[1]}x{image.shape[0]} pixels (width x height), the "
                f"masks {self.size[1]}x{self.size[0]}; resize the masks to the image"
            )
        empty = np.flatnonzero(~self.masks.any(axis=(1, 2)))
        if len(empty):
            raise MaskError(f"mask {empty[0]} covers no pixel; remove empty masks")
        return self

    def __len__(self) -> int:
        return len(self.masks)

    def __repr__(self) -> str:
        """One line, without arrays."""
        return f"<MaskProposals: {len(self)} of {self.size[1]}x{self.size[0]} pixels>"

    def __getitem__(self, index: Index) -> Self:
        """Filter all fields together; a single number keeps the first axis."""
        rows = np.atleast_1d(np.arange(len(self))[index])
        details = {name: values[rows] for name, values in self.details.items()}
        masks = sealed(self.masks[rows])
        return type(self)(masks, self.boxes[rows], self.quality[rows], details)


def unchanging(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array itself when it is read-only, else a read-only copy."""
    part: Any = values
    while isinstance(part, np.ndarray):
        if part.flags.writeable:
            return sealed(values.copy())
        part = part.base
    return values if part is None or isinstance(part, bytes) else sealed(values.copy())


def sealed(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array, set read-only together with the arrays it is a view of."""
    part: Any = values
    while isinstance(part, np.ndarray):
        part.flags.writeable = False
        part = part.base
    return values


def as_quality(values: npt.ArrayLike, what: str = "the masks' quality") -> FloatArray:
    """Numbers as float32.

    Args:
        values: any numbers.
        what: their name in an error.

    Raises:
        MaskError: when one of them is not finite, or too large for float32.
    """
    with np.errstate(over="ignore"):
        quality = np.asarray(values, np.float32)
    if not np.isfinite(quality).all():
        raise MaskError(
            f"{what} must be {quality.size} finite numbers; replace NaN, and values that are too "
            "large for float32"
        )
    return quality


def tight_boxes(masks: BoolArray) -> FloatArray:
    """Smallest half-open XYXY boxes around masks.

    Args:
        masks: bool (N, H, W).

    Returns:
        float32 (N, 4); (0, 0, 0, 0) for an empty mask.
    """
    boxes = np.zeros((len(masks), 4), np.float32)
    for row, mask in zip(boxes, masks, strict=True):
        ys = np.flatnonzero(mask.any(axis=1))
        if len(ys):
            xs = np.flatnonzero(mask[ys[0] : ys[-1] + 1].any(axis=0))
            row[:] = xs[0], ys[0], xs[-1] + 1, ys[-1] + 1
    return boxes


@dataclass(frozen=True, eq=False)
class Query:
    """One expression about one image, with its answer.

    Attributes:
        id: unique within its data set.
        expression: the referring expression as written.
        target: bool (H, W), the ground truth.
        kind: what distinguishes the target ("colour", "surroundings", ...), where known.
        instance: which of the sample's instances the target is, where known.
        also_right: further instances of the sample that answer it as well as the target does.
        targets: all instances that the expression refers to, whose union is the target; () where
            it refers to nothing. None in a data set where every expression refers to one thing.
    """

    id: str
    expression: str
    target: BoolArray = field(repr=False)
    kind: str | None = None
    instance: int | None = None
    also_right: tuple[int, ...] = ()
    targets: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class Sample:
    """One image with its expressions.

    Attributes:
        id: unique within its data set.
        image: uint8 RGB (H, W, 3).
        queries: its expressions.
        instances: ground-truth instance masks, where known; their ``details["category"]``, int
            (N,), is the class of each.
        may_be_absent: expressions of its data set may refer to nothing, so that an answer may be
            "none"; where they may not, "none" is no answer.
        may_be_several: expressions of its data set may refer to several things.
    """

    id: str
    image: UInt8Array = field(repr=False)
    queries: tuple[Query, ...]
    instances: MaskProposals | None = None
    may_be_absent: bool = False
    may_be_several: bool = False

    def __repr__(self) -> str:
        """One line, without arrays."""
        height, width = self.image.shape[:2]
        return f"<Sample {self.id!r}: {len(self.queries)} queries, {width}x{height} pixels>"


@dataclass(frozen=True)
class TargetPhrase:
    """An expression and the noun phrase that names its target (supplement A).

    Attributes:
        expression: as the user wrote it.
        text: what the text encoder reads as the sentence (t_G, equation 6).
        noun_phrase: what it reads as the target noun phrase (t_L, equation 7).
        head: the noun phrase's root word.
        reading: what it says beside the noun: place, order, number, colour, relations.
        words: where the reading's tokens start and end in ``text``; empty without a parse.
    """

    expression: str
    text: str
    noun_phrase: str
    head: str
    reading: Reading = field(default_factory=Reading, repr=False)
    words: tuple[tuple[int, int], ...] = field(default=(), repr=False, compare=False)


class ImageFeatures(Protocol):
    """Features of an image and its N masks, independent of any phrase."""

    @property
    def arrays(self) -> dict[str, FloatArray]:
        """The arrays that are costly to compute, float32, by name; not all need be cached."""
        ...


@dataclass(frozen=True, eq=False)
class ContextFeatures:
    """Features of N masks or T expressions, in context and alone, **not blended**.

    Attributes:
        global_context: float32 (N, D) or (T, D): a mask within the whole image (equation 2 or
            3), or the whole expression (equation 6).
        local_context: float32, same shape: the masked crop (equation 4), or the target noun
            phrase (equation 7).
    """

    global_context: FloatArray
    local_context: FloatArray

    @property
    def arrays(self) -> dict[str, FloatArray]:
        """Both, by the names "global" and "local"."""
        return {"global": self.global_context, "local": self.local_context}

    def __len__(self) -> int:
        return len(self.global_context)

    def __repr__(self) -> str:
        """One line, without arrays."""
        return f"<{type(self).__name__}: {len(self)} of {self.global_context.shape[1]} numbers>"

    def __getitem__(self, rows: slice) -> ContextFeatures:
        """Features of some masks or expressions."""
        return ContextFeatures(self.global_context[rows], self.local_context[rows])

    def blend(self, weight: float) -> FloatArray:
        """``weight * global + (1 - weight) * local`` (equations 5 and 8).

        See ``reference.visual_feature`` and ``reference.text_feature``.
        """
        return weight * self.global_context + (1 - weight) * self.local_context


@runtime_checkable
class MaskProposer(Protocol):
    """Proposes class-agnostic masks for an image."""

    def propose(self, image: UInt8Array) -> MaskProposals:
        """Masks of a uint8 RGB (H, W, 3) image, best quality first."""
        ...


@runtime_checkable
class ConfiguredProposer(MaskProposer, Protocol):
    """A proposer that states everything its masks depend on, so that they can be cached."""

    def configuration(self) -> dict[str, Any]:
        """Name, settings, weights' SHA-256 and precision, as JSON values.

        Proposers with equal configurations propose equal masks for an image, up to rounding
        between machines.
        """
        ...
