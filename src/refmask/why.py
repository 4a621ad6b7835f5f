"""The reasons for an answer: what each term says, and which of them decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from refmask.reading import Cue, Reading, Relation
from refmask.types import FloatArray, TargetPhrase

#: The method's part of the scores, among the terms.
SIMILARITY = "similarity"

#: Of a cue's value: what the answer is among others, and what the runner-up is beside it.
PLACES = {
    "left": ("the leftmost", "further right"),
    "right": ("the rightmost", "further left"),
    "top": ("the highest", "lower"),
    "bottom": ("the lowest", "higher"),
    "middle": ("the nearest to the middle", "further off"),
}
SIZES = {
    "big": ("the largest", "smaller"),
    "small": ("the smallest", "larger"),
    "tall": ("the tallest", "shorter"),
    "short": ("the shortest", "taller"),
}
DEPTHS = {"near": ("the nearest", "further away"), "far": ("the furthest away", "nearer")}
EDGES = {"cut": ("the likeliest to be cut off", "more whole")}
DESCRIBED = {"place": PLACES, "size": SIZES, "depth": DEPTHS, "edge": EDGES}
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
RELATIONS = {
    **{"near": "next to", "left": "left of", "right": "right of", "above": "above"},
    **{"below": "below", "behind": "behind", "front": "in front of", "on": "on", "in": "in"},
    **{"has": "with", "far": "far from", "between": "between"},
}


@dataclass(frozen=True, eq=False)
class Why:
    """The reasons for an answer.

    Attributes:
        phrase: the expression as read: its noun phrase, its head, and its reading.
        runner_up: index of the best proposal that is another thing (its IoU with the answer is
            below ``SAME_THING``), or None when there is none.
        margin: how far the best leads over the runner-up by what decides, see
            ``Segmentation.standing``; 0.0 without a runner-up.
        terms: what each term adds to the scores, in nats, float (N,) by the term's name;
            "similarity" is the method's part.
        note: why a confidence would mean nothing ("blank image", or what the method says of a
            phrase that it does not know or does not find), where something tells.
        things: how many things the image shows of the kind that the phrase names, 0 for none;
            None where that cannot be told.
        landmarks: of each landmark of the reading the likeliest proposals, one for each thing.
    """

    phrase: TargetPhrase
    runner_up: int | None
    margin: float
    terms: dict[str, FloatArray] = field(default_factory=dict, repr=False)
    note: str | None = None
    things: int | None = None
    landmarks: Mapping[Reading, tuple[int, ...]] = field(default_factory=dict, repr=False)

    def leads(self, best: int | None) -> dict[str, float]:
        """How far each term puts a proposal before the runner-up, in nats; {} without one."""
        if best is None or self.runner_up is None:
            return {}
        return {
            name: float(values[best] - values[self.runner_up])
            for name, values in self.terms.items()
        }

    def deciding(self, best: int | None) -> str | None:
        """The term that puts a proposal furthest before the runner-up; None where none does."""
        leads = self.leads(best)
        name = max(leads, key=leads.__getitem__, default=None)
        return name if name is not None and leads[name] > 0 else None

    def sentence(self, best: int | None) -> str:
        """The deciding term in words: "the leftmost of 3; the runner-up is further right"."""
        name = self.deciding(best)
        if name is None:
            return self.note or ""
        return _sentence(name, self.phrase, self.things)

    def to_dict(self, best: int | None) -> dict[str, Any]:
        """What JSON can hold: of each term what it gives the answer and the runner-up."""

        def value(values: FloatArray, proposal: int | None) -> float | None:
            return None if proposal is None else round(float(values[proposal]), 4)

        return {
            "reading": self.phrase.reading.to_dict(),
            "terms": {
                name: {"answer": value(values, best), "runner_up": value(values, self.runner_up)}
                for name, values in self.terms.items()
            },
            "deciding": self.deciding(best),
            "sentence": self.sentence(best),
            "things": self.things,
        }


def _sentence(name: str, phrase: TargetPhrase, things: int | None) -> str:
    reading = phrase.reading
    if name == SIMILARITY:
        return f"it looks most like '{phrase.noun_phrase}'"
    if name == "colour":
        return f"more of it is {' or '.join(reading.attributes)}"
    if name == "exclusion":
        return f"the runner-up is rather '{_named(reading.excluded[0])}', which is excluded"
    if name == "relation":
        return "; ".join(_related(relation) for relation in reading.relations)
    kinds = ("edge", "alone") if name == "edge" else (name,)
    cue = next((cue for cue in reading.cues if cue.kind in kinds), None)
    return f"'{phrase.expression}' fits it best" if cue is None else _described(cue, things)


def _described(cue: Cue, things: int | None) -> str:
    of = f" of {things}" if things and things > 1 else ""
    if cue.kind == "order":
        rank = "last" if cue.rank < 0 else ORDINALS[min(cue.rank, len(ORDINALS) - 1)]
        start = f" from the {cue.value}" if cue.value else ""
        return f"the {rank}{start}{of}"
    usual = ("the nearest to the edge", "further in") if cue.kind == "edge" else ("", "")
    what, other = DESCRIBED.get(cue.kind, {}).get(cue.value, usual)
    if not what:
        return "the one that stands most alone"
    if cue.negated:
        return f"not {what}{of}"
    return f"{what}{of}; the runner-up is {other}"


def _related(relation: Relation) -> str:
    link = RELATIONS.get(relation.name, relation.name)
    denied = "not " if relation.negated else ""
    return f"it is {denied}{link} '{_named(relation.landmark)}'"


def _named(reading: Reading) -> str:
    """A thing in a few words: its cues, colours and noun phrase."""
    said = [cue.value for cue in reading.cues if cue.value]
    colours = [word for word in reading.attributes if word not in reading.phrase.split()]
    return " ".join([*said, *colours, reading.phrase or "one"])
