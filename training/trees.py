"""The form in which sentences reach the parser's training: words, heads, labels, tags.

Also the conversion from Universal Dependencies, where content words head everything, to the
CLEAR-style labels of spaCy's English pipelines, where prepositions and copulas do. spaCy's
``noun_chunks`` counts a noun by its label (nsubj, dobj, pobj, attr, ROOT, ...), hence the need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path


@dataclass
class Sentence:
    """T words; ``heads`` are absolute indices, a root is its own head."""

    words: list[str]
    heads: list[int]
    deps: list[str]
    pos: list[str]

    def __add__(self, other: Sentence) -> Sentence:
        shifted = [head + len(self.words) for head in other.heads]
        return Sentence(
            self.words + other.words,
            self.heads + shifted,
            self.deps + other.deps,
            self.pos + other.pos,
        )


#: Labels that only change their name. Those missing here keep theirs.
RENAMED = {
    "nsubj:outer": "nsubj",
    "nsubj:pass": "nsubjpass",
    "csubj:pass": "csubjpass",
    "csubj:outer": "csubj",
    "obj": "dobj",
    "iobj": "dative",
    "obl": "npadvmod",
    "obl:unmarked": "npadvmod",
    "obl:agent": "agent",
    "nmod": "npadvmod",
    "nmod:unmarked": "npadvmod",
    "nmod:poss": "poss",
    "aux:pass": "auxpass",
    "compound:prt": "prt",
    "cc:preconj": "preconj",
    "det:predet": "predet",
    "discourse": "intj",
    "vocative": "npadvmod",
    "acl:relcl": "relcl",
    "advcl:relcl": "advcl",
    "flat": "compound",
    "fixed": "prep",
    "list": "dep",
    "goeswith": "dep",
    "orphan": "dep",
    "reparandum": "dep",
    "dislocated": "dep",
    "root": "ROOT",
}
NOMINAL = {"NOUN", "PROPN", "PRON", "NUM", "SYM"}
#: What belongs to the clause and so moves from a predicate to its copula.
CLAUSAL = {"aux", "mark", "expl", "csubj", "punct", "discourse", "parataxis", "advcl", "vocative"}
NEGATIONS = {"not", "n't", "nt", "never"}


def read_conllu(path: Path) -> Iterator[Sentence]:
    """Sentences of a CoNLL-U file, converted; ranges and empty nodes are left out."""
    rows: list[list[str]] = []
    with path.open(encoding="utf-8") as lines:
        for line in [*lines, "\n"]:
            fields = line.rstrip("\n").split("\t")
            if len(fields) == 10 and fields[0].isdigit():
                rows.append(fields)
            elif len(fields) == 1 and not fields[0] and rows:
                yield convert(
                    [row[1] for row in rows],
                    [int(row[6]) - 1 for row in rows],
                    [row[7] for row in rows],
                    [row[3] for row in rows],
                )
                rows = []


def convert(words: list[str], heads: list[int], deps: list[str], pos: list[str]) -> Sentence:
    """One UD tree (``heads`` absolute, -1 for the root) in CLEAR style."""
    tree = _Tree(words, list(heads), list(deps), pos)
    tree.raise_last_names()
    tree.raise_copulas()
    tree.raise_prepositions()
    labels = [tree.label(i) for i in range(len(words))]
    rooted = [i if head < 0 else head for i, head in enumerate(tree.heads)]
    return Sentence(words, rooted, labels, pos)


@dataclass
class _Tree:
    words: list[str]
    heads: list[int]
    deps: list[str]
    pos: list[str]

    def children(self, head: int, *deps: str) -> list[int]:
        found = [i for i, h in enumerate(self.heads) if h == head]
        return [i for i in found if not deps or self.deps[i] in deps]

    def replace(self, old: int, new: int, moved: Iterable[int]) -> None:
        """Put ``new`` in the place of ``old`` and give it the children ``moved``."""
        self.heads[new], self.deps[new] = self.heads[old], self.deps[old]
        self.heads[old] = new
        for child in moved:
            self.heads[child] = new

    def raise_last_names(self) -> None:
        """In "Barack Obama" the last name heads."""
        for first in range(len(self.words)):
            if self.pos[first] == "PROPN" and (names := self.children(first, "flat")):
                last = names[-1]
                others = [c for c in self.children(first) if c != last]
                self.replace(first, last, [c for c in others if c not in names])
                for name in [first, *names[:-1]]:
                    self.heads[name], self.deps[name] = last, "compound"

    def raise_copulas(self) -> None:
        """In "the cat is black" the verb heads; "black" is its complement."""
        for copula in range(len(self.words)):
            if self.deps[copula] != "cop":
                continue
            predicate = self.heads[copula]
            moved = [
                child
                for child in self.children(predicate)
                if child != copula and self._clausal(child, copula, predicate)
            ]
            self.replace(predicate, copula, moved)
            self.deps[predicate] = self._complement(predicate)

    def _clausal(self, child: int, copula: int, predicate: int) -> bool:
        dep = self.deps[child]
        if dep.startswith("nsubj") or dep.split(":")[0] in CLAUSAL:
            return dep != "punct" or not copula < child < predicate
        if dep == "advmod":
            return child < copula or self.words[child].lower() in NEGATIONS
        if dep in ("obl", "obl:unmarked"):
            return child < copula
        if dep == "conj":
            return bool(self.children(child, "cop", "nsubj"))
        return dep == "cc" and child < copula

    def _complement(self, predicate: int) -> str:
        if self.children(predicate, "case"):
            return "obl"
        if self.pos[predicate] in NOMINAL or self.children(predicate, "det"):
            return "attr"
        return "advmod" if self.pos[predicate] == "ADV" else "acomp"

    def raise_prepositions(self) -> None:
        """In "on the left" the preposition heads; its noun is "pobj"."""
        for noun in range(len(self.words)):
            cases = [c for c in self.children(noun, "case") if c < noun]
            if not cases or self.deps[noun] == "nmod:poss":
                continue
            first, last = cases[0], cases[-1]
            left = [c for c in self.children(noun) if c < first]
            self.replace(noun, first, left)
            if self.deps[first] in ("obl", "nmod", "obl:unmarked", "nmod:unmarked", "nmod:desc"):
                self.deps[first] = "prep"
            for outer, inner in pairwise(cases):
                self.heads[inner], self.deps[inner] = outer, "prep"
            self.heads[noun], self.deps[noun] = last, "pobj"

    def label(self, i: int) -> str:
        """The CLEAR name of a token's relation."""
        dep, head = self.deps[i], self.heads[i]
        if dep == "advmod" and self.words[i].lower() in NEGATIONS:
            return "neg"
        if dep == "mark" and self.words[i].lower() == "to" and self.pos[i] == "PART":
            return "aux"
        if dep == "xcomp" and self.pos[i] in NOMINAL:
            return "oprd"
        if dep == "xcomp" and self.pos[i] == "ADJ":
            return "acomp"
        if dep == "nsubj" and i > head and self.children(head, "expl"):
            return "attr"
        if dep == "nmod:desc":
            return "compound" if i < head else "nummod" if self.pos[i] == "NUM" else "appos"
        return RENAMED.get(dep, dep)
