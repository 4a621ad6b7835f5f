"""One image, encoded once and asked often: encode text, score, answer (the paper's figure 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np

from refmask.answer import SAME_THING, Segmentation, Why, softmax
from refmask.cache.scene_file import read_scene, write_scene
from refmask.ops.images import is_blank
from refmask.ops.masks import areas_of, iou_with, pairwise_iou
from refmask.ops.processes import check_process
from refmask.provenance import Provenance
from refmask.terms import NounScores, evidence, noun_phrases
from refmask.terms.node import ImageEvidence
from refmask.types import (
    BoolArray,
    ContextFeatures,
    FloatArray,
    ImageFeatures,
    IntArray,
    MaskProposals,
    TargetPhrase,
    UInt8Array,
    unchanging,
)
from refmask.visualize.overlay import Overlay, png
from refmask.visualize.proposals import draw_readably

if TYPE_CHECKING:
    from refmask.segmenter import Segmenter

#: Masks are compared with each other at a longer side of about so many pixels.
AGREEMENT_SIDE = 128
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
    """

    image: UInt8Array
    proposals: MaskProposals
    segmenter: Segmenter
    features: ImageFeatures
    proposed_by: str | None = None

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

    @cached_property
    def _areas(self) -> IntArray:
        return areas_of(self.proposals.masks)

    def drawings_of(self, index: int) -> BoolArray:
        """Which proposals are the same thing as one of them, drawn a little differently: bool (N,).

        Those whose IoU with it is at least ``SAME_THING``.
        """
        return iou_with(self.proposals.masks, self._areas, index) >= SAME_THING

    @cached_property
    def _agreement(self) -> FloatArray:
        """IoU of every mask with every other, about: float32 (N, N)."""
        step = max(1, max(self.proposals.size) // AGREEMENT_SIDE)
        iou = pairwise_iou(np.ascontiguousarray(self.proposals.masks[:, ::step, ::step]))
        np.fill_diagonal(iou, 1.0)
        return iou

    @cached_property
    def _evidence(self) -> ImageEvidence:
        """What terms computed of the image."""
        return ImageEvidence(self.image, self.proposals)

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
        self, phrases: Sequence[TargetPhrase], text: ContextFeatures | None = None
    ) -> list[Segmentation]:
        """As ``find``, for expressions that were read before.

        Args:
            phrases: T of them, from the segmenter's parser.
            text: their features, where the method has encoded them already.
        """
        check_process()
        method = self.segmenter.cached
        text = method.encode_text(phrases) if text is None else text
        terms = self._terms(phrases)
        none = np.zeros(len(self.proposals), np.float32)
        added = np.array([sum(of_phrase.values(), none) for of_phrase in terms], np.float32)
        added = added.reshape(len(phrases), len(self.proposals))
        # What the phrases needed to know of the masks stays known.
        features = self.features = method.focus(self.features, text, added)
        scores = method.score(features, text, added)
        notes = method.unknown(phrases)
        return [
            self._answer(phrases[t], scores[t], terms[t], notes[t], text[t : t + 1])
            for t in range(len(phrases))
        ]

    def _terms(self, phrases: Sequence[TargetPhrase]) -> list[dict[str, FloatArray]]:
        """What each term says about each phrase, float64 (N,) by name."""
        weights = {name: weight for name, weight in self.segmenter.terms.items() if weight}
        if not weights or not len(self.proposals):
            return [{} for _ in phrases]
        nouns = self._noun_scores(weights, phrases)
        return [evidence(weights, self._evidence, phrase, nouns) for phrase in phrases]

    def _noun_scores(
        self, weights: Mapping[str, float], phrases: Sequence[TargetPhrase]
    ) -> NounScores:
        """How far each proposal shows the nouns that the phrases' terms need, by the method."""
        method = self.segmenter.cached
        needed = {noun.text: noun for phrase in phrases for noun in noun_phrases(weights, phrase)}
        nouns = [noun for text, noun in needed.items() if text]
        if not nouns:
            return lambda _: None
        text = method.encode_text(nouns)
        features = self.features = method.focus(self.features, text)
        scores = method.score(features, text)
        unknown = method.unknown(nouns)
        known = {
            noun.text: np.exp(row - row.max())
            for noun, row, reason in zip(nouns, scores, unknown, strict=True)
            if reason is None
        }
        return lambda phrase: known.get(phrase.reading.phrase or phrase.reading.noun)

    def _answer(
        self,
        phrase: TargetPhrase,
        scores: FloatArray,
        terms: dict[str, FloatArray],
        unknown: str | None,
        text: ContextFeatures,
    ) -> Segmentation:
        note = unknown or self._fault or phrase.reading.not_understood
        if not len(scores):
            why = Why(phrase, None, 0.0, note=note)
            return Segmentation(self.proposals, scores, (), 0.0, why, self._view, self.provenance)
        scores = unchanging(scores)
        weights = softmax(scores)
        expected = self._agreement @ weights if self.segmenter.consensus else None
        standing = scores if expected is None else expected
        order = np.argsort(-standing, kind="stable")
        best = int(order[0])
        if note is None and not self.segmenter.method.fits(self.features, text, best):
            note = f"nothing here looks like '{phrase.head}' to this model"
        same = self.drawings_of(best)
        others = [int(index) for index in order if not same[index]]
        margin = float(standing[best] - standing[others[0]]) if others else 0.0
        runner_up = others[0] if others else None
        return Segmentation(
            proposals=self.proposals,
            scores=scores,
            chosen=(best,),
            share=min(float(weights[same].sum()), 1.0),
            why=Why(phrase, runner_up, margin, {"similarity": scores, **terms}, note),
            view=self._view,
            provenance=self.provenance,
            expected_iou=expected,
        )
