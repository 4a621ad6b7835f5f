"""Texts to tokens: OpenAI's byte-pair encoding, and what a model's context leaves out.

Merging is done by the library ``tokenizers``. What comes before it, cleaning and splitting into
words, follows CLIP to the letter, so that the ids are those its weights were trained with.
"""

from __future__ import annotations

import html
import string
from pathlib import Path
from typing import Protocol

import ftfy
import regex
import torch
from tokenizers import AddedToken
from tokenizers import Tokenizer as Merger
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from torch import Tensor

from refmask.errors import ModelError
from refmask.ops.reading import decode_text, read_gzip

START, END = "<start_of_text>", "<end_of_text>"
WORDS = regex.compile(
    START + "|" + END + r"|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
    regex.IGNORECASE,
)
#: Tokens of one byte and merges of the original, which is the longest file that is read.
BYTES, MERGES = 256, 49152 - 256 - 2
#: What marks the end of a word.
SUFFIX = "</w>"
#: Takes punctuation out.
WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


class Tokenizer(Protocol):
    """Ours, and open_clip's of Hugging Face's."""

    vocab_size: int

    def __call__(self, texts: list[str], context_length: int | None = None) -> Tensor:
        """T texts to ids, int64 (T, context_length), cut and padded to what the model reads."""
        ...


class BpeTokenizer:
    """CLIP's tokenizer.

    Args:
        merges: a gzipped file with a heading and a merge of two tokens a line, the first first.
        context: ids of a text, start and end among them.
        clean: "lower" as CLIP has it, "whitespace" (letters keep their case) or "canonicalize"
            (also without punctuation).

    Raises:
        ModelError: when the file cannot be used, or is too large.
    """

    def __init__(self, merges: Path, context: int, clean: str = "lower") -> None:
        self.context, self.clean = context, clean
        pairs = [tuple(line.split()) for line in _lines(merges)]
        letters = _byte_letters()
        tokens = [*letters, *(letter + SUFFIX for letter in letters), *map("".join, pairs)]
        ids = {token: place for place, token in enumerate([*tokens, START, END])}
        self.vocab_size = len(tokens) + 2
        self.start, self.end = ids[START], ids[END]
        try:
            rules = [(pair[0], pair[1]) for pair in pairs if len(pair) == 2]
            self._merger = Merger(BPE(ids, rules, end_of_word_suffix=SUFFIX))
        except Exception as error:  # the library's own, of no narrower class
            raise ModelError(f"{merges} holds no merges: {error}; fetch it again") from None
        self._merger.pre_tokenizer = ByteLevel(add_prefix_space=False, use_regex=False)
        self._merger.add_special_tokens(
            [AddedToken(token, normalized=False, special=True) for token in (START, END)]
        )

    def __call__(self, texts: list[str], context_length: int | None = None) -> Tensor:
        """See ``Tokenizer``."""
        length = context_length or self.context
        ids = torch.zeros(len(texts), length, dtype=torch.long)
        for row, text in zip(ids, texts, strict=True):
            read = [self.start, *self._encode(text), self.end]
            if len(read) > length:
                read = [*read[: length - 1], self.end]
            row[: len(read)] = torch.tensor(read)
        return ids

    def _encode(self, text: str) -> list[int]:
        words = WORDS.findall(cleaned(text, self.clean))
        encoded: list[int] = self._merger.encode(words, is_pretokenized=True).ids
        return encoded


def cleaned(text: str, how: str) -> str:
    """A text as CLIP reads it; ``how`` as in ``BpeTokenizer``."""
    text = html.unescape(html.unescape(ftfy.fix_text(text)))
    if how == "canonicalize":
        text = text.replace("_", " ").translate(WITHOUT_PUNCTUATION)
    text = " ".join(text.split())
    return text if how == "whitespace" else text.lower()


def tokenize(tokenizer: Tokenizer, texts: list[str]) -> tuple[Tensor, list[str]]:
    """Ids of texts, int64 (T, context), and those texts that did not fit."""
    ids = tokenizer(texts)
    # An empty text's ids show how those end that leave room. Of the others some just fit, as a
    # context longer by one token tells.
    padding = tokenizer([""])[0, -1]
    full = [texts[place] for place in (ids[:, -1] != padding).nonzero()[:, 0].tolist()]
    if not full:
        return ids, []
    longer = tokenizer(full, context_length=ids.shape[1] + 1)
    return ids, [full[place] for place in (longer[:, -1] != padding).nonzero()[:, 0].tolist()]


def _lines(path: Path) -> list[str]:
    """The merges in a file."""
    content = read_gzip(path, "merges", ModelError, "tokenizer")
    return decode_text(content, str(path), ModelError).split("\n")[1 : MERGES + 1]


def _byte_letters() -> list[str]:
    """A printable letter for each byte, those first that are one themselves."""
    own = [chr(byte) for byte in range(BYTES) if chr(byte).isprintable() and chr(byte) != " "]
    return own + [chr(BYTES + place) for place in range(BYTES - len(own))]
