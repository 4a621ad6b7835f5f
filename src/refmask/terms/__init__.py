"""Terms: evidence for an image's proposals that is added to any method's score, in nats.

To add a term: one file beside this one with a function ``score(node)``, and its name in ``TERMS``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from refmask.errors import ConfigurationError
from refmask.reading import Reading
from refmask.terms.colour import coloured
from refmask.terms.node import LEAST, NOTICED, ImageEvidence, Node
from refmask.text.words import singular
from refmask.types import FloatArray, TargetPhrase

#: Each is a module in this folder.
TERMS = ("place", "order", "size", "depth", "edge", "relation", "exclusion", "colour")

#: What ``parse_terms`` takes beside names.
ALL, NONE = "all", "none"

Term = Callable[[Node], "FloatArray | None"]
#: How far each proposal shows what a phrase names, float (N,) of 0 or more; None where nothing is
#: known about its noun.
NounScores = Callable[[TargetPhrase], "FloatArray | None"]

#: What has no noun is called so.
THING = "object"
#: Nouns that stand for another thing of the same kind: "next to the blue one".
SAME_KIND = frozenset({"one", "ones", "other", "others"})
#: Cues of a landmark that nobody knows which tell where the target is: "by the door on the left".
SHARED = ("place", "depth", "order")


def load_term(name: str) -> Term:
    """A term by name: float64 (N,) in nats for a node, or None where it says nothing of it.

    Raises:
        ConfigurationError: for an unknown name.
    """
    if name not in TERMS:
        raise ConfigurationError(
            f"there is no term {name!r}; choose out of {', '.join(TERMS)}, or all or none"
        )
    term: Term = importlib.import_module(f"refmask.terms.{name}").score
    return term


def parse_terms(text: str) -> dict[str, float]:
    """Weights of terms by name.

    Args:
        text: "all", "none", or names separated by commas, each alone (weight 1) or as
            ``NAME:weight=W``.

    Raises:
        ConfigurationError: for an unknown name or a weight that is no number of at least 0.
    """
    if text in (ALL, NONE):
        return dict.fromkeys(TERMS if text == ALL else (), 1.0)
    weights = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, setting = part.partition(":")
        load_term(name)
        weights[name] = _weight(part, setting) if setting else 1.0
    return weights


def spell_terms(weights: Mapping[str, float]) -> str:
    """Weights of terms as ``parse_terms`` takes them."""
    if weights == parse_terms(ALL):
        return ALL
    return "+".join(
        name if weight == 1 else f"{name}:weight={weight:g}" for name, weight in weights.items()
    )


def evidence(
    weights: Mapping[str, float], image: ImageEvidence, phrase: TargetPhrase, nouns: NounScores
) -> dict[str, FloatArray]:
    """What each term says about a phrase, times its weight.

    Args:
        weights: of terms, by name.
        image: of the N proposals.
        phrase: what is asked for.
        nouns: how far each proposal shows a noun.

    Returns:
        float64 (N,) by name; terms of which the phrase says nothing are left out.
    """
    return values_of(weights, node_of(weights, image, phrase, nouns))


def node_of(
    weights: Mapping[str, float], image: ImageEvidence, phrase: TargetPhrase, nouns: NounScores
) -> Node:
    """What a phrase asks for among the proposals, with its landmarks; as ``evidence`` takes it."""
    return _node(weights, image, phrase, nouns(phrase), nouns)


def values_of(weights: Mapping[str, float], node: Node) -> dict[str, FloatArray]:
    """What each term says about a thing, times its weight; see ``evidence``."""
    values = {name: load_term(name)(node) for name, weight in weights.items() if weight}
    return {name: weights[name] * value for name, value in values.items() if value is not None}


def noun_phrases(weights: Mapping[str, float], phrase: TargetPhrase) -> Iterator[TargetPhrase]:
    """The nouns of a phrase whose scores terms need: of the target and of all landmarks."""
    reading = phrase.reading
    if not _said(reading) & _used(weights):
        return
    for thing in (reading, *_others(reading)):
        if thing.noun not in SAME_KIND | {""}:
            yield phrase_of(thing)


def weigh_place(weights: Mapping[str, float], reading: Reading) -> bool:
    """Whether there are words of place and these terms weigh all of them."""
    said = _said(reading)
    return bool(said) and said <= _used(weights)


def _used(weights: Mapping[str, float]) -> set[str]:
    return {name for name, weight in weights.items() if weight}


def _said(reading: Reading) -> set[str]:
    """The terms that weigh what is said of a thing's place."""
    said = {"edge" if cue.kind == "alone" else cue.kind for cue in reading.cues}
    said |= {"relation"} if reading.relations else set()
    return said | ({"exclusion"} if reading.excluded else set())


