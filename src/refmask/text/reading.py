"""What an expression says of its target beside its noun: place, order, size, depth, relations.

The rules work on any English dependency parse, in three steps. *Things* are the nouns that name
something which may stand in an image. *Cues* are words of place, order, size, depth and edge; each
belongs to the nearest thing above it. *Relations* are prepositions and verbs between two things.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import TYPE_CHECKING

from refmask.text.lexicon import (
    ALONE,
    CARRIED,
    COLOURS,
    DEPTHS,
    EDGES,
    FACING,
    FARTHEST,
    FRAMES,
    LONGEST,
    NEGATIONS,
    OF_BODIES,
    ORDERS,
    PARTS,
    PLACES,
    POINTERS,
    PORTIONS,
    POSSESSIVES,
    PRONOUNS,
    REFLEXIVES,
    RELATION_WORDS,
    RELATIONS,
    SIDES,
    SIZES,
    WORN,
    normal,
)
from refmask.types import Cue, Reading, Relation

if TYPE_CHECKING:
    from spacy.tokens import Doc, Token

#: Relations within relations are followed so deep.
DEPTH = 3


def read(doc: Doc, head: int | None) -> Reading:
    """Read a parsed expression.

    Args:
        doc: lower-cased tokens with parts of speech and dependencies.
        head: token of the target's noun; None where there is none.
    """
    return _Reader(doc, head).reading()


#: Of a relation its owner, name, landmark, whether it is denied, and its words.
_Link = tuple["int | None", str, int, bool, tuple[int, ...]]


class _Reader:
    def __init__(self, doc: Doc, head: int | None) -> None:
        self.doc = doc
        self.whole = range(0)
        head = self._whole(head)
        self.words = [normal(token.lower_) for token in doc]
        self.used: set[int] = set()
        self.spans = list(self._relation_words())
        in_spans = {at for start, end, _ in self.spans for at in range(start, end)}
        self.things = [
            token.i for token in doc if self._is_thing(token) and token.i not in in_spans
        ]
        if head is not None and self._names_nothing(head):
            head = None
        self.target = head
        if head is not None and head not in self.things:
            self.things = sorted([*self.things, head])

    def reading(self) -> Reading:
        cues = list(self._cues())
        relations = list(self._relations())
        return self._build(self.target, cues, relations, DEPTH, frozenset())

    def _build(
        self,
        thing: int | None,
        cues: Sequence[tuple[int | None, Cue]],
        relations: Sequence[_Link],
        depth: int,
        above: frozenset[int | None],
    ) -> Reading:
        own = tuple({(c.kind, c.value, c.rank): c for owner, c in cues if owner == thing}.values())
        linked = tuple(
            Relation(
                name,
                self._build(other, cues, relations, depth - 1, above | {thing}),
                negated,
                tokens,
            )
            for owner, name, other, negated, tokens in relations
            if owner == thing and depth and other not in above and other != thing
        )
        noun = "" if thing is None else self.words[thing]
        return Reading(noun, self._phrase(thing), own, linked)

    def _phrase(self, thing: int | None) -> str:
        if thing is None:
            return ""
        start = thing
        while (
            start > 0
            and self.doc[start - 1].pos_ in ("ADJ", "NOUN", "PROPN")
            and not (self._lexical(start - 1))
        ):
            start -= 1
        return " ".join(self.words[start : thing + 1])

    # Things.

    def _lexical(self, at: int) -> bool:
        word = self.words[at]
        return (
            word in PLACES
            or word in DEPTHS
            or word in ORDERS
            or word in SIZES
            or word in EDGES
            or word in SIDES
            or word in ALONE
        )

    def _whole(self, head: int | None) -> int | None:
        """The target's noun: of "cow butt" the cow, of "chair girl sits on" the chair."""
        words = [normal(token.lower_) for token in self.doc]
        nouns = [token.i for token in self.doc if token.pos_ in ("NOUN", "PROPN")]
        if (
            words
            and words[-1] in ("on", "in", "with", "at", "under")
            and len(nouns) > 1
            and (
                nouns[1] - nouns[0] <= 2
                and not any(w in RELATION_WORDS for w in words[nouns[0] : nouns[1]])
            )
        ):
            return nouns[0]
        if (
            head is not None
            and words[head] in OF_BODIES
            and head - 1 in nouns
            and (words[head - 1] not in PLACES and words[head - 1] not in DEPTHS)
        ):
            return head - 1
        start = head
        if head is not None and words[head] in (
            "side",
            "half",
            "row",
            "end",
            "section",
        ) | PLACES.keys() | (DEPTHS.keys() | PORTIONS | OF_BODIES | PARTS):
            start = head
        elif head is None or words[head] in ("one", "ones"):
            start = next((at for at, word in enumerate(words) if word == "of"), 0) - 1
            if start < 0 or start > 3:
                return head
        else:
            return head
        if start + 1 < len(words) and words[start + 1] == "of":
            for at in range(start + 2, min(start + 6, len(words))):
                token = self.doc[at]
                following = at + 1 < len(words) and self.doc[at + 1].pos_ in ("NOUN", "PROPN")
                if at in nouns and not following:
                    if words[at] in FRAMES or words[at] in PLACES or words[at] in DEPTHS:
                        return head
                    self.whole = range(start, at)
                    return at
                if token.pos_ == "ADP":
                    return head
        return head

    def _names_nothing(self, at: int) -> bool:
        word = self.words[at]
        return self._lexical(at) or word in FRAMES or word in ("one", "ones", "way", "most")

    def _is_thing(self, token: Token) -> bool:
        if token.pos_ not in ("NOUN", "PROPN") and token.lower_ not in POINTERS:
            return False
        if token.i + 1 < len(self.doc) and token.dep_ == "compound" and token.head.i > token.i:
            return False
        return not self._names_nothing(token.i)

    def _climb(self, token: Token) -> int | None:
        """The nearest thing above a token that is not worn."""
        while token.head.i != token.i:
            token = token.head
            if token.i in self.whole:
                return self.target
            if token.i in self.things and (
                self.words[token.i] not in WORN or token.i == self.target
            ):
                return token.i
        return self.target

    # Cues.

    def _cues(self) -> Iterator[tuple[int | None, Cue]]:
        taken = {at for start, end, _ in self.spans for at in range(start, end)}
        orders = [at for at, word in enumerate(self.words) if word in ORDERS and at not in taken]
        for at in orders:
            if self._next(at) in ("row", "base", "floor", "baseman"):
                continue
            yield self._owner(self.doc[at]), self._order(at)
        for at, word in enumerate(self.words):
            if at in taken or at == self.target or at in self.used:
                continue
            token = self.doc[at]
            if word in PLACES:
                if not self._is_place(at):
                    continue
                yield self._owner(token), self._cue("place", PLACES[word], at)
            elif word in DEPTHS:
                if not self._is_depth(at):
                    continue
                yield self._owner(token), self._cue("depth", DEPTHS[word], at)
            elif word in SIZES:
                owner = self._size_owner(token)
                if owner is not False:
                    yield owner, self._cue("size", SIZES[word], at)
            elif word in EDGES:
                if self._previous(at) in POSSESSIVES or self._next(at) in ("of", "eaten"):
                    continue
                yield self._owner(token), self._cue("edge", EDGES[word], at)
            elif (
                word == "side"
                and not self._near(at, PLACES | DEPTHS)
                and self._next(at) != "of"
                and (self._previous(at) not in POSSESSIVES | {"other"})
            ):
                yield self._owner(token), self._cue("edge", "edge", at)
            elif (
                word == "cutoff"
                or (word == "cut" and self._next(at) in ("off", "out", ""))
                or (word == "seen" and self._before(at, "barely"))
            ):
                yield self._owner(token), self._cue("edge", "cut", at)
            elif word in ALONE or (word in REFLEXIVES and self._before(at, "by")):
                yield self._owner(token), self._cue("alone", "", at)
            elif word == "far" and self._next(at) not in PLACES and self._next(at) not in DEPTHS:
                yield self._owner(token), self._cue("depth", "far", at)
            elif word in ("near", "close") and at not in taken:
                yield self._owner(token), self._cue("depth", "near", at)

    def _cue(self, kind: str, value: str, at: int) -> Cue:
        return Cue(kind, value, 0, self._negated(at), (at,))

    def _owner(self, token: Token) -> int | None:
        return self._climb(token)

    def _size_owner(self, token: Token) -> int | bool | None:
        """The noun that a word of size describes directly; False where it is a kind's name."""
        following = self._next(token.i)
        if (
            token.lower_ in ("little", "short", "big")
            and following
            in (
                "girl",
                "boy",
                "kid",
                "hair",
                "sleeve",
                "sleeves",
                "guy",
                "man",
                "lady",
                "sleeved",
                "league",
                "haired",
                "woman",
                "child",
                "bit",
                "piece",
                "white",
            )
            and token.lower_ in ("little", "short")
        ):
            return False
        head = token.head
        if head.i == token.i:
            return self.target
        if head.i in self.things:
            return head.i
        if head.i == self.target or self._names_nothing(head.i):
            return self._climb(token)
        return self.target if head.dep_ == "ROOT" else False

    def _is_place(self, at: int) -> bool:
        word, following, before = self.words[at], self._next(at), self._previous(at)
        if before in FACING or (following in PARTS and self._next(at + 1) != "side"):
            return False
        if (
            word == "right"
            and before not in DEPTHS
            and before not in PLACES
            and following
            in (
                "next",
                "behind",
                "in",
                "above",
                "below",
                "under",
                "beside",
                "by",
                "front",
                "near",
                "there",
                "before",
                "on",
                "at",
            )
        ):
            # "right in front of": how exactly; "right in front": both.
            return following in ("in", "front", "at", "on") and at == len(self.words) - 2
        if word in ("up", "down", "lower", "upper", "higher") and following in (
            "case",
            "body",
            "side",
            "half",
        ):
            return following in ("half", "side")
        if word in ("up", "down"):
            return self.doc[at].head.pos_ != "VERB" and before != "looking" and not following
        if word == "top":
            return not (
                before in COLOURS or (before in ("tank", "in", "wearing") and following == "")
            )
        return True

    def _is_depth(self, at: int) -> bool:
        word, following, before = self.words[at], self._next(at), self._previous(at)
        if word in ("back", "front") and (
            following in PARTS or before in ("his", "her", "its", "their", "'s", "s")
        ):
            return False
        if word == "back" and before in FACING:
            return False
        reaches = word in FARTHEST and (
            {following, self._next(at + 1)} & PLACES.keys()
            or (following in ("to", "on") and PLACES.keys() & {*self.words[at + 1 : at + 5]})
        )
        return not reaches  # "furthest right" and "closest to the left" are places

    def _order(self, at: int) -> Cue:
        rank = ORDERS[self.words[at]]
        value, tokens = "", [at]
        for later in range(at + 1, min(at + 6, len(self.words))):
            word = self.words[later]
            if word in PLACES or word in ("front", "back", "rear", "foreground", "background"):
                if self.words[later] in ("right", "left") and self._next(later) == "of":
                    continue
                value = PLACES.get(word) or DEPTHS[word]
                tokens.append(later)
                self.used.add(later)
                break
        else:
            for earlier in range(max(0, at - 3), at):
                word = self.words[earlier]
                if word in ("left", "right", "top", "bottom", "front", "back") and (
                    self._next(earlier) != "row"
                ):
                    value = PLACES.get(word) or DEPTHS[word]
                    if "from" in self.words[max(0, earlier - 2) : earlier]:
                        self.used.add(earlier)
                    break
        return Cue("order", value, rank, self._negated(at), tuple(tokens))

    def _negated(self, at: int) -> bool:
        return any(word in NEGATIONS for word in self.words[max(0, at - 3) : at])

    # Relations.

    def _relation_words(self) -> Iterator[tuple[int, int, str]]:
        at = 0
        while at < len(self.words):
            for length in range(min(LONGEST, len(self.words) - at), 0, -1):
                name = RELATIONS.get(tuple(self.words[at : at + length]))
                if name is None or at in self.whole or at + length - 1 in self.whole:
                    continue
                landmark = self._landmark(at + length)
                if landmark is None:
                    continue
                yield at, at + length, name
                at += length - 1
                break
            at += 1

    def _landmark(self, start: int) -> int | None:
        """The noun that a relation's words lead to; None for a place or the image itself."""
        for at in range(start, min(start + 7, len(self.words))):
            word, token = self.words[at], self.doc[at]
            if word in FRAMES or word in REFLEXIVES:
                return None
            if self._names_nothing(at):
                if token.pos_ in ("NOUN", "PROPN") or (at == start and word in PLACES):
                    following = self.doc[at + 1] if at + 1 < len(self.doc) else None
                    if following is None or following.pos_ not in ("NOUN", "PROPN", "ADJ", "NUM"):
                        if word not in ("one", "ones"):
                            return None
                        return at
                continue
            if token.pos_ in ("NOUN", "PROPN"):
                if (
                    token.dep_ == "compound"
                    and token.head.i > at
                    and at + 1 < len(self.doc)
                    and (
                        self.doc[at + 1].pos_ in ("NOUN", "PROPN")
                        and not self._names_nothing(at + 1)
                    )
                ):
                    continue
                return at
            if word in PRONOUNS:
                return at
            if tuple(self.words[at : at + 1]) in RELATIONS or token.pos_ == "VERB":
                return None
        return None

    def _relations(self) -> Iterator[_Link]:
        for start, end, name in self.spans:
            landmark = self._landmark(end)
            if landmark is None or (name in ("has", "in", "on") and self._is_look(landmark)):
                continue
            owner = self._relation_owner(start)
            if owner == landmark:
                owner = self.target
            if owner == landmark:
                continue
            yield owner, name, landmark, self._negated(start), tuple(range(start, end))

    def _is_look(self, at: int) -> bool:
        """Whether a noun tells how a thing looks: "in red", "with glasses"."""
        return self.words[at] in COLOURS or self.words[at] in WORN - CARRIED

    def _relation_owner(self, start: int) -> int | None:
        owner = self._climb(self.doc[start])
        if owner is not None and owner > start and owner != self.target:
            return self.target
        return owner

    def _next(self, at: int) -> str:
        return self.words[at + 1] if at + 1 < len(self.words) else ""

    def _previous(self, at: int) -> str:
        return self.words[at - 1] if at else ""

    def _before(self, at: int, word: str) -> bool:
        return self._previous(at) == word

    def _near(self, at: int, words: Container[str]) -> bool:
        return self._previous(at) in words or self._next(at) in words
