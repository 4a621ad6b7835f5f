"""How a system is put together: which model, proposer, method, parser, terms and caches."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from refmask import compat as compatibility
from refmask.cache.features import FeatureCache
from refmask.cache.masks import CachedProposer, MaskCache
from refmask.errors import ConfigurationError, RefmaskWarning
from refmask.limits import STORE
from refmask.methods import PRESETS, check_preset, load_method, usual_method
from refmask.methods.base import Encoder
from refmask.proposals import load_proposer, shared
from refmask.proposals.refine import Refined, Refinement
from refmask.provenance import EMBEDDED, OFFLINE
from refmask.segmenter import Segmenter
from refmask.selection import RULES, Calibration, Rules
from refmask.settings import AUTO, choose, file, resolve
from refmask.settings.choice import PHOTO, SCENES
from refmask.settings.fitted import FittedCalibration
from refmask.settings.precedence import Setting, naming_sources
from refmask.terms import ALL, NONE, parse_terms
from refmask.text.parser import PhraseParser
from refmask.types import MaskProposer


def load(
    model: str = AUTO,
    weights: str | None = None,
    *,
    proposals: str | MaskProposer = AUTO,
    store: str | None = None,
    store_limit: str | int = STORE,
    refinement: Refinement | None = None,
    method: str = AUTO,
    preset: str | None = None,
    alpha: float | None = None,
    beta: float | None = None,
    mask_layers: int | None = None,
    local_top: int | None = None,
    terms: str = AUTO,
    answers: str = AUTO,
    parser: str = "embedded",
    compat: str = "default",
    device: str = "auto",
    precision: str = "auto",
) -> Segmenter:
    """Put a system together.

    What is "auto" comes from the environment (``REFMASK_MODEL``, ``REFMASK_DEVICE``, ...) or the
    user's configuration file, where it is set there; see ``refmask.settings``.

    Args:
        model: "auto" is what ``refmask setup`` remembered, else recommended weights in the hub's
            cache, else "offline", a preview for photographs, with a RefmaskWarning once in a
            process. Or "embedded", for emoji scenes; else see ``refmask.clip.load_clip``.
        weights: see ``refmask.clip.load_clip``.
        proposals: "auto" for what fits the model, a specification as
            ``refmask.proposals.load_proposer`` takes it, or any object with ``propose(image)``.
        store: a folder where the proposer's masks and the features of masks are cached.
        store_limit: what features may take there, in bytes or such as "500MB"; least recently used
            ones are deleted first. Masks are kept.
        refinement: applied to the masks before they are used.
        method: a key of ``refmask.methods.METHODS``; "auto" is "global-local" for a CLIP, and
            "class-posterior" for "offline".
        terms: further evidence, see ``refmask.terms.parse_terms``; "auto" is all, with compat
            "reference" none.
        answers: "auto" for one thing, several or none as the phrase asks and the image has it (with
            compat "reference" always one), "one" for always one, "all" for all that fit.
        preset: blend of one of the paper's data sets: "refcoco", "refcoco+", "refcocog" or
            "phrasecut". Single settings below go before it.
        alpha: weight of the global visual feature (equation 5). By default what the model's card
            recommends, else 0.85.
        beta: weight of the whole expression (equation 8).
        mask_layers: the paper's k for vision transformers.
        local_top: an approximation that saves time: compute local features only for so many masks
            of each expression, its best by the global score (methods "global-local", and
            "class-posterior", where it is 28); see ``refmask.methods.shortlist``.
        parser: "embedded" or any installed spaCy pipeline.
        compat: "default", or "reference" for the released code's arithmetic (always in fp32).
        device: see ``refmask.clip.load_clip``.
        precision: see ``refmask.clip.load_clip``.

    Raises:
        ConfigurationError: for a name or setting that does not exist.
        ModelError: when the model cannot be loaded.
        MissingResource: when the parser is not installed.
    """
    if preset is not None:
        check_preset(preset)
    specified = proposals if isinstance(proposals, str) else AUTO
    said = _said(model, weights, specified, device, precision, compat)
    with naming_sources(said):
        choice = choose(model, weights, specified)
        if choice.fallback:
            warn_once(f"model {choice.line}")
        model, weights = choice.model, choice.weights
        device, precision = said["device"].value, said["precision"].value
        if compat == "reference":
            if precision == "bf16":
                raise ConfigurationError("compat 'reference' computes in fp32, leave precision out")
            precision = "fp32"
        if isinstance(proposals, str):
            uncapped = compatibility.by_name(compat, "vit").uncapped_proposals  # whatever the tower
            proposals = load_proposer(
                choice.proposals, defaults=shared(device, precision, uncapped)
            )
        proposals = wrap_proposer(proposals, store, refinement)
        features = None if store is None else FeatureCache(store, store_limit)
        encoder = load_encoder(model, weights, device, precision)
        return assemble(
            encoder,
            proposals,
            method=method,
            terms=terms,
            answers=answers,
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
            calibrations=file.read().calibrations,
        )


@cache
def warn_once(text: str) -> None:
    """Warn the caller of ``load``, in this process only once, wherever it is called from."""
    warnings.warn(text, RefmaskWarning, stacklevel=3)


def load_shipped(model: str) -> Segmenter:
    """A model that comes with refmask, with what goes with it, whatever the user's settings are.

    Args:
        model: "offline" or "embedded".
    """
    proposer = load_proposer(SCENES if model == EMBEDDED else PHOTO)
    return assemble(load_encoder(model, None, "auto", "auto"), proposer)


def load_encoder(model: str, weights: str | None, device: str, precision: str) -> Encoder:
    """The model by name, as ``load`` takes it; for errors see there."""
    # Imported only where needed: both are slow.
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
    answers: str = AUTO,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    parser: str | PhraseParser = "embedded",
    compat: str = "default",
    features: FeatureCache | None = None,
    calibrations: Iterable[FittedCalibration] = (),
) -> Segmenter:
    """As ``load``, around a model and a proposer that are there already.

    Args:
        encoder: the model.
        proposer: where masks come from.
        method: see ``load``.
        terms: see ``load``.
        answers: see ``load``.
        preset: see ``load``.
        settings: the method's own; those that are None are left to preset, card and method.
        parser: a name as in ``load``, or a parser that is there already.
        compat: see ``load``.
        features: where features of masks are cached; None computes them each time.
        calibrations: the one of this model and method goes before its card's.

    Raises:
        ConfigurationError: for a name or setting that does not exist.
        MissingResource: when the parser is not installed.
    """
    if preset is not None:
        check_preset(preset)
    record = compatibility.by_name(compat, encoder.family)
    method = usual_method(encoder) if method == AUTO else method
    # The card's advice is for the corrected method, the preset for the paper's: the latter wins.
    card = encoder.advice if compat == "default" else {}
    advice = card | (PRESETS[preset] if preset else {})
    blend = {name: value for name, value in advice.items() if name != "calibration"}
    taken: dict[str, dict[str, Any]] = {
        "global-local": blend,
        "global": {"mask_layers": advice.get("mask_layers")},
    }
    explicit = {name: value for name, value in (settings or {}).items() if value is not None}
    if isinstance(parser, str):
        parser = PhraseParser(parser, reference=record.released_phrases)
    made = load_method(method, encoder, **(taken.get(method, {}) | explicit), compat=record)
    released = compat == "reference"
    return Segmenter(
        proposer,
        made,
        parser,
        features,
        parse_terms((NONE if released else ALL) if terms == AUTO else terms),
        consensus=card.get("consensus", False),
        calibration=None if released else _calibration(encoder, method, calibrations),
        rules=_rules("one" if released and answers == AUTO else answers),
    )


def _calibration(encoder: Encoder, method: str, fitted: Iterable[FittedCalibration]) -> Calibration:
    """What the user's or the model's card tells; the weights are read through for the user's."""
    for one in fitted:
        if one.method == method and one.weights == encoder.weights_sha256:
            return Calibration.from_dict(one.numbers)
    return Calibration.from_dict(encoder.advice.get("calibration", {}))


def _rules(answers: str) -> Rules:
    if answers not in RULES:
        raise ConfigurationError(f"answers are {', '.join(RULES)}, not {answers!r}")
    return RULES[answers]


def _said(
    model: str, weights: str | None, proposals: str, device: str, precision: str, compat: str
) -> dict[str, Setting]:
    """Settings of ``load``: as given, else from the environment or the configuration file."""
    given = {
        "model": model,
        "weights": weights,
        "proposals": proposals,
        "device": device,
        "precision": precision,
        "compat": None if compat == "default" else compat,
    }
    return resolve(given, [name for name in given if name != "compat"])


def wrap_proposer(
    proposer: MaskProposer, store: str | None = None, refinement: Refinement | None = None
) -> MaskProposer:
    """A proposer whose masks are cached and refined, where that is wanted.

    Args:
        proposer: any.
        store: a folder where its own masks are cached; made when it is not there.
        refinement: applied to its masks, cached or not.

    Raises:
        ConfigurationError: when the folder is something else, or the proposer has no
            configuration.
    """
    if store is not None:
        proposer = CachedProposer(proposer, MaskCache(store, create=True))
    if refinement is not None:
        proposer = Refined(proposer, refinement)
    return proposer
