"""One image, encoded once and asked often: encode text, score, answer (the paper's figure 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np

from refmask.answer import SAME_THING, Segmentation, softmax
from refmask.cache.scene_file import read_scene, write_scene
from refmask.evidence import Gatherer, texts_of
from refmask.ops.images import is_blank
from refmask.ops.masks import areas_of, iou_with
from refmask.ops.processes import check_process
from refmask.provenance import Provenance
from refmask.selection import (
    Calibration,
    Evidence,
    count_things,
    joined,
    parts_of,
    select,
    shortfall,
)
from refmask.terms.layout import Layout
from refmask.terms.node import ImageEvidence
from refmask.types import (
    BoolArray,
    FloatArray,
    ImageFeatures,
    IntArray,
    MaskProposals,
    TargetPhrase,
    UInt8Array,
)
from refmask.visualize.overlay import Overlay, png
from refmask.visualize.proposals import draw_readably
from refmask.why import Why

if TYPE_CHECKING:
    from refmask.segmenter import Segmenter

#: Why nothing can be told about an image that shows nothing.
BLANK_IMAGE = "blank image"


@dataclass(eq=False)
class Scene:
    """One image looked at once.

    Attributes:
        image: uint8 RGB (H, W, 3).
        proposals: N masks of that size.
        segmenter: what looked at it.
        features: what the method knows of the proposals; phrases may add to it.
        proposed_by: what ``Provenance.proposals`` tells; None for the segmenter's own proposer.
        computed: what was computed of the image and its proposals; None to begin with nothing.
    """

    image: UInt8Array
    proposals: MaskProposals
    segmenter: Segmenter
    features: ImageFeatures
    proposed_by: str | None = None
    computed: ImageEvidence | None = field(default=None, repr=False)

    @cached_property
    def provenance(self) -> Provenance:
        """Where its answers come from."""
        told = self.segmenter.provenance
        return told if self.proposed_by is None else replace(told, proposals=self.proposed_by)

    def __repr__(self) -> str:
        """One line, without arrays."""
        height, width = self.proposals.size
        regions = f"{len(self.proposals)} regions in {width}x{height} pixels"
        return f"<Scene: {regions}, seen by {self.provenance.caption}>"

    def save(self, path: str | PathLike[str]) -> None:
        """Write image, proposals and features, unblended, into a ``.safetensors`` file.

        Raises:
            ConfigurationError: when the name has another ending, the place cannot be written, or
                the model's weights are no file.
            MaskError: when the proposals cannot be kept.
        """
        method, made_by = self.segmenter.method, self.provenance.proposals
        write_scene(Path(path), self.image, self.proposals, self.features, method, made_by)

    @classmethod
    def load(cls, path: str | PathLike[str], segmenter: Segmenter) -> Scene:
        """A scene that was saved: it answers as then, and nothing is looked at again.

        Except for what ``local_top`` puts off: crops are cut from the image in the file.

        Args:
            path: the file; nothing in it is run.
            segmenter: answers. Its model, precision, compat and mask_layers must be those that
                looked at the image; parser, alpha and beta need not.

        Raises:
            InputError: when the file is missing, damaged, too large, or no such file.
            ConfigurationError: when the scene was looked at otherwise, naming the differences.
        """
        file = read_scene(Path(path))
        features = file.features_for(segmenter.method)
        return cls(file.image, file.proposals, segmenter, features, file.proposed_by)

    @cached_property
    def _view(self) -> Overlay:
        return Overlay(self.image)

    def _repr_png_(self) -> bytes:
        """What a notebook shows: the image with all proposals."""
        return png(draw_readably(self.image, self.proposals))

    @cached_property
    def _fault(self) -> str | None:
        """Why nothing can be told about this image, whatever is asked."""
        return BLANK_IMAGE if is_blank(self.image) else None

    def drawings_of(self, index: int) -> BoolArray:
        """Which proposals are the same thing as one of them, drawn a little differently: bool (N,).

        Those whose IoU with it is at least ``SAME_THING``.
        """
        areas = self._evidence.get(_areas)
        return iou_with(self.proposals.masks, areas, index) >= SAME_THING

    @cached_property
    def _evidence(self) -> ImageEvidence:
        """What is computed of the image and its proposals, each once."""
        return self.computed or ImageEvidence(self.image, self.proposals)

    def asked_by(self, segmenter: Segmenter) -> Scene:
        """This scene with a variation of its segmenter, which shares all that was computed."""
        return replace(self, segmenter=segmenter, computed=self._evidence)

    @overload
    def find(self, expression: str) -> Segmentation: ...
    @overload
    def find(self, expression: list[str] | tuple[str, ...]) -> list[Segmentation]: ...
    def find(
        self, expression: str | list[str] | tuple[str, ...]
    ) -> Segmentation | list[Segmentation]:
        """The mask that an expression refers to, for the cost of encoding the text.

        Args:
            expression: one, or a list of them.

        Raises:
            ExpressionError: when one is empty, too long, or no text.
        """
        if isinstance(expression, str):
            return self.find([expression])[0]
        return self.find_phrases(self.segmenter.parser(expression))

    def find_phrases(
        self, phrases: Sequence[TargetPhrase], *, afresh: bool = False
    ) -> list[Segmentation]:
        """As ``find``, for expressions that were read before.

        Args:
            phrases: from the segmenter's parser.
            afresh: encode their texts whatever is cached. Features differ by rounding with the
                texts that are encoded beside them.
        """
        check_process()
        method = self.segmenter.method if afresh else self.segmenter.cached
        if not afresh:  # one batch costs little more than one text
            method.encode_text(texts_of(self.segmenter, phrases))
        gatherer = Gatherer(self.segmenter, method, self._evidence, self.features, self._standing)
        segmenter = self.segmenter
        parts = [parts_of(phrase, segmenter.rules, segmenter.terms) for phrase in phrases]
        every = [part for some in parts for part in some]
        found = iter(gatherer.gather(every, len(self.proposals)))
        self.features = gatherer.features
        return [
            self._answer(phrase, [next(found) for _ in some])
            for phrase, some in zip(phrases, parts, strict=True)
        ]

    def _standing(self, scores: FloatArray) -> FloatArray:
        """What decides between the proposals, float32 (N,): expected IoU, or the scores."""
        agreement = self._evidence.get(Layout.of).iou if self.segmenter.consensus else None
        if agreement is None or not len(scores):
            return scores
        return np.asarray(agreement @ softmax(scores))

    def _answer(self, phrase: TargetPhrase, parts: Sequence[Evidence]) -> Segmentation:
        """The answer to a phrase by the evidence for each of its parts."""
        whole = joined(phrase, parts)
        note = whole.note or self._fault
        chosen, things = tuple[int, ...](), None
        if len(self.proposals):
            found = [select(self.segmenter.rules, part, self._same) for part in parts]
            chosen = tuple(dict.fromkeys(one for part in found for one in part))
            note = note or shortfall(self.segmenter.rules, parts, found)
            if phrase.reading.is_placed:
                things = count_things(whole, self._same)
        drawings = self._drawings(chosen)
        others = np.flatnonzero(~drawings)
        runner_up = int(others[whole.standing[others].argmax()]) if chosen and len(others) else None
        margin = 0.0 if runner_up is None else whole.standing[chosen[0]] - whole.standing[runner_up]
        return Segmentation(
            proposals=self.proposals,
            scores=whole.scores,
            chosen=chosen,
            share=self._share(whole, chosen, drawings),
            why=Why(
                phrase, runner_up, float(margin), dict(whole.terms), note, things, whole.landmarks
            ),
            view=self._view,
            provenance=self.provenance,
            expected_iou=whole.standing if self.segmenter.consensus else None,
            calibrated=self.segmenter.calibrated,
            drawings=drawings,
            likeness=None if whole.likeness is None else whole.likeness.rows,
        )

    def _same(self) -> BoolArray:
        """Which proposals draw one thing or a part of it: bool (N, N)."""
        same = self._evidence.get(Layout.of).same
        return np.eye(len(self.proposals), dtype=np.bool_) if same is None else same

    def _drawings(self, chosen: tuple[int, ...]) -> BoolArray:
        """Which proposals draw one of the chosen things: bool (N,)."""
        if not chosen:
            return np.zeros(len(self.proposals), np.bool_)
        drawn = [self.drawings_of(index) for index in chosen]
        return np.asarray(np.any(drawn, axis=0), np.bool_)

    def _share(self, evidence: Evidence, chosen: tuple[int, ...], drawings: BoolArray) -> float:
        """What the chosen things have of the scores' softmax, times how likely they are there."""
        if not chosen:
            return 0.0
        calibration = self.segmenter.calibration or Calibration()
        share = float(softmax(evidence.scores / calibration.temperature)[drawings].sum())
        if evidence.calibrated and evidence.presence is not None:
            share *= float(evidence.presence[list(chosen)].mean())
        return min(share, 1.0)


def _areas(image: UInt8Array, proposals: MaskProposals) -> IntArray:  # noqa: ARG001
    """In pixels, int64 (N,)."""
    return areas_of(proposals.masks)
