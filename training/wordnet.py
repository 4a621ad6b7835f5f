"""WordNet's nouns, read from its database files (wndb(5)): senses, their kinds, their frequency."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

#: What stands behind "%" in the sense key of a noun.
NOUN = "1"
OTHER_PARTS = ("index.verb", "index.adj", "index.adv")


@dataclass(frozen=True)
class Nouns:
    """The noun part of a WordNet folder (``dict/``, or Debian's ``/usr/share/wordnet``).

    Words are lower-case, with spaces.

    Attributes:
        lemmas: the words of each synset as written, by its offset.
        parents: its direct hypernyms, by offset; for an instance ("Einstein") what it is one of.
        instances: offsets of synsets that are single things, not kinds.
        senses: offsets of a word's senses, most frequent first.
        counts: how often each sense of a word, counted from 1, was met in tagged text.
        other_counts: how often a word was met there as another part of speech.
        other_words: words that are another part of speech, too.
        plurals: irregular plural to singular.
    """

    lemmas: dict[int, tuple[str, ...]] = field(repr=False)
    parents: dict[int, tuple[int, ...]] = field(repr=False)
    instances: frozenset[int] = field(repr=False)
    senses: dict[str, tuple[int, ...]] = field(repr=False)
    counts: dict[str, dict[int, int]] = field(repr=False)
    other_counts: Counter[str] = field(repr=False)
    other_words: frozenset[str] = field(repr=False)
    plurals: dict[str, str] = field(repr=False)

    @classmethod
    def read(cls, folder: Path) -> Nouns:
        """Read the nouns, and what tells how common they are.

        Raises:
            FileNotFoundError: when a file is not there.
        """
        lemmas, parents, instances = _synsets(folder / "data.noun")
        counts, other_counts = _counts(folder / "cntlist.rev")
        senses = {
            _spaced(word): tuple(map(int, rest[-int(count) :]))
            for word, _, count, *rest in _fields(folder / "index.noun")
        }
        other = frozenset(
            _spaced(word) for part in OTHER_PARTS for word, *_ in _fields(folder / part)
        )
        plurals = {
            _spaced(plural): _spaced(word) for plural, word, *_ in _fields(folder / "noun.exc")
        }
        return cls(lemmas, parents, instances, senses, counts, other_counts, other, plurals)

    @cached_property
    def children(self) -> dict[int, tuple[int, ...]]:
        """Direct hyponyms by offset."""
        found = defaultdict(list)
        for offset, parents in self.parents.items():
            for parent in parents:
                found[parent].append(offset)
        return {offset: tuple(below) for offset, below in found.items()}

    def above(self, offset: int) -> frozenset[int]:
        """A synset and all it is a kind of."""
        return _closure(offset, self.parents)

    def below(self, offset: int) -> frozenset[int]:
        """A synset and all its kinds."""
        return _closure(offset, self.children)

    def information(self, offset: int) -> float:
        """Seco's intrinsic information content: 0 for the root, 1 for a synset without kinds."""
        return 1 - math.log(len(self.below(offset))) / math.log(len(self.parents))

    def find(self, name: str) -> int:
        """The synset of "word", or of "word#k", its k-th sense.

        Raises:
            LookupError: when there is none.
        """
        word, _, number = name.partition("#")
        return self.senses[word][int(number or 1) - 1]

    def chiefly_noun(self, word: str) -> bool:
        """Whether a word outside of any sentence is more likely a noun than anything else."""
        as_noun, as_other = sum(self.counts.get(word, {}).values()), self.other_counts[word]
        if as_noun + as_other:
            return as_noun >= as_other
        return word not in self.other_words


def _spaced(word: str) -> str:
    return word.replace("_", " ")


def _fields(path: Path) -> list[list[str]]:
    """The fields of a file's lines, without its licence, which stands indented at the top."""
    lines = path.read_text("utf-8").splitlines()
    return [line.split() for line in lines if line and line[0] != " "]


def _synsets(
    path: Path,
) -> tuple[dict[int, tuple[str, ...]], dict[int, tuple[int, ...]], frozenset[int]]:
    """Words, hypernyms and instances of ``data.noun``."""
    lemmas, parents, instances = {}, {}, set()
    for fields in _fields(path):
        offset, count = int(fields[0]), int(fields[3], 16)
        rest = fields[5 + 2 * count : fields.index("|")]
        pointers = list(zip(rest[0::4], rest[1::4], strict=True))
        lemmas[offset] = tuple(map(_spaced, fields[4 : 4 + 2 * count : 2]))
        parents[offset] = tuple(int(to) for kind, to in pointers if kind in ("@", "@i"))
        if any(kind == "@i" for kind, _ in pointers):
            instances.add(offset)
    return lemmas, parents, frozenset(instances)


def _counts(path: Path) -> tuple[dict[str, dict[int, int]], Counter[str]]:
    """How often words were met as nouns, by sense, and as anything else."""
    nouns: dict[str, dict[int, int]] = defaultdict(dict)
    others: Counter[str] = Counter()
    for key, number, count in _fields(path):
        word, part = key.split("%")
        if part[0] == NOUN:
            nouns[_spaced(word)][int(number)] = int(count)
        else:
            others[_spaced(word)] += int(count)
    return dict(nouns), others


def _closure(start: int, steps: dict[int, tuple[int, ...]]) -> frozenset[int]:
    seen, waiting = {start}, [start]
    while waiting:
        for following in steps.get(waiting.pop(), ()):
            if following not in seen:
                seen.add(following)
                waiting.append(following)
    return frozenset(seen)
