"""What follows a noun without a verb: places and clothes."""

from __future__ import annotations

from collections.abc import Sequence

import lexicon as lex
from grammar_nouns import NounPhrases
from nodes import Node


class Modifiers(NounPhrases):
    """Places and clothes of a noun."""

    def modifier(self) -> Node:
        """Anything that describes the noun before it; clauses are known one floor up."""
        raise NotImplementedError

    def phrase(self, dep: str = "pobj", words: Sequence[str] | None = None) -> Node:
        """A noun phrase inside another, itself described now and then."""
        node = self.quantity(dep) if self.chance(0.06) else self.base(dep, words)
        if self.depth < 2 and self.chance(0.12):
            self.depth += 1
            node.then(self.modifier())
            self.depth -= 1
        return node

    def side(self, dep: str) -> Node:
        """ "the left", "far right", "the bottom right corner", "left side"."""
        node = Node(self.one(lex.SIDES), "NOUN", dep)
        if self.chance(0.3):
            corner = Node(
                self.one(["side", "corner", "edge", "end", "row", "picture"]), "NOUN", dep
            )
            node = corner.before(Node(node.word, "ADJ", "amod"))
        if self.chance(0.2):
            kind = self.one(["far", "top", "bottom", "very", "extreme", "upper", "lower"])
            node.first(Node(kind, "ADJ", "amod"))
        if self.chance(0.08):
            hand = self.split(self.one(["left-hand", "right-hand"]), "NOUN", "compound")
            node = Node("side", "NOUN", dep).before(hand)
        if self.chance(0.06):
            hand = Node("hand", "NOUN", "compound").before(
                Node(self.one(["left", "right"]), "ADJ", "amod")
            )
            node = Node(self.one(["picture", "side", "corner"]), "NOUN", dep).before(hand)
        return node.first(Node("the", "DET", "det")) if self.chance(0.55) else node

    def place_phrase(self, dep: str = "prep") -> Node:
        """ "on the left", "in front of the bus", "next to a tree", "to the left of it"."""
        form = self.rng.random()
        if form < 0.36:
            prep = Node(
                self.one(["on", "on", "in", "at", "to", "in", "from", "towards"]), "ADP", dep
            )
            side = self.side("pobj")
            if self.chance(0.25):
                side.then(Node("of", "ADP", "prep").then(self.phrase()))
            if self.chance(0.08):
                prep.before(Node(self.one(["all", "just", "right", "up", "over"]), "ADV", "advmod"))
            return prep.then(side)
        if form < 0.46:
            front = Node(self.one(["front", "front", "back", "middle"]), "NOUN", "pobj")
            front.then(Node("of", "ADP", "prep").then(self.phrase()))
            return Node("in", "ADP", dep).then(front)
        if form < 0.56:
            first = self.one(["next", "close", "closest", "nearest", "closer", "next", "adjacent"])
            node = Node(first, "ADV", "advmod" if dep == "prep" else dep)
            return node.then(Node("to", "ADP", "prep").then(self.phrase()))
        if form < 0.60:
            node = Node(self.one(["out", "off", "on", "outside", "ontop"]), "ADP", dep)
            return node.then(Node("of", "ADP", "prep").then(self.phrase()))
        if form < 0.63:
            return Node(self.one(lex.RUN_ON), "ADP", dep).then(
                self.phrase() if self.chance(0.6) else self.side("pobj")
            )
        if form < 0.66:
            return Node("on", "ADP", dep).then(
                Node("top", "NOUN", "pobj").then(Node("of", "ADP", "prep").then(self.phrase()))
            )
        words = lex.PLACES if self.chance(0.5) else None
        return Node(self.one(lex.PREPOSITIONS), "ADP", dep).then(self.phrase("pobj", words))

    def bare_place(self) -> Node:
        """ "left", "far right", "bottom left", "closest", "left side", "in back"."""
        form = self.rng.random()
        if form < 0.45:
            node = Node(self.one(lex.SIDES[:6] + lex.PLACE_ADVERBS), "ADV", "advmod")
            kind = self.one(["far", "top", "bottom", "upper", "lower", "most", "up", "all"])
            return node.before(Node(kind, "ADV", "advmod") if self.chance(0.4) else None)
        if form < 0.7:
            return self.side("npadvmod")
        return Node(self.one(lex.POSTNOMINAL).split("-")[0], "ADJ", "amod")

    def of_place(self) -> Node:
        """ "left of the lady", "right of center"."""
        node = Node(self.one(["left", "right", "north", "just", "west"]), "ADV", "advmod")
        node.word = self.one(["left", "right"])
        return node.then(Node("of", "ADP", "prep").then(self.phrase()))

    def from_side(self, node: Node | None) -> Node:
        """ "from the left", "second from right", "2nd to last"."""
        prep = Node(self.one(["from", "from", "from", "to", "in"]), "ADP", "prep")
        prep.then(self.side("pobj"))
        if node is not None:
            return node.then(prep)
        if self.chance(0.6):
            return Node(self.one(lex.ORDINALS), "ADV", "advmod").then(prep)
        return prep

    def nearest(self) -> Node:
        """ "closest to us", "nearest the window", "the farthest away"."""
        word = self.one(["closest", "nearest", "farthest", "furthest", "closer", "nearer"])
        node = Node(word, "ADJ", "amod")
        if self.chance(0.55):
            us = Node(self.one(["us", "you", "me"]), "PRON", "pobj")
            to = Node(self.one(["to", "to", "from"]), "ADP", "prep")
            return node.then(to.then(us if self.chance(0.3) else self.phrase()))
        if self.chance(0.5):
            return node.then(self.phrase("npadvmod"))
        return node.then(Node(self.one(["away", "back", "up"]), "ADV", "advmod"))

    def in_clothes(self) -> Node:
        """ "in red", "in a blue shirt and jeans", "in black and white"."""
        prep = Node("in", "ADP", "prep")
        if self.chance(0.4):
            colour = Node(self.one(lex.COLOURS), "NOUN", "pobj")
            if self.chance(0.2):
                colour.then(Node("and", "CCONJ", "cc"), Node(self.one(lex.COLOURS), "NOUN", "conj"))
            elif self.chance(0.15):
                colour.before(Node("all", "DET", "det"))
            return prep.then(colour)
        return prep.then(self.clothes("pobj"))

    def clothes(self, dep: str) -> Node:
        """ "a blue shirt", "glasses and a hat"."""
        node = self.base(dep, lex.CLOTHES)
        if self.chance(0.2):
            node.then(Node("and", "CCONJ", "cc"), self.base("conj", lex.CLOTHES))
        return node

    def state(self) -> Node:
        """ "full of plants", "covered in snow", "similar to the other one"."""
        words = "full:of made:of filled:with covered:in covered:with similar:to identical:to "
        words += "out:of different:from visible:through ready:for empty:of heavy:with proud:of"
        word, _, prep = self.one(words.split()).partition(":")
        verb = word in ("made", "filled", "covered")
        node = Node(word, "VERB" if verb else "ADJ", "acl" if verb else "amod")
        return node.then(Node(prep, "ADP", "prep").then(self.phrase()))

    def before_noun(self) -> Node:
        """ "second from left" of "second from left man", "farther away", "closest to us"."""
        if self.chance(0.6):
            return self.from_side(Node(self.one(lex.ORDINALS), "ADJ", "amod")).as_("amod")
        word = self.one(
            ["farther", "further", "closer", "closest", "nearest", "farthest", "furthest"]
        )
        return Node(word, "ADJ", "amod").then(
            Node(self.one(["away", "back", "up", "out"]), "ADV", "advmod")
        )

    def apposed(self) -> Node:
        """ "guy red shirt", "kid yellow coat": what someone wears, without a word for it."""
        clothes = self.noun("appos", lex.CLOTHES)
        return clothes.before(Node(self.one(lex.COLOURS + lex.ADJECTIVES[:30]), "ADJ", "amod"))
