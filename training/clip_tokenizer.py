"""Merges for open_clip's ``SimpleTokenizer`` that make each known word exactly one token.

Byte pair encoding is usually learnt from a corpus by joining frequent pairs. Here the words are
known beforehand, so each is built right to left instead: its last two characters, then one more
character in front, until the word is whole. At any moment a word has then only one pair that
can be joined (the next character and the part that already carries the end-of-word mark), so
the order of the merges cannot matter and words that share an ending share its merges. An unknown
word falls apart into characters and the longest known ending; nothing is ever out of vocabulary.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from pathlib import Path

END = "</w>"
#: The byte alphabet with and without the end-of-word mark, and the start and end of a text.
BASE_TOKENS = 2 * 256 + 2


def words_in(texts: Iterable[str]) -> list[str]:
    """Distinct words of lower-cased texts, split where ``SimpleTokenizer`` splits; sorted."""
    return sorted({word for text in texts for word in re.findall(r"[a-z]+", text.lower())})


def merges_for(words: Iterable[str]) -> list[tuple[str, str]]:
    """Merges that build each word from its end, shortest endings first.

    Args:
        words: lower-case words of the letters a to z.

    Returns:
        Pairs (character, rest of the word with ``</w>``), without duplicates.
    """
    endings = {word[start:] for word in words for start in range(len(word) - 1)}
    ordered = sorted(endings, key=lambda ending: (len(ending), ending))
    return [(ending[0], ending[1:] + END) for ending in ordered]


def write_merges(path: Path, merges: list[tuple[str, str]]) -> int:
    """Write the file that ``SimpleTokenizer(bpe_path=path)`` reads; the vocabulary's size.

    The first line is skipped by the reader, a newline at the end would become an empty token,
    and a fixed time stamp keeps the file the same from run to run.
    """
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    data = gzip.compress("\n".join(lines).encode(), compresslevel=9, mtime=0)
    path.write_bytes(data)
    return BASE_TOKENS + len(merges)
