"""The system: propose, look, read, compare, answer (the paper's figure 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from refmask import compat as compatibility
from refmask.clip import ClipBackbone, load_clip
from refmask.errors import ConfigurationError
from refmask.methods import PRESETS, Method, load_method
from refmask.ops.images import Picture, read_image
from refmask.ops.masks import iou_with
from refmask.phrases import PhraseParser
from refmask.proposals import dress, load_proposer, shared
from refmask.types import (
    SAME_THING,
    Bytes,
    Floats,
    MaskProposals,
    MaskProposer,
    Segmentation,
    TargetPhrase,
    Why,
)

if TYPE_CHECKING:
    from refmask.proposals.refine import Refinement


def load(
    model: str = "embedded",
    weights: str | None = None,
    *,
    proposals: str | MaskProposer = "grouping",
    store: str | None = None,
    refinement: Refinement | None = None,
    method: str = "global-local",
    preset: str | None = None,
    alpha: float | None = None,
    beta: float | None = None,
    mask_layers: int | None = None,
    parser: str = "embedded",
    compat: str = "default",
    device: str = "auto",
    precision: str = "auto",
) -> Segmenter:
    """Put a system together.

    Args:
        model: see ``refmask.clip.load_clip``.
        weights: see ``refmask.clip.load_clip``.
        proposals: a specification as ``refmask.proposals.load_proposer`` takes it, or any object
            with ``propose(image)``.
        store: a folder where the proposer's masks are kept, and taken from.
        refinement: what is done with the masks before they are used.
        method: a key of ``refmask.methods.METHODS``.
        preset: blend of one of the paper's data sets: "refcoco", "refcoco+", "refcocog" or
            "phrasecut". Single settings below go before it.
        alpha: weight of the global visual feature (equation 5). By default what the model's card
            recommends, else 0.85.
        beta: weight of the whole expression (equation 8).
        mask_layers: the paper's k for vision transformers.
        parser: "embedded" or any installed spaCy pipeline.
        compat: "default", or "reference" for the released code's arithmetic (always in fp32).
        device: see ``refmask.clip.load_clip``.
        precision: see ``refmask.clip.load_clip``.

    Raises:
        ConfigurationError: for a name or setting that does not exist.
        ModelError: when the model cannot be loaded.
        MissingResource: when the parser is not installed.
    """
    _check_preset(preset)
    if compat == "reference":
        if precision == "bf16":
            raise ConfigurationError("compat 'reference' computes in fp32, leave precision out")
        precision = "fp32"
    if isinstance(proposals, str):
        uncapped = compatibility.by_name(compat, "vit").uncapped_proposals  # whatever the tower
        proposals = load_proposer(proposals, defaults=shared(device, precision, uncapped))
    proposals = dress(proposals, store, refinement)
    clip = load_clip(model, weights, device=device, precision=precision)
    return assemble(
        clip,
        proposals,
        method=method,
        preset=preset,
        settings={"alpha": alpha, "beta": beta, "mask_layers": mask_layers},
        parser=parser,
        compat=compat,
    )


def assemble(
    clip: ClipBackbone,
    proposer: MaskProposer,
    *,
    method: str = "global-local",
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    parser: str | PhraseParser = "embedded",
    compat: str = "default",
) -> Segmenter:
    """As ``load``, around a model and a proposer that are there already.

    Args:
        clip: the model.
        proposer: where masks come from.
        method: see ``load``.
        preset: see ``load``.
        settings: the method's own; those that are None are left to preset, card and method.
        parser: a name as in ``load``, or a parser that is there already.
        compat: see ``load``.

    Raises:
        ConfigurationError: for a name or setting that does not exist.
        MissingResource: when the parser is not installed.
    """
    _check_preset(preset)
    record = compatibility.by_name(compat, clip.tower.family)
    # The card's advice is for the corrected method, the preset for the paper's: the latter wins.
    advice = (clip.advice if compat == "default" else {}) | (PRESETS[preset] if preset else {})
    taken: dict[str, dict[str, Any]] = {
        "global-local": advice,
        "global": {"mask_layers": advice.get("mask_layers")},
    }
    explicit = {name: value for name, value in (settings or {}).items() if value is not None}
    if isinstance(parser, str):
        parser = PhraseParser(parser, reference=record.released_phrases)
    made = load_method(method, clip, **(taken.get(method, {}) | explicit), compat=record)
    return Segmenter(proposer, made, parser)


def _check_preset(preset: str | None) -> None:
    if preset is not None and preset not in PRESETS:
        raise ConfigurationError(f"expected a preset out of {', '.join(PRESETS)}, got {preset!r}")


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A proposer, a method and a parser.

    Attributes:
        proposer: where class-agnostic masks come from.
        method: scores them.
        parser: finds the target noun phrase of expressions.
    """

    proposer: MaskProposer
    method: Method
    parser: PhraseParser

    def look(self, picture: Picture, proposals: MaskProposals | None = None) -> Scene:
        """Look at a picture once; then ask the scene as often as you like.

        Args:
            picture: path, PIL image or array; see ``refmask.ops.images.read_image``.
            proposals: masks to choose from instead of the proposer's.

        Raises:
            ImageError: when the picture cannot be read.
            MaskError: when the proposals are of another size, or one of them is empty.
        """
        image = read_image(picture)
        if proposals is None:
            proposals = self.proposer.propose(image)
        proposals = proposals.checked_for(image)
        return Scene(image, proposals, self, self.method.observe(image, proposals))


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture looked at once.

    Attributes:
        image: uint8 RGB (H, W, 3).
        proposals: N masks of that size.
        segmenter: what looked at it.
        observation: the method's features of the proposals.
    """

    image: Bytes
    proposals: MaskProposals
    segmenter: Segmenter
    observation: Any

    @cached_property
    def _areas(self) -> Floats:
        return np.asarray(self.proposals.masks.sum(axis=(1, 2), dtype=np.float64))

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

    def find_phrases(self, phrases: Sequence[TargetPhrase]) -> list[Segmentation]:
        """As ``find``, for expressions whose noun phrase is known."""
        scores = self.segmenter.method.score(self.observation, phrases)
        return [self._answer(*pair) for pair in zip(phrases, scores, strict=True)]

    def _answer(self, phrase: TargetPhrase, scores: Floats) -> Segmentation:
        order = np.argsort(-scores, kind="stable")
        if not len(order):
            nothing = np.zeros(self.proposals.size, np.bool_)
            return Segmentation(nothing, scores, None, 0.0, Why(phrase, None, 0.0))
        best = int(order[0])
        same = iou_with(self.proposals.masks, self._areas, best) >= SAME_THING
        others = [int(index) for index in order if not same[index]]
        weights = np.exp(scores - scores[best])
        margin = float(scores[best] - scores[others[0]]) if others else 0.0
        runner_up = others[0] if others else None
        return Segmentation(
            mask=self.proposals.masks[best],
            scores=scores,
            best=best,
            confidence=float(weights[same].sum() / weights.sum()),
            why=Why(phrase, runner_up, margin, terms={"similarity": scores}),
        )
