"""A grammar of referring expressions that writes fragments together with their parse.

People who point at things in images write noun phrases without verbs, subjects without
copulas, and places without prepositions. Treebanks hold little of this, so the parser learns it
from here: ``Grammar(seed).fragment()`` gives one new expression with heads and labels.
"""

from __future__ import annotations

import lexicon as lex
from grammar_clauses import Clauses
from nodes import Node, linearise
from trees import Sentence

PAST = {"lays": "laid", "sits": "sat", "stands": "stood", "has": "had", "holds": "held"}
LETTERS = "abcdefghiklmnoprstuvw"


class Grammar(Clauses):
    """Whole referring expressions: what is pointed at, how, and what is said besides."""

    def subject(self) -> Node:
        """Whatever may be pointed at, without what follows it."""
        return self.choose(
            (70, self.base),
            (6, self.part),
            (9, self.quantity),
            (8, self.pronoun),
            (4, self.numbered),
        )

    def position(self) -> Node:
        """A place alone: "left", "far right", "2nd from left", "in the back", "red"."""
        if self.chance(0.3):
            return Node(self.one(lex.COLOURS), "ADJ")
        if self.chance(0.3):
            return self.from_side(Node(self.one(lex.ORDINALS), "ADJ"))
        if self.chance(0.2):
            return self.place_phrase("ROOT")
        side = Node(self.one(lex.SIDES), "NOUN")
        return side.before(Node(self.one(["far", "top", "bottom", "very"]), "ADJ", "amod"))

    def statement(self, subject: Node) -> Node:
        """A whole sentence about the target: "a white cat lays on a couch"."""
        if self.chance(0.55):
            many = subject.word.endswith("s") or any(c.dep == "conj" for c in subject.right)
            verb, transitive = self.verb(0 if self.chance(0.7 if many else 0.05) else 2)
            if self.chance(0.08):
                verb.word = PAST.get(verb.word, verb.word)
            verb = self.complete(verb, transitive)
        else:
            verb = self.predicate()
        if self.chance(0.04):  # the cat is on the bed is in the picture
            where = Node(self.one(["in", "on", "at"]), "ADP", "prep").then(self.side("pobj"))
            verb.then(Node("is", "AUX", "conj").then(where))
        passive = any(child.dep == "auxpass" for child in verb.left)
        return verb.first(subject.as_("nsubjpass" if passive else "nsubj"))

    def pointed(self, subject: Node) -> Node:
        """ "there is a clock", "this is the man", "i think the man", "pick the zebra"."""
        form = self.rng.random()
        if form < 0.3:
            be = Node(self.one(["is", "are", "'s"]), "AUX")
            return be.first(Node("there", "PRON", "expl")).then(subject.as_("attr"))
        if form < 0.6:
            be = Node(self.one(["is", "'s", "was"]), "AUX")
            this = Node(self.one(["this", "that", "it", "it", "he", "she"]), "PRON", "nsubj")
            return be.first(this).then(subject.as_("attr"))
        if form < 0.8:
            verb = Node(
                self.one(["pick", "click", "find", "choose", "get", "see", "select"]), "VERB"
            )
            return verb.then(subject.as_("dobj"))
        verb = Node(self.one(["think", "mean", "see", "want", "guess", "like"]), "VERB")
        return verb.first(Node("i", "PRON", "nsubj")).then(subject.as_("dobj"))

    def described(self) -> Node:
        """A subject with none to four modifiers, commas between some."""
        subject = self.subject()
        if self.chance(0.08):
            other = self.base("conj")
            subject.then(Node(self.one(["and", "and", "&"]), "CCONJ", "cc"), other)
        if self.chance(0.03):
            place = next(
                (i for i, c in enumerate(subject.left) if c.dep != "det"), len(subject.left)
            )
            subject.left.insert(place, self.before_noun())
        for _ in range(self.rng.choices([0, 1, 2, 3, 4], [18, 52, 23, 6, 1])[0]):
            if self.chance(0.12):
                subject.then(Node(self.one([",", ",", "-", "("]), "PUNCT", "punct"))
                if self.chance(0.25):
                    subject.then(self.phrase("appos"))
                    continue
            elif self.chance(0.06) and subject.right:
                subject.then(Node("and", "CCONJ", "cc"), self.modifier().as_("conj"))
                continue
            subject.then(self.modifier())
        return subject

    def brief(self) -> Node:
        """The shortest kind: "left guy", "red shirt", "man far right", "catcher"."""
        subject = self.noun() if self.chance(0.7) else self.part()
        if self.chance(0.5) and not subject.left:
            subject.first(self.adjective())
        if self.chance(0.45):
            subject.then(
                self.choose(
                    (5, self.bare_place),
                    (3, self.place_phrase),
                    (2, self.in_clothes),
                    (2, lambda: self.from_side(None)),
                    (2, lambda: self.verb(1)[0].as_("acl")),
                    (4, self.doing),
                    (1, self.nearest),
                    (1, self.with_phrase),
                    (1, self.apposed),
                )
            )
        return subject

    def led(self, subject: Node) -> Node:
        """The place first: "on the left , the dog", "far left guy", "second from left , man"."""
        place = self.choose(
            (6, self.place_phrase),
            (2, self.with_phrase),
            (2, self.in_clothes),
            (2, self.bare_place),
            (1, lambda: self.from_side(None)),
        )
        comma = Node(",", "PUNCT", "punct") if self.chance(0.5) else None
        if not subject.left and comma is None:
            subject.first(Node("the", "DET", "det"))
        return subject.first(place, comma)

    def chatter(self) -> list[Node]:
        """What players say besides: "that was it ...", "sorry !", "good job"."""
        form = self.rng.random()
        mark = Node(self.one(["!", "...", ".", "..", "?", ";", ",", "-"]), "PUNCT", "punct")
        if form < 0.35:
            return [Node(self.one(lex.INTERJECTIONS), "INTJ").then(mark)]
        if form < 0.65:
            be = Node(self.one(["is", "was", "'s"]), "AUX")
            be.before(Node(self.one(["that", "this", "it"]), "PRON", "nsubj"))
            end = Node(self.one(["it", "him", "one"]), "PRON", "attr")
            if self.chance(0.5):
                end = Node(
                    self.one(["easy", "hard", "right", "wrong", "tough", "fun"]), "ADJ", "acomp"
                )
            return [be.then(end, mark)]
        if form < 0.8:
            verb = Node(self.one(["guess", "think", "know", "see", "love"]), "VERB")
            return [verb.before(Node(self.one(["i", "you", "we"]), "PRON", "nsubj")).then(mark)]
        if form < 0.9:
            return [self.with_phrase().then(mark)]
        words = ["job", "try", "turn", "luck", "pic", "picture", "time", "typo"]
        kind = Node(self.one(["good", "nice", "my", "last", "next", "bad"]), "ADJ", "amod")
        return [Node(self.one(words), "NOUN", "intj").before(kind).then(mark)]

    def fragment(self) -> Sentence:
        """One new referring expression, parsed."""
        roots = self.roots()
        sentence = linearise(*roots)
        return self.misspell(sentence)

    def roots(self) -> list[Node]:
        """The trees of one expression, side by side."""
        self.depth = 0
        form = self.rng.random()
        subject = self.brief() if self.chance(0.2) else self.described()
        if form < 0.15:
            subject = self.statement(subject)
        elif form < 0.19:
            subject = self.pointed(subject)
        elif form < 0.23:
            subject = self.led(subject)
        elif form < 0.25:
            subject = self.position()
        elif form < 0.27:
            left_out = Node("not", "PART", "neg")
            other = self.base("dep").first(left_out)
            return [other.then(Node(",", "PUNCT", "punct")), subject]
        elif form < 0.28:
            other = self.base("conj").first(Node("not", "PART", "neg"))
            subject.then(Node(",", "PUNCT", "punct"), other)
        if self.chance(0.03):  # ; one is made of glass , it has a handle
            mark = Node(self.one([",", ";", "."]), "PUNCT", "punct")
            more = self.statement(self.pronoun()).as_("parataxis")
            subject.then(mark, more)
        if self.chance(0.03):
            comma = Node(",", "PUNCT", "punct") if self.chance(0.5) else None
            subject.first(Node(self.one(lex.INTERJECTIONS), "INTJ", "intj"), comma)
        if self.chance(0.05):
            subject.then(Node(self.one([".", ".", "?", "!", "..."]), "PUNCT", "punct"))
        return [*self.chatter(), subject] if self.chance(0.03) else [subject]

    def misspell(self, sentence: Sentence) -> Sentence:
        """Change letters here and there, as hurried annotators do."""
        for i, word in enumerate(sentence.words):
            if word in lex.MISSPELLED and self.chance(0.03):
                sentence.words[i] = self.one(lex.MISSPELLED[word])
            elif len(word) > 4 and word.isalpha() and self.chance(0.012):
                at = self.rng.randrange(1, len(word) - 1)
                swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
                dropped = word[:at] + word[at + 1 :]
                doubled = word[:at] + word[at] + word[at:]
                changed = word[:at] + self.one(LETTERS) + word[at + 1 :]
                sentence.words[i] = self.one([swapped, dropped, doubled, changed])
        return sentence
