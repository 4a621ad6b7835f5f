"""Read an expression: what it says of its target beside the noun.

The rules work on any English dependency parse, in steps. *Things* are the nouns that name
something which may stand in an image (``text.things``). *Relations* are prepositions and verbs
between two things, or what leaves one out (``text.relations``). *Cues* are words of place, order,
size, depth and edge; each belongs to the nearest thing above it (``text.cues``), as do *colours*
(``text.colours``). At last things are counted and joined (``text.number``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from refmask.reading import Reading, Relation
from refmask.text.colours import Colour, find_colours, named_colours
from refmask.text.cues import Owned, find_cues
from refmask.text.lexicon import DENIALS, PRONOUNS
from refmask.text.number import count_of, counting, find_joined
from refmask.text.relations import Link, find_relations, relation_spans
from refmask.text.things import EXCEPT, Things

if TYPE_CHECKING:
    from spacy.tokens import Doc

#: Relations within relations are followed so deep.
DEPTH = 3
#: What the words say that leave a thing out.
EXCLUDED = "excluded"


def read(doc: Doc, head: int | None) -> Reading:
    """Read a parsed expression.

    Args:
        doc: lower-cased tokens with parts of speech and dependencies.
        head: token of the target's noun; None where there is none.
    """
    things = Things(doc, head)
    spans = relation_spans(things)
    things.settle(spans)
    joined = find_joined(things)
    cues, links = [*find_cues(things)], [*find_relations(things, spans)]
    if joined:
        cues, links = _share(things, joined, cues, links)
    parts = _Parts(things, cues, links, [*find_colours(things)])
    reading = parts.reading(things.target)
    others = tuple(parts.reading(thing, (things.target,)) for thing in joined)
    unread = parts.unread()
    word = " ".join(things.words[at] for at in unread).replace(" n", "n")
    words = (*reading.words, ("unread", tuple(unread)))
    return replace(reading, joined=others, unread=word, words=words)


def unparsed(text: str, phrase: str) -> Reading:
    """What can be told of an expression without a parse: colours, and that it denies something.

    Args:
        text: the expression.
        phrase: its noun phrase.
    """
    denied = DENIALS.search(text.lower())
    return Reading(attributes=named_colours(phrase, text), unread=denied[0] if denied else "")


class _Parts(NamedTuple):
    """All that was found in an expression."""

    things: Things
    cues: Sequence[Owned]
    links: Sequence[Link]
    colours: Sequence[Colour]

    def reading(self, thing: int | None, above: tuple[int | None, ...] = ()) -> Reading:
        """What is said of a thing; things above it are no landmarks of its own."""
        own = {(cue.kind, cue.value, cue.rank): cue for owner, cue in self.cues if owner == thing}
        above = (*above, thing)
        others = [
            (link, self.reading(link.landmark, above))
            for link in self.links
            if link.owner == thing and len(above) <= DEPTH and link.landmark not in above
        ]
        kept, denied = self._colours(thing)
        excluded = [
            replace(other, words=(*other.words, (EXCLUDED, link.tokens)))
            for link, other in others
            if link.name == EXCEPT
        ]
        phrase = self.things.phrase(thing)
        return Reading(
            noun=self.things.noun(thing),
            phrase=" ".join(self.things.words[at] for at in phrase),
            cues=tuple(own.values()),
            relations=tuple(
                Relation(link.name, other, link.negated, link.tokens)
                for link, other in others
                if link.name != EXCEPT
            ),
            attributes=tuple(colour.word for colour in kept),
            count=count_of(self.things, thing),
            excluded=(*excluded, *([self._denied(denied)] if denied else [])),
            words=(
                ("noun", tuple(phrase)),
                ("colour", tuple(colour.token for colour in kept)),
                ("count", counting(self.things, thing)),
            ),
        )

    def _denied(self, colours: Sequence[Colour]) -> Reading:
        """What has colours that are denied."""
        tokens = [colour.token for colour in colours]
        nots = [at for at in map(self.things.denial, tokens) if at is not None]
        words = (EXCLUDED, tuple(sorted({*nots, *tokens})))
        return Reading(attributes=tuple(colour.word for colour in colours), words=(words,))

    def unread(self) -> range:
        """The words of the first denial that none of the parts heeds; none where all do."""
        things = self.things
        text = " ".join(things.words)
        denials = list(DENIALS.finditer(text))
        if not denials:
            return range(0)
        denied = (
            *(cue.tokens[0] for _, cue in self.cues),
            *(link.tokens[0] for link in self.links if link.name != EXCEPT),
            *(colour.token for colour in self.colours),
        )
        heeded = {at for link in self.links for at in link.tokens}
        heeded |= {at for at in map(things.denial, denied) if at is not None}
        for found in denials:
            first = text.count(" ", 0, found.start())
            tokens = range(first, first + found[0].count(" ") + 1)
            if heeded.isdisjoint(tokens) and (found[0] != "no" or things.denies(first)):
                return tokens
        return range(0)

    def _colours(self, thing: int | None) -> tuple[list[Colour], list[Colour]]:
        """A thing's colours, else those of what it wears; and those that are denied."""
        own = [colour for colour in self.colours if colour.owner == thing]
        denied = [colour for colour in own if self.things.denial(colour.token) is not None]
        kept = [colour for colour in own if colour not in denied]
        return [colour for colour in kept if not colour.worn] or kept, denied


def _share(
    things: Things, joined: Sequence[int], cues: Sequence[Owned], links: Sequence[Link]
) -> tuple[list[Owned], list[Link]]:
    """Give what stands behind joined things to all of them: "man and woman on the left".

    Where the first has words of its own behind it, or the last points back at it, they are the last
    one's: "man on left and woman on right", "the couch and the chair next to it".
    """
    target = things.target
    said = [(owner, cue.tokens[0]) for owner, cue in cues]
    said += [(link.owner, link.tokens[0]) for link in links if link.name != EXCEPT]
    apart = any(owner == target and at < joined[0] for owner, at in said if at > (target or 0))

    def owners(owner: int | None, at: int, apart: bool) -> Sequence[int | None]:
        if owner != target or at < joined[-1]:
            return [owner]
        return joined[-1:] if apart else [target, *joined]

    return (
        [(each, cue) for owner, cue in cues for each in owners(owner, cue.tokens[0], apart)],
        [
            link._replace(owner=each)
            for link in links
            for each in owners(
                link.owner, link.tokens[0], apart or things.words[link.landmark] in PRONOUNS
            )
            if link.name != EXCEPT or each == target
        ],
    )
