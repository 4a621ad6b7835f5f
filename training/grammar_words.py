"""The grammar's floor: chance, and single words."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

import lexicon as lex
from nodes import Node, hyphenated

Maker = Callable[[], Node]


class Words:
    """Draws words at random, the same ones for the same seed.

    Args:
        seed: of the random numbers.
        more: more words by kind ("NOUN", "ADJ", and "VERB" as base:-ing form:third person), from
            the treebank, mixed in so that no closed list is learnt.
    """

    def __init__(self, seed: int, more: Mapping[str, Sequence[str]] | None = None) -> None:
        self.rng = random.Random(seed)
        self.more = more or {}
        self.depth = 0

    def one(self, words: Sequence[str]) -> str:
        """Any of the words."""
        return words[int(self.rng.random() * len(words))]

    def chance(self, share: float) -> bool:
        """True in this share of calls."""
        return self.rng.random() < share

    def choose(self, *weighted: tuple[float, Maker]) -> Node:
        """One maker, by weight, called."""
        makers = [maker for _, maker in weighted]
        return self.rng.choices(makers, [weight for weight, _ in weighted])[0]()

    def invented(self) -> str:
        """A word that nobody knows, so that its place must tell what it is."""
        return "".join(
            self.one("bcdfghklmnprstvwz") + self.one("aeiou") for _ in range(self.rng.randint(1, 3))
        ) + self.one(["", "n", "r", "t", "s", "ck", "ll", "st"])

    def noun_word(self) -> str:
        """A word for a target."""
        if self.chance(0.06):
            return self.invented()
        if "NOUN" in self.more and self.chance(0.06):
            return self.one(self.more["NOUN"])
        lists = (lex.PEOPLE, lex.ANIMALS, lex.FOOD, lex.VEHICLES, lex.FURNITURE, lex.THINGS)
        kind = self.rng.choices(lists, [30, 18, 14, 12, 12, 22])[0]
        if kind is lex.PEOPLE and self.chance(0.5):
            return self.one(lex.PEOPLE[:20])
        return self.one(kind)

    def noun(self, dep: str = "ROOT", words: Sequence[str] | None = None) -> Node:
        """A noun, hyphens split."""
        return self.split(self.one(words) if words else self.noun_word(), "NOUN", dep)

    def split(self, word: str, pos: str, dep: str) -> Node:
        """A word of one or more parts: "t-shirt", "t shirt" or "tshirt"."""
        node = hyphenated(word, pos, dep)
        if "-" in word and self.chance(0.4):
            if self.chance(0.3):
                return Node(word.replace("-", ""), pos, dep)
            node.left = [child for child in node.left if child.dep != "punct"]
        return node

    def adjective(self) -> Node:
        """A modifier before a noun: size, colour, position, participle, superlative."""
        lists = (lex.ADJECTIVES, lex.COLOURS, lex.POSITIONS, lex.SUPERLATIVES, lex.PASSIVE)
        words = self.rng.choices(lists, [30, 30, 25, 10, 3])[0]
        word = self.one(words)
        if "ADJ" in self.more and self.chance(0.06):
            word = self.one(self.more["ADJ"])
        if self.chance(0.03):
            word = self.invented()
        participle = words is lex.PASSIVE or (word.endswith("ing") and self.chance(0.5))
        node = self.split(word, "VERB" if participle else "ADJ", "amod")
        if self.chance(0.04):  # snow covered, coin - operated
            node = Node(self.one(lex.PASSIVE), "VERB", "amod")
            dash = Node("-", "PUNCT", "punct") if self.chance(0.3) else None
            node.before(Node(self.noun_word(), "NOUN", "npadvmod"), dash)
        elif words is lex.COLOURS and self.chance(0.2):  # red and white, light blue
            node = self.two_colours(node)
        elif words is lex.POSITIONS and self.chance(0.25):
            node.first(Node(self.one(["far", "very", "upper", "most"]), "ADV", "advmod"))
            if self.chance(0.2):
                node.before(Node("most", "ADV", "advmod"))
        elif self.chance(0.05):
            adverb = self.one(["half", "partially", "very", "mostly", "dark", "light", "brightly"])
            node.first(Node(adverb, "ADV", "advmod"))
        return node

    def two_colours(self, node: Node) -> Node:
        """ "black and white", "blue, red and white", "light blue", "red colored"."""
        other = Node(self.one(lex.COLOURS), "ADJ", "conj")
        form = self.rng.random()
        if form < 0.65:
            return node.then(Node(self.one(["and", "and", "&"]), "CCONJ", "cc"), other)
        if form < 0.85:
            return node.first(Node(self.one(["light", "dark", "bright"]), "ADJ", "amod"))
        return Node(self.one(["colored", "coloured", "color"]), "ADJ", "amod").before(
            node.as_("advmod")
        )

    def determiner(self) -> Node:
        """An article or a possessive pronoun."""
        word = self.one(lex.DETERMINERS)
        if word in ("his", "her", "their"):
            return Node(word, "PRON", "poss")
        return Node(word, "DET", "det")
