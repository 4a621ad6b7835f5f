"""Read an expression: what it says of its target beside the noun.

The rules work on any English dependency parse, in three steps. *Things* are the nouns that name
something which may stand in an image (``text.things``). *Cues* are words of place, order, size,
depth and edge; each belongs to the nearest thing above it (``text.cues``). *Relations* are
prepositions and verbs between two things (``text.relations``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from refmask.reading import Reading, Relation
from refmask.text.cues import Owned, find_cues
from refmask.text.relations import Link, find_relations, relation_spans
from refmask.text.things import Things

if TYPE_CHECKING:
    from spacy.tokens import Doc

#: Relations within relations are followed so deep.
DEPTH = 3


def read(doc: Doc, head: int | None) -> Reading:
    """Read a parsed expression.

    Args:
        doc: lower-cased tokens with parts of speech and dependencies.
        head: token of the target's noun; None where there is none.
    """
    things = Things(doc, head)
    spans = relation_spans(things)
    things.settle(at for span in spans for at in range(span.start, span.end))
    cues, links = list(find_cues(things)), list(find_relations(things, spans))
    return _reading(things, things.target, cues, links, ())


def _reading(
    things: Things,
    thing: int | None,
    cues: Sequence[Owned],
    links: Sequence[Link],
    above: tuple[int | None, ...],
) -> Reading:
    """What is said of a thing; things above it are no landmarks of its own."""
    own = {(cue.kind, cue.value, cue.rank): cue for owner, cue in cues if owner == thing}
    above = (*above, thing)
    relations = tuple(
        Relation(
            link.name,
            _reading(things, link.landmark, cues, links, above),
            link.negated,
            link.tokens,
        )
        for link in links
        if link.owner == thing and len(above) <= DEPTH and link.landmark not in above
    )
    noun = "" if thing is None else things.words[thing]
    return Reading(noun, things.phrase(thing), tuple(own.values()), relations)
