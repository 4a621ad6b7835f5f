"""The system: propose, look, read, compare, answer (the paper's figure 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from refmask import compat as compatibility
from refmask.answer import SAME_THING, Segmentation, Why
from refmask.drawing.overlay import png
from refmask.drawing.proposals import draw_readably
from refmask.drawing.view import Overlay
from refmask.errors import ConfigurationError
from refmask.methods import AUTO, PRESETS, Method, load_method, usual_method
from refmask.methods.base import Encoder, unknown_to
from refmask.methods.configuration import method_told, model_name
from refmask.methods.keeping import Keeping, Part
from refmask.ops.images import Picture, is_blank, read_image
from refmask.ops.masks import areas_of, iou_with, pairwise_iou
from refmask.phrases import PhraseParser
from refmask.proposals import dress, load_proposer, shared
from refmask.proposals.telling import proposer_told
from refmask.provenance import Provenance, label_of
from refmask.scene_file import read_scene, write_scene
from refmask.store.features import Features
from refmask.store.sizes import LIMIT
from refmask.terms import evidence, load_term, parse_terms
from refmask.types import Bytes, Floats, MaskProposals, MaskProposer, TargetPhrase, Whole

if TYPE_CHECKING:
    from refmask.proposals.refine import Refinement

#: The model for photographs that needs no download.
OFFLINE = "offline"
#: Masks are compared with each other at a longer side of about so many pixels.
AGREEMENT_SIDE = 128
#: What answers tell of masks that came from elsewhere, and of an image that shows nothing.
GIVEN, BLANK_IMAGE = "given", "blank image"


def load(
    model: str = "embedded",
    weights: str | None = None,
    *,
    proposals: str | MaskProposer = "grouping",
    store: str | None = None,
    store_limit: str | int = LIMIT,
    refinement: Refinement | None = None,
    method: str = AUTO,
    preset: str | None = None,
    alpha: float | None = None,
    beta: float | None = None,
    mask_layers: int | None = None,
    local_top: int | None = None,
    terms: str = AUTO,
    parser: str = "embedded",
    compat: str = "default",
    device: str = "auto",
    precision: str = "auto",
) -> Segmenter:
    """Put a system together.

    Args:
        model: "offline", the preview for photographs; else see ``refmask.clip.load_clip``.
        weights: see ``refmask.clip.load_clip``.
        proposals: a specification as ``refmask.proposals.load_proposer`` takes it, or any object
            with ``propose(image)``.
        store: a folder where the proposer's masks and the features of masks are kept, and taken
            from.
        store_limit: what features may take there, in bytes or such as "500MB"; those that were not
            used for longest leave first. Masks stay.
        refinement: what is done with the masks before they are used.
        method: a key of ``refmask.methods.METHODS``; "auto" is "global-local" for a CLIP, and
            "class-posterior" for "offline".
        terms: what else is weighed, see ``refmask.terms.parse_terms``; "auto" is "colour" for
            "offline", and "none" for a CLIP.
        preset: blend of one of the paper's data sets: "refcoco", "refcoco+", "refcocog" or
            "phrasecut". Single settings below go before it.
        alpha: weight of the global visual feature (equation 5). By default what the model's card
            recommends, else 0.85.
        beta: weight of the whole expression (equation 8).
        mask_layers: the paper's k for vision transformers.
        local_top: an approximation that saves time: compute local features only for so many masks
            of each expression, its best by the global score (method "global-local" only); see
            ``refmask.methods.shortlist``.
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
    features = None if store is None else Features(store, store_limit)
    encoder = _load_encoder(model, weights, device, precision)
    return assemble(
        encoder,
        proposals,
        method=method,
        terms=terms,
        preset=preset,
        settings={
            "alpha": alpha,
            "beta": beta,
            "mask_layers": mask_layers,
            "local_top": local_top,
        },
        parser=parser,
        compat=compat,
        features=features,
    )


