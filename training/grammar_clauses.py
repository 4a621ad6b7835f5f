"""Verbs with what belongs to them: participles, relative clauses, predicates."""

from __future__ import annotations

import lexicon as lex
from grammar_modifiers import Modifiers
from nodes import Node


class Clauses(Modifiers):
    """Deeds and states of a noun."""

    def modifier(self) -> Node:
        """Anything that describes the noun before it."""
        return self.choose(
            (24, self.place_phrase),
            (20, self.with_phrase),
            (12, self.in_clothes),
            (20, self.doing),
            (12, self.done),
            (10, self.relative),
            (9, self.bare_place),
            (5, self.of_place),
            (4, lambda: self.from_side(None)),
            (4, self.nearest),
            (3, self.apposed),
            (4, self.state),
        )

    def with_phrase(self) -> Node:
        """ "with long hair", "with elbow bent", "with its head down", "w/ the red hat"."""
        prep = Node(self.one(["with", "with", "with", "with", "w/", "w", "without"]), "ADP", "prep")
        words = self.rng.choice([lex.PARTS, lex.CLOTHES, lex.THINGS, lex.FOOD, lex.OBJECT_PARTS])
        inner = self.base("pobj", words)
        if self.chance(0.12):
            inner.first(Node(self.one(["its", "his", "her", "their", "no"]), "PRON", "poss"))
        form = self.rng.random()
        if form < 0.12:
            state = self.one([*lex.PASSIVE, "raised", "crossed", "bent", "extended", "showing"])
            inner.then(Node(state, "VERB", "acl"))
        elif form < 0.2:
            inner.then(Node(self.one(lex.PARTICLES), "ADV", "advmod"))
        elif form < 0.35:
            inner.then(self.place_phrase())
        elif form < 0.40:
            inner.then(
                Node("on", "ADP", "prep").then(Node(self.one(["it", "top"]), "PRON", "pobj"))
            )
        elif form < 0.52:
            inner.then(Node("and", "CCONJ", "cc"), self.base("conj", words))
        elif form < 0.58:
            inner.then(self.doing())
        return prep.then(inner)

    def verb(self, form: int) -> tuple[Node, bool]:
        """A verb (0 plain, 1 -ing, 2 third person) and whether it takes an object."""
        transitive = self.chance(0.55)
        words = self.one(lex.TRANSITIVE if transitive else lex.INTRANSITIVE)
        word = words.split(":")[form]
        if transitive and self.chance(0.25):
            word = self.one(["wear:wearing:wears", "hold:holding:holds"]).split(":")[form]
        if "VERB" in self.more and self.chance(0.15):
            word = self.one(self.more["VERB"]).split(":")[form]
        if self.chance(0.03):
            word = self.invented() + ["", "ing", "s"][form]
        return Node(word, "VERB"), transitive

    def complete(self, verb: Node, transitive: bool) -> Node:
        """Give a verb its object, place and particle."""
        if verb.word.startswith("wear"):
            red = Node(self.one(lex.COLOURS), "NOUN", "dobj")
            verb.then(red if self.chance(0.25) else self.clothes("dobj"))
        elif transitive:
            if not verb.word.startswith("ha") and self.chance(0.06):
                verb.then(Node(self.one(["him", "her", "it", "you", "them"]), "PRON", "dative"))
            verb.then(self.phrase("dobj"))
        elif self.chance(0.25):
            verb.then(Node(self.one([*lex.PARTICLES, "up", "down"]), "ADV", "advmod"))
        if self.chance(0.2 if transitive else 0.6):
            verb.then(self.place_phrase())
        if self.chance(0.05):
            word = self.one(["while", "while", "as", "when", "after"])
            verb.then(self.doing().as_("advcl").first(Node(word, "SCONJ", "mark")))
        return verb

    def doing(self) -> Node:
        """ "wearing a hat", "sitting on the couch", "about to hit the ball", "being fed"."""
        if self.chance(0.06):
            done = self.done()
            return done.first(Node("being", "AUX", "auxpass"))
        verb, transitive = self.verb(1)
        if self.chance(0.06):
            verb = Node(self.one(["trying", "getting", "about", "ready", "going"]), "VERB").then(
                self.complete(self.verb(0)[0], transitive)
                .as_("xcomp")
                .first(Node("to", "PART", "aux"))
            )
        else:
            verb = self.complete(verb, transitive)
        if self.chance(0.1) and self.depth < 2:
            self.depth += 1
            verb.then(Node("and", "CCONJ", "cc"), self.doing().as_("conj"))
            self.depth -= 1
        if self.chance(0.04):
            verb.first(Node("not", "PART", "neg"))
        if self.chance(0.03):
            verb.first(Node(self.one(["just", "also", "still", "currently"]), "ADV", "advmod"))
        return verb.as_("acl")

    def done(self) -> Node:
        """ "held by the man", "parked on the street", "cut in half", "facing away"."""
        verb = Node(self.one(lex.PASSIVE), "VERB", "acl")
        if self.chance(0.05):
            verb.word = self.invented() + "ed"
        form = self.rng.random()
        if form < 0.25:
            verb.then(Node("by", "ADP", "agent").then(self.phrase()))
        elif form < 0.4:
            prep = Node(self.one(["with", "in", "of", "from", "into", "for", "as"]), "ADP", "prep")
            verb.then(prep.then(self.phrase()))
        elif form < 0.75:
            verb.then(self.place_phrase())
        if self.chance(0.05):
            verb.first(Node(self.one(["not", "partially", "mostly", "almost"]), "ADV", "advmod"))
        return verb

    def relative(self) -> Node:
        """ "that is sitting", "whose head is cut off", "the man is wearing", "nobody sits on"."""
        which = Node(self.one(["that", "that", "who", "which"]), "PRON", "nsubj")
        form = self.rng.random()
        if form < 0.42:
            return self.predicate().first(which).as_("relcl")
        if form < 0.55:
            verb, transitive = self.verb(2)
            return self.complete(verb, transitive).first(which).as_("relcl")
        if form < 0.68:
            owned = self.noun("nsubj", lex.PARTS + lex.CLOTHES).before(Node("whose", "DET", "poss"))
            return self.predicate().first(owned).as_("relcl")
        who = self.base("nsubj", lex.PEOPLE)
        if self.chance(0.3):
            who = Node(self.one(["nobody", "he", "she", "someone", "you", "they"]), "PRON", "nsubj")
        form = 1 if self.chance(0.6) else 2
        verb = Node(self.verb(form)[0].word, "VERB", "relcl")
        if form == 1:
            verb.before(who, Node("is", "AUX", "aux"))
        else:
            verb.before(who)
        if self.chance(0.3):
            verb.first(Node(self.one(["that", "which"]), "PRON", "dobj"))
        if self.chance(0.5):
            verb.then(Node(self.one(["on", "in", "with", "at", "near"]), "ADP", "prep"))
        return verb

    def predicate(self) -> Node:
        """ "is sitting ...", "is held by ...", "is on the left", "is red", "has a hat"."""
        be = self.one(["is", "is", "is", "are", "was", "'s"])
        form = self.rng.random()
        if form < 0.35:
            verb, transitive = self.verb(1)
            return self.complete(verb, transitive).first(Node(be, "AUX", "aux"))
        if form < 0.55:
            return self.done().first(Node(be, "AUX", "auxpass"))
        if form < 0.75:
            return Node(be, "AUX").then(self.place_phrase())
        if form < 0.9:
            return Node(be, "AUX").then(self.adjective().as_("acomp"))
        if form < 0.93:
            return Node(be, "AUX").then(self.bare_place().as_("advmod"))
        return Node(self.one(["has", "have", "had"]), "VERB").then(self.phrase("dobj"))
