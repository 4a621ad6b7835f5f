"""Trees under construction: a word with what stands left and right of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from trees import Sentence


@dataclass
class Node:
    """A word, its relation to the word it hangs on, and its children in reading order."""

    word: str
    pos: str
    dep: str = "ROOT"
    left: list[Node] = field(default_factory=list)
    right: list[Node] = field(default_factory=list)

    def as_(self, dep: str) -> Node:
        """The same tree in another role."""
        self.dep = dep
        return self

    def before(self, *children: Node | None) -> Node:
        """Add children between the word and those already on its left."""
        self.left += [child for child in children if child]
        return self

    def first(self, *children: Node | None) -> Node:
        """Add children before all others."""
        self.left = [child for child in children if child] + self.left
        return self

    def then(self, *children: Node | None) -> Node:
        """Add children after all others."""
        self.right += [child for child in children if child]
        return self


def hyphenated(word: str, pos: str, dep: str) -> Node:
    """A word as spaCy's tokenizer splits it: "t-shirt" has the head "shirt"."""
    *before, last = word.split("-") if word.strip("-") else [word]
    node = Node(last, pos, dep)
    kind = "compound" if pos in ("NOUN", "PROPN") else "advmod"
    for piece in before:
        node.before(Node(piece, "NOUN" if kind == "compound" else "ADV", kind))
        node.before(Node("-", "PUNCT", "punct"))
    return node


def linearise(*roots: Node) -> Sentence:
    """Words in reading order; several roots stand side by side, each its own tree."""
    sentence = Sentence([], [], [], [])

    def visit(node: Node, place_of_head: list[int]) -> int:
        own: list[int] = []
        waiting = [visit(child, own) for child in node.left]
        own.append(len(sentence.words))
        sentence.words.append(node.word)
        sentence.deps.append(node.dep)
        sentence.pos.append(node.pos)
        sentence.heads.append(place_of_head[0] if place_of_head else -1)
        for place in waiting:
            sentence.heads[place] = own[0]
        for child in node.right:
            visit(child, own)
        return own[0]

    for root in roots:
        place = visit(root.as_("ROOT"), [])
        sentence.heads[place] = place
    return sentence