def _load_encoder(model: str, weights: str | None, device: str, precision: str) -> Encoder:
    # Each way in is imported only when it is taken: both are slow.
    if model != OFFLINE:
        from refmask.clip import load_clip

        return load_clip(model, weights, device=device, precision=precision)
    if weights is not None:
        raise ConfigurationError(
            f"the model {OFFLINE!r} has weights of its own, got {weights!r}; leave weights out, or "
            "name a CLIP as model"
        )
    from refmask.classifier import load_classifier

    return load_classifier(device, precision)


def assemble(
    encoder: Encoder,
    proposer: MaskProposer,
    *,
    method: str = AUTO,
    terms: str = AUTO,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    parser: str | PhraseParser = "embedded",
    compat: str = "default",
    features: Features | None = None,
) -> Segmenter:
    """As ``load``, around a model and a proposer that are there already.

    Args:
        encoder: the model.
        proposer: where masks come from.
        method: see ``load``.
        terms: see ``load``.
        preset: see ``load``.
        settings: the method's own; those that are None are left to preset, card and method.
        parser: a name as in ``load``, or a parser that is there already.
        compat: see ``load``.
        features: where features of masks are kept, and taken from.

    Raises:
        ConfigurationError: for a name or setting that does not exist.
        MissingResource: when the parser is not installed.
    """
    _check_preset(preset)
    record = compatibility.by_name(compat, encoder.family)
    method = usual_method(encoder) if method == AUTO else method
    # The card's advice is for the corrected method, the preset for the paper's: the latter wins.
    advice = (encoder.advice if compat == "default" else {}) | (PRESETS[preset] if preset else {})
    taken: dict[str, dict[str, Any]] = {
        "global-local": advice,
        "global": {"mask_layers": advice.get("mask_layers")},
    }
    explicit = {name: value for name, value in (settings or {}).items() if value is not None}
    if isinstance(parser, str):
        parser = PhraseParser(parser, reference=record.released_phrases)
    made = load_method(method, encoder, **(taken.get(method, {}) | explicit), compat=record)
    offline = encoder.name == OFFLINE
    weights = parse_terms(("colour" if offline else "none") if terms == AUTO else terms)
    return Segmenter(proposer, made, parser, features, weights, consensus=offline)


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
        features: where features of masks are kept, and taken from.
        terms: weights of what is added to the method's score, by name; see ``refmask.terms``.
        consensus: answer with the mask of the greatest expected IoU instead of the most probable
            one: where proposals are many guesses at the extent of one thing, the guess that the
            others agree with is right more often.
    """

    proposer: MaskProposer
    method: Method
    parser: PhraseParser
    features: Features | None = None
    terms: Mapping[str, float] = field(default_factory=dict)
    consensus: bool = False

    @property
    def choice(self) -> dict[str, Any]:
        """What choosing depends on beside the method, where it is used: terms, and consensus."""
        terms = {f"terms.{name}": weight for name, weight in self.terms.items() if weight}
        return terms | ({"consensus": True} if self.consensus else {})

    @cached_property
    def provenance(self) -> Provenance:
        """Where its answers come from; the weights are read through when this is first asked for.

        Raises:
            WeightsError: when they cannot be read any more.
        """
        encoder = self.method.encoder
        return Provenance(
            model=model_name(encoder),
            weights=encoder.weights_sha256,
            proposals=proposer_told(self.proposer),
            method=method_told(self.method, self.choice),
            version=version("refmask"),
            label=label_of(encoder.name),
        )

    def __repr__(self) -> str:
        """One line: where its answers come from."""
        return f"<Segmenter of {self.provenance}>"

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
        made_by = None if proposals is None else GIVEN
        if proposals is None:
            proposals = self.proposer.propose(image)
        proposals = proposals.checked_for(image)
        keeping = Keeping(self.method.encoder, image, proposals, self.features)
        observation = self.method.observe(image, proposals, keeping)
        return Scene(image, proposals, self, observation, keeping.parts, made_by)


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture looked at once.

    Attributes:
        image: uint8 RGB (H, W, 3).
        proposals: N masks of that size.
        segmenter: what looked at it.
        observation: the method's features of the proposals.
        parts: what they were made of, for ``save``.
        proposed_by: what ``Provenance.proposals`` tells; None for the segmenter's own proposer.
    """

    image: Bytes
    proposals: MaskProposals
    segmenter: Segmenter
    observation: Any
    parts: Mapping[str, Part] = field(default_factory=dict)
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
        """Write picture, proposals and features, unblended, into a ``.safetensors`` file.

        Raises:
            ConfigurationError: when the name has another ending, the place cannot be written, or
                the model's weights are no file.
            MaskError: when the proposals cannot be kept.
        """
        clip, made_by = self.segmenter.method.encoder, self.provenance.proposals
        write_scene(Path(path), self.image, self.proposals, clip, self.parts, made_by)

    @classmethod
    def load(cls, path: str | PathLike[str], segmenter: Segmenter) -> Scene:
        """A scene that was saved: it answers as then, and nothing is looked at again.

        Except for what ``local_top`` puts off: crops are cut from the picture in the file.

        Args:
            path: the file; nothing in it is run.
            segmenter: answers. Its model, precision, compat and mask_layers must be those that
                looked at the picture; parser, alpha and beta need not.

        Raises:
            InputError: when the file is missing, damaged, too large, or no such file.
            ConfigurationError: when the scene was looked at otherwise, naming the differences.
        """
        file = read_scene(Path(path))
        method = segmenter.method
        observation = method.observe(file.image, file.proposals, file.keep(method.encoder))
        return cls(file.image, file.proposals, segmenter, observation, file.parts, file.proposed_by)

    @cached_property
    def _view(self) -> Overlay:
        return Overlay(self.image, self.proposals)

    def _repr_png_(self) -> bytes:
        """What a notebook shows: the picture with all proposals."""
        return png(draw_readably(self.image, self.proposals))

    @cached_property
    def _fault(self) -> str | None:
        """Why nothing can be told about this picture, whatever is asked."""
        return BLANK_IMAGE if is_blank(self.image) else None

    @cached_property
    def _areas(self) -> Whole:
        return areas_of(self.proposals.masks)

    @cached_property
    def _agreement(self) -> Floats:
        """IoU of every mask with every other, about: float32 (N, N)."""
        step = max(1, max(self.proposals.size) // AGREEMENT_SIDE)
        iou = pairwise_iou(np.ascontiguousarray(self.proposals.masks[:, ::step, ::step]))
        np.fill_diagonal(iou, 1.0)
        return iou

    @cached_property
    def _seen_by_terms(self) -> dict[str, Any]:
        """What each term observed, by name."""
        names = [name for name, weight in self.segmenter.terms.items() if weight]
        return {name: load_term(name).observe(self.image, self.proposals) for name in names}

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
        count, method = len(self.proposals), self.segmenter.method
        told = evidence(self.segmenter.terms, self._seen_by_terms, phrases, count)
        added = [sum(values.values(), np.zeros(count, np.float32)) for values in told]
        rows = np.array(added, np.float32).reshape(len(phrases), count)
        scores, unknown = method.score(self.observation, phrases, rows), unknown_to(method, phrases)
        return [self._answer(*four) for four in zip(phrases, scores, told, unknown, strict=True)]

    def _answer(
        self, phrase: TargetPhrase, scores: Floats, terms: dict[str, Floats], unknown: str | None
    ) -> Segmentation:
        order = np.argsort(-scores, kind="stable")
        known, note = unknown is None, unknown or self._fault
        if not len(order):
            nothing = np.zeros(self.proposals.size, np.bool_)
            why = Why(phrase, None, 0.0, known=known, note=note)
            return Segmentation(nothing, scores, None, 0.0, why, self._view, self.provenance)
        weights = np.exp(scores - scores[order[0]])
        best = int(np.argmax(self._agreement @ weights) if self.segmenter.consensus else order[0])
        same = iou_with(self.proposals.masks, self._areas, best) >= SAME_THING
        others = [int(index) for index in order if not same[index]]
        margin = float(scores[best] - scores[others[0]]) if others else 0.0
        runner_up = others[0] if others else None
        return Segmentation(
            mask=self.proposals.masks[best],
            scores=scores,
            best=best,
            probability=float(weights[same].sum() / weights.sum()),
            why=Why(phrase, runner_up, margin, {"similarity": scores, **terms}, known, note),
            view=self._view,
            provenance=self.provenance,
        )