def phrase_of(reading: Reading) -> TargetPhrase:
    """A thing's noun phrase by itself, in the singular: each proposal shows one."""
    *before, noun = (reading.phrase or reading.noun or THING).split()
    head = singular(noun)
    phrase = " ".join([*before, head])
    return TargetPhrase(phrase, phrase, phrase, head, reading=reading)


def _others(reading: Reading) -> Iterator[Reading]:
    """All landmarks and excluded things."""
    for other in (*(relation.landmark for relation in reading.relations), *reading.excluded):
        yield other
        yield from _others(other)


def _is_same_kind(other: Reading) -> bool:
    """Whether a thing is of the kind of the one that it is named beside: "not the red one"."""
    return not other.noun or other.noun in SAME_KIND


def _node(
    weights: Mapping[str, float],
    image: ImageEvidence,
    phrase: TargetPhrase,
    scores: FloatArray | None,
    nouns: NounScores,
) -> Node:
    """A thing, its landmarks, and what it is not, among the proposals.

    A landmark that nobody knows is left out: where it is, the target is.
    """
    reading, landmarks, excluded = phrase.reading, [], []
    likeliest = dict[Reading, tuple[int, ...]]()
    for other in reading.excluded if weights.get("exclusion") else ():
        known = scores if _is_same_kind(other) else nouns(phrase_of(other))
        thing = _node({**weights, "colour": 0.0}, image, phrase_of(other), known, nouns)
        likely = _likely(weights, thing)
        # How likely it has its colours does not depend on the other proposals.
        excluded.append(likely * coloured(other, image) if weights.get("colour") else likely)
    for relation in reading.relations if weights.get("relation") else ():
        landmark = phrase_of(relation.landmark)
        known = scores if landmark.head in SAME_KIND else nouns(landmark)
        if known is None:
            shared = tuple(cue for cue in relation.landmark.cues if cue.kind in SHARED)
            reading = replace(reading, cues=reading.cues + shared)
        else:
            there = _node(weights, image, landmark, known, nouns)
            likely = _likely(weights, there)
            landmarks.append((relation, likely))
            likeliest |= {**there.likeliest, relation.landmark: _likeliest(there, likely)}
    return Node(reading, phrase, image, scores, tuple(landmarks), tuple(excluded), likeliest)


def _likely(weights: Mapping[str, float], node: Node) -> FloatArray:
    """How far each proposal is a landmark, float64 (N,), 1 for the likeliest."""
    shown = np.log(np.maximum(node.shown, LEAST))
    noticed = NOTICED * np.log(node.layout.noticed + 1e-9)
    values = [shown, noticed, *values_of(weights, node).values()]
    total = np.sum(values, axis=0)
    return np.asarray(np.exp(total - total.max(initial=-np.inf)))


def _likeliest(node: Node, likely: FloatArray) -> tuple[int, ...]:
    """The likeliest proposals, one for each of as many things as the landmark is."""
    order = (int(index) for index in np.argsort(-likely, kind="stable"))
    return tuple(
        [index for index in order if node.owner[index] == index][: node.reading.count or 1]
    )


def _weight(part: str, setting: str) -> float:
    key, _, value = setting.partition("=")
    try:
        weight = float(value)
    except ValueError:
        weight = -1.0
    if key.strip() != "weight" or not 0 <= weight < float("inf"):
        raise ConfigurationError(
            f"terms are written as NAME or NAME:weight=W with W of at least 0, got {part!r}"
        )
    return weight
