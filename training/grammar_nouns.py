"""Noun phrases up to their noun, and what is said of amounts and parts."""

from __future__ import annotations

from collections.abc import Sequence

import lexicon as lex
from grammar_words import Words
from nodes import Node


class NounPhrases(Words):
    """Noun phrases without what follows them."""

    def base(self, dep: str = "ROOT", words: Sequence[str] | None = None) -> Node:
        """A noun phrase up to its noun: "the second big red fire truck"."""
        noun = self.noun(dep, words)
        if self.chance(0.16):
            noun.first(self.split(self.one(lex.COMPOUNDS), "NOUN", "compound"))
            if self.chance(0.15):
                noun.first(self.split(self.one(lex.COMPOUNDS), "NOUN", "compound"))
        for _ in range(self.rng.choices([0, 1, 2, 3], [42, 40, 15, 3])[0]):
            comma = Node(",", "PUNCT", "punct") if noun.left and self.chance(0.08) else None
            noun.first(self.adjective(), comma)
        if self.chance(0.06):
            noun.first(Node(self.one(lex.ORDINALS), "ADJ", "amod"))
        if self.chance(0.06):
            noun.first(Node(self.one(lex.NUMBERS), "NUM", "nummod"))
        if self.chance(0.05):
            return self.possessed(noun)
        if self.chance(0.55):
            noun.first(self.determiner())
        return noun

    def possessed(self, noun: Node) -> Node:
        """ "the girl's umbrella", "girls umbrella", "the man ' s arm"."""
        owner = Node(self.one(lex.PEOPLE[:30] + lex.ANIMALS[:20]), "NOUN", "poss")
        if self.chance(0.25):
            owner.before(self.adjective())
        if self.chance(0.5):
            owner.first(self.determiner())
        form = self.rng.random()
        if form < 0.6:
            owner.then(Node("'s", "PART", "case"))
        elif form < 0.7:
            owner.then(Node("'", "PUNCT", "case"), Node("s", "PART", "case"))
        else:
            noun.left = [child for child in noun.left if child.pos != "VERB"]
            owner.word = owner.word if owner.word.endswith("s") else owner.word + "s"
        return noun.first(owner)

    def part(self) -> Node:
        """A part of someone: "the girl's hair", "elephant trunk", "mans left hand"."""
        noun = self.noun("ROOT", self.rng.choice([lex.PARTS, lex.PARTS, lex.CLOTHES]))
        if self.chance(0.3):
            noun.first(self.adjective())
        if self.chance(0.25):
            whole = Node(self.one(lex.ANIMALS + lex.PEOPLE[:8]), "NOUN", "compound")
            return noun.first(self.determiner() if self.chance(0.4) else None, whole)
        return self.possessed(noun)

    def quantity(self, dep: str = "ROOT") -> Node:
        """ "glass of juice", "the back of a chair": the quantity or part heads."""
        head = self.base(dep, lex.QUANTITIES if self.chance(0.7) else lex.OBJECT_PARTS)
        if self.chance(0.12):  # one of the two dogs, the larger of the pair, all of it
            words = ["one", "one", "all", "first", "second", "larger", "taller", "both", "most"]
            head = Node(self.one(words), "NOUN", dep)
            head.before(self.determiner() if self.chance(0.4) else None)
        kinds = (lex.FOOD, lex.DRINKS, lex.THINGS, lex.FURNITURE, lex.ANIMALS, lex.PEOPLE)
        inner = self.base("pobj", self.rng.choice(kinds))
        return head.then(Node("of", "ADP", "prep").then(inner))

    def pronoun(self) -> Node:
        """ "the one", "other one", "the red one", "someone", "he"."""
        one = Node(self.one(["one", "one", "one", "ones"]), "NOUN")
        if self.chance(0.4):
            one.before(self.adjective())
        elif self.chance(0.2):
            one.before(Node(self.one(["other", "only", "same"]), "ADJ", "amod"))
        if self.chance(0.6):
            one.first(Node(self.one(["the", "the", "this", "that"]), "DET", "det"))
        if self.chance(0.12):
            word = self.one(["someone", "something", "everything", "he", "she", "they", "it"])
            return Node(word, "PRON")
        return one

    def numbered(self) -> Node:
        """ "number 27", "cow # 2", "train car 3", "player number 12"."""
        number = str(self.rng.randint(1, 99 if self.chance(0.7) else 9999))
        if self.chance(0.25):
            head = Node(self.one(["number", "no", "row", "bus", "train"]), "NOUN")
            return head.then(Node(number, "NUM", "nummod"))
        head = self.base(words=lex.PEOPLE[:24] + lex.VEHICLES[:30] + lex.ANIMALS[:16])
        figure = Node(number, "NUM", "nummod")
        form = self.rng.random()
        if form < 0.3:
            figure.before(Node("#", "SYM", "nmod"))
        elif form < 0.5:
            figure = Node("number", "NOUN", "appos").then(figure)
        return head.then(figure)
