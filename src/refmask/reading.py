"""What an expression says of its target beside its noun: place, order, number, colour, others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
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


#: Relations that say nothing but where a thing is. Others tell something of what it looks like.
WHERE = frozenset({"left", "right", "above", "below", "behind", "front", "near", "far", "between"})


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
        attributes: its words of colour, else those of what it wears.
        count: how many of them are asked for; None for all of them.
        excluded: things that are not meant: "the mug, not the red one". Without a noun, or with the
            noun "one", they are of the same kind. Where the target itself has no noun, it is
            anything else: "not the flower".
        joined: further things that are asked for: "the mug and the spoon".
        unread: a word that denies something which no other part holds; "" where there is none.
            What is asked for is then not known for sure.
        words: which words say what no other part tells the place of: "noun" for its phrase,
            "colour", "count", "excluded" for what leaves it out, and "unread".
    """

    noun: str = ""
    phrase: str = ""
    cues: tuple[Cue, ...] = ()
    relations: tuple[Relation, ...] = ()
    attributes: tuple[str, ...] = ()
    count: int | None = 1
    excluded: tuple[Reading, ...] = ()
    joined: tuple[Reading, ...] = ()
    unread: str = ""
    words: tuple[tuple[str, tuple[int, ...]], ...] = field(default=(), repr=False, compare=False)

    @property
    def is_placed(self) -> bool:
        """Whether it tells the thing from others by more than what the thing looks like."""
        return bool(self.cues or self.relations or self.excluded)

    @property
    def says_where(self) -> bool:
        """Whether some of its words say nothing but where the thing is."""
        return bool(self.cues) or any(link.name in WHERE for link in self.relations)

    @property
    def not_understood(self) -> str | None:
        """Why an answer is unsure, in a few words; None where everything is read."""
        return f"{self.unread!r} is not understood" if self.unread else None

    def __str__(self) -> str:
        """One line: "2 cups (colour red, place left) near [dog] except [one (place right)]"."""
        said = ", ".join(self._said())
        links = [f"{link} [{other}]" for link, other in self._others()]
        unread = f"unread '{self.unread}'" if self.unread else ""
        return " ".join(filter(None, (self._name(), f"({said})" if said else "", *links, unread)))

    def tree(self, indent: str = "") -> str:
        """Several lines, one for each part, below what it is said of."""
        lines = [f"{indent}{self._name()}", *(f"{indent}  {said}" for said in self._said())]
        for link, other in self._others():
            lines += [f"{indent}  {link}", other.tree(indent + "    ")]
        return "\n".join([*lines, *([f"{indent}  unread '{self.unread}'"] if self.unread else [])])

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; a count of null asks for all."""
        return {
            "noun": self.noun,
            "phrase": self.phrase,
            "count": self.count,
            "attributes": list(self.attributes),
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
            "excluded": [other.to_dict() for other in self.excluded],
            "joined": [other.to_dict() for other in self.joined],
            "unread": self.unread,
        }

    def _name(self) -> str:
        count = {None: "all ", 1: ""}.get(self.count, f"{self.count} ")
        return count + (self.phrase or "?")

    def _said(self) -> list[str]:
        return [*(f"colour {word}" for word in self.attributes), *map(str, self.cues)]

    def _others(self) -> Iterator[tuple[str, Reading]]:
        """Other things, each with what leads to it."""
        for link in self.relations:
            yield f"{'not ' if link.negated else ''}{link.name}", link.landmark
        yield from (("except", other) for other in self.excluded)
        yield from (("and", other) for other in self.joined)
