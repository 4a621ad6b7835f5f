"""What an expression says of its target beside its noun: place, order, size, depth, relations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cue:
    """A word of place, order, size, depth or edge.

    Attributes:
        kind: "place", "order", "size", "depth", "edge" or "alone".
        value: of a place "left", "right", "top", "bottom" or "middle"; of an order the direction
            it counts from, "" where none is told; of a size "big", "small", "tall" or "short"; of a
            depth "near" or "far"; of an edge "edge" or "cut"; else "".
        rank: of an order, 0 for the first, -1 for the last.
        negated: whether the expression denies it.
        tokens: which words say so.
    """

    kind: str
    value: str = ""
    rank: int = 0
    negated: bool = False
    tokens: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Such as "place left", "not depth near", "order 2 from left"."""
        rank = "last" if self.rank < 0 else str(self.rank + 1)
        value = self.value
        if self.kind == "order":
            value = f"{rank} from {self.value}" if self.value else rank
        return " ".join(filter(None, ("not" if self.negated else "", self.kind, value)))


@dataclass(frozen=True)
class Relation:
    """How the target stands to another thing.

    Attributes:
        name: "near", "left", "right", "above", "below", "behind", "front", "on", "in", "has",
            "far" or "between".
        landmark: the other thing.
        negated: whether the expression denies it.
        tokens: the words that say so.
    """

    name: str
    landmark: Reading
    negated: bool = False
    tokens: tuple[int, ...] = ()


@dataclass(frozen=True)
class Reading:
    """An expression, or the part of it about one thing.

    Attributes:
        noun: the word that names the thing; "" where none does ("second from left").
        phrase: its noun phrase without words of place, such as a text encoder reads.
        cues: what is said of its place, order, size, depth and edge.
        relations: how it stands to others.
        attributes: its words of colour.
        count: how many of them are asked for; None for all of them.
        excluded: things of the same kind that are not meant: "the mug, not the red one".
        joined: further things that are asked for: "the mug and the spoon".
    """

    noun: str = ""
    phrase: str = ""
    cues: tuple[Cue, ...] = ()
    relations: tuple[Relation, ...] = ()
    attributes: tuple[str, ...] = ()
    count: int | None = 1
    excluded: tuple[Reading, ...] = ()
    joined: tuple[Reading, ...] = ()

    def __str__(self) -> str:
        """One line: "guy (order 2 from left) near [dog (place left)]"."""
        cues = f"({', '.join(map(str, self.cues))})" if self.cues else ""
        links = [
            f"{'not ' if link.negated else ''}{link.name} [{link.landmark}]"
            for link in self.relations
        ]
        return " ".join(filter(None, (self.phrase or "?", cues, *links)))

    def tree(self, indent: str = "") -> str:
        """Several lines, one a cue or landmark, each below what it is said of."""
        lines = [f"{indent}{self.phrase or '?'}", *(f"{indent}  {cue}" for cue in self.cues)]
        for link in self.relations:
            lines.append(f"{indent}  {'not ' if link.negated else ''}{link.name}")
            lines.append(link.landmark.tree(indent + "    "))
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold."""
        return {
            "noun": self.noun,
            "phrase": self.phrase,
            "cues": [
                {
                    "kind": cue.kind,
                    "value": cue.value,
                    **({"rank": cue.rank} if cue.kind == "order" else {}),
                    "negated": cue.negated,
                }
                for cue in self.cues
            ],
            "relations": [
                {"name": link.name, "negated": link.negated, "landmark": link.landmark.to_dict()}
                for link in self.relations
            ],
        }
