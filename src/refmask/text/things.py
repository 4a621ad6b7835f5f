"""The things that an expression names: which nouns they are, and which one is its target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import TYPE_CHECKING

from refmask.text.lexicon import (
    FRAMES,
    FRUITS,
    HUES,
    LOCATING,
    NEGATIONS,
    NOTHING,
    OF_BODIES,
    ORDERS,
    PLACES,
    POINTERS,
    PROGRESSIVE,
    RELATION_WORDS,
    SIDED,
    STRANDED,
    WHOLES,
    WORN,
    normal,
)
from refmask.text.words import NUMBERS, SEVERAL_ALONE, SEVERAL_OF

if TYPE_CHECKING:
    from spacy.tokens import Doc, Token

    from refmask.text.relations import Span

NOUNS = ("NOUN", "PROPN")
#: "of" comes at most so many words after the start, and its noun so many after it.
OF, NOUN_OF = 4, 5
#: A denial stands at most so many words before what it denies.
DENIAL = 3
#: The relation of what is left out to what is meant.
EXCEPT = "except"


class Things:
    """The words of a parsed expression and the things among them.

    Args:
        doc: lower-cased tokens.
        head: token of the target's noun by the paper's rule; None where there is none.

    Attributes:
        doc: the tokens.
        words: as the lexicon spells them.
        head: the token that was given.
        whole: words of a part or portion whose whole is the target: "piece of" in "piece of cake".
        target: token of the target's noun; None where nothing names it.
        linking: tokens of the words that link things, and
        nouns: tokens of all things, of which
        landmarks: tokens of those that others stand to; all empty until ``settle`` is called.
    """

    def __init__(self, doc: Doc, head: int | None) -> None:
        self.doc = doc
        self.words = [normal(token.lower_) for token in doc]
        self.head = head
        self.whole = range(0)
        target = self._target(head)
        self.target = None if target is None or self._is_unnamed(target) else target
        self.linking: set[int] = set()
        self.nouns: set[int] = set()
        self.landmarks: set[int] = set()

    def settle(self, spans: Sequence[Span]) -> None:
        """Find the things, once it is known which words link them, and what to.

        A target that is only left out ("not the flower") is none.
        """
        if any(span.name == EXCEPT and span.landmark == self.target for span in spans):
            self.target = None
        self.linking = {at for span in spans for at in range(span.start, span.end)}
        things = {token.i for token in self.doc if self._is_thing(token)} - self.linking
        self.landmarks = {span.landmark for span in spans if not span.is_look}
        self.nouns = things | self.landmarks
        if self.target is not None:
            self.nouns.add(self.target)

    def next(self, at: int) -> str:
        """The word after a token; "" at the end."""
        return self.words[at + 1] if at + 1 < len(self.words) else ""

    def previous(self, at: int) -> str:
        """The word before a token; "" at the start."""
        return self.words[at - 1] if at else ""

    def is_noun(self, at: int) -> bool:
        """Whether there is a token, and it is a noun."""
        if at >= len(self.doc):
            return False
        token = self.doc[at]
        return token.pos_ in NOUNS or (token.pos_ == "VERB" and token.dep_ == "pobj")

    def names_nothing(self, at: int) -> bool:
        """Whether a word says where or which, and names no thing."""
        word, before = self.words[at], self.previous(at)
        if word == "ground":  # "in back ground"
            return before in ("back", "fore")
        if word in FRAMES and at and self.doc[at - 1].dep_ == "compound" and self.is_noun(at - 1):
            return before in NOTHING  # "tv screen" names something
        return word in NOTHING

    def above(self, token: Token) -> int | None:
        """The nearest thing above a token that is not worn; the target where there is none."""
        *_, owner = self.path(token, frozenset())
        return owner

    def path(self, token: Token, clothes: Set[int]) -> Iterator[int | None]:
        """The tokens above a token, up to the nearest thing that is not worn, or the target.

        ``clothes``: what counts as a thing though it is worn.
        """
        while token.head.i != token.i:
            token = token.head
            if token.i in self.whole or (self.target is None and token.i == self.head):
                break
            yield token.i
            worn = self.words[token.i] in WORN and token.i != self.target
            if token.i in self.nouns and (not worn or token.i in clothes):
                return
        yield self.target

    def denial(self, at: int) -> int | None:
        """The word that denies another one shortly before it; None where none does."""
        for earlier in range(at - 1, max(-1, at - 1 - DENIAL), -1):
            if self.denies(earlier) and earlier not in self.linking:
                return earlier
        return None

    def denies(self, at: int) -> bool:
        """Whether a word says that something is not so; a mere answer, "no, ...", does not."""
        if self.words[at] == "no":
            return at + 1 < len(self.doc) and self.doc[at + 1].pos_ in ("ADJ", "NUM", *NOUNS)
        return self.words[at] in NEGATIONS

    def noun(self, thing: int | None) -> str:
        """The word that names a thing; "" for none, or for a mere number."""
        return "" if thing is None or self.words[thing] in NUMBERS else self.words[thing]

    def phrase(self, thing: int | None) -> range:
        """The tokens of a thing's noun, with the adjectives and nouns before it."""
        if thing is None or not self.noun(thing):
            return range(0)
        start = thing
        while start and self._describes(self.doc[start - 1], thing):
            if self.words[start - 1] in LOCATING or start - 1 in self.nouns:
                break
            start -= 1
            if start > 1 and self.words[start - 1] == "and" and self.words[start - 2] in HUES:
                start -= 1  # "black and white cat"
        return range(start, thing + 1)

    def _describes(self, token: Token, thing: int) -> bool:
        acts = token.pos_ == "VERB" and token.dep_ == "amod" and token.head.i == thing
        return acts or token.pos_ in ("ADJ", *NOUNS)

    def _is_thing(self, token: Token) -> bool:
        if not self.is_noun(token.i) and token.lower_ not in POINTERS:
            return False
        last = token.i + 1 == len(self.doc)
        compound = token.dep_ == "compound" and token.head.i > token.i and not last
        return not (compound or self.names_nothing(token.i) or self._is_quality(token.i))

    def _is_unnamed(self, head: int) -> bool:
        if self.words[head] in FRUITS:
            return False
        if self.words[head] in FRAMES and self.doc[head].dep_ == "ROOT":
            return not self.is_noun(head) or self.next(head) == "of"  # "the biggest screen"
        return self._is_quality(head) or self.names_nothing(head)

    def _is_quality(self, at: int) -> bool:
        """Whether a noun is only a colour ("guy in red") or a number ("the two on the left")."""
        word, token = self.words[at], self.doc[at]
        if word in FRUITS and token.pos_ in NOUNS:
            return self.previous(at) in WORN | {"in", "wearing"}
        if word.isdecimal():
            return self.next(at) == "from"
        return word in HUES or word in NUMBERS or word in SEVERAL_ALONE

    def _target(self, head: int | None) -> int | None:
        """Of "chair girl sits on" the chair, of "cow butt" the cow, of "piece of cake" the cake."""
        first, second = (*(at for at in range(len(self.doc)) if self.is_noun(at)), None, None)[:2]
        if (
            first is not None
            and second is not None
            and (self.words[-1] in STRANDED or {*self.words[-2:-1]} & PROGRESSIVE)
            and second - first <= 2
            and not RELATION_WORDS & {*self.words[first:second]}
        ):
            return first
        if head is not None and self.words[head] in OF_BODIES and self._has_owner(head):
            return head - 1
        quality = head and self.words[head] in (HUES - FRUITS) | {"one"}
        if head and quality and self.is_noun(head - 1) and not self._is_unnamed(head - 1):
            return head - 1  # "truck white", "sandwich one"
        root = next(token.i for token in self.doc if token.head.i == token.i)
        placed = self.words[root] in PLACES or not ORDERS.keys().isdisjoint(self.words[:2])
        nameless = placed if head is None else self._is_unnamed(head)
        if nameless and "of" not in self.words:
            return next(filter(self._is_placed_beside, range(len(self.doc))), head)
        return self._whole_of(head)

    def _is_placed_beside(self, at: int) -> bool:
        """Whether a noun is named beside words of place: "third from right elephant"."""
        before = self.previous(at) in ("left", "right") and not self._is_compound(at)
        token = self.doc[at]
        behind = token.dep_ in ("compound", "npadvmod") and token.head.i > at
        behind = behind and self.names_nothing(token.head.i)
        return self.is_noun(at) and (before or behind) and not self._is_unnamed(at)

    def _is_compound(self, at: int) -> bool:
        return self.doc[at].dep_ == "compound" and self.is_noun(at + 1)

    def _has_owner(self, part: int) -> bool:
        return bool(part) and self.is_noun(part - 1) and self.words[part - 1] not in SIDED

    def _whole_of(self, head: int | None) -> int | None:
        """What a part or portion is of, and the head itself where it is none."""
        if head is not None and self.words[head] in WHOLES:
            of = head + 1
        elif head is None or self.words[head] in SEVERAL_OF | {"one", "ones"}:
            of = self.words.index("of") if "of" in self.words[1 : OF + 1] else 0
        else:
            return head
        if not of or of >= len(self.words) or self.words[of] != "of":
            return head
        if self.words[of - 1] in ("left", "right"):
            return head  # "right of the lamp"
        for at in range(of + 1, min(of + NOUN_OF, len(self.words))):
            if self.is_noun(at) and not self.is_noun(at + 1):
                if self.words[at] in FRAMES | SIDED:
                    return head
                self.whole = range(of - 1, at)
                return at
            if self.doc[at].pos_ == "ADP":
                return head
        return head
