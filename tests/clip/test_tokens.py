"""Our tokenizer beside open_clip's."""

import random

import open_clip
import pytest
import torch

from refmask.clip.configuration import open_clip_folder
from refmask.clip.loading import MERGES
from refmask.clip.tokens import BpeTokenizer, tokenize

#: Words, and what is no word: entities, broken encodings, special tokens, spaces and emoji.
TEXT = """
the man in red shirt isn't it's I'LL they've 'S K'd naïve café Straße İstanbul 12345 3.14 a_b !!!
漢字 かな 한국어 привет Ελλάδα שלום हिन्दी x² Ⅷ ١٢٣ ﬁre &amp; &amp;lt; &#128512; &#xD800; â€™ schÃ¶n
<start_of_text> <end_of_text> <END_OF_TEXT> 😀 👨‍👩‍👧 🇩🇪 🦆🏽
"""
SPACES = ["'\u017f", "\u200b", "\ufeff", "\x00", "\x85", "\u2028", "\xa0", "\t", "\n", "\u00ad"]
PIECES = [*TEXT.split(), *SPACES, "\ud800", "\udfff", "\ufffd"]


def written(draw):
    """A text of one of several kinds."""
    count = draw.randrange(25)
    kind = draw.randrange(5)
    if kind == 0:
        return draw.choice(["", " ", "  "]).join(draw.choices(PIECES, k=count))
    if kind == 1:
        return "".join(chr(draw.randrange(32, 127)) for _ in range(2 * count))
    if kind == 2:
        return "".join(chr(draw.randrange(0x110000)) for _ in range(count))
    if kind == 3:
        errors = draw.choice(["replace", "surrogateescape", "ignore"])
        return draw.randbytes(2 * count).decode(errors=errors)
    return "".join(chr(draw.randrange(0x20, 0x3000)) for _ in range(count))


@pytest.mark.parametrize("clean", ["lower", "whitespace", "canonicalize"])
def test_ids_are_open_clips(clean):
    theirs = open_clip.SimpleTokenizer(clean=clean)
    ours = BpeTokenizer(open_clip_folder() / MERGES, 77, clean)
    draw = random.Random(clean)
    texts = [*PIECES, *(written(draw) for _ in range(1500)), "a word " * 60, ""]
    assert ours.vocab_size == theirs.vocab_size
    assert ours(texts).equal(theirs(texts))
    assert ours(texts, context_length=9).equal(theirs(texts, context_length=9))


def test_a_tokenizers_padding_is_its_own_affair():
    """Some pad with 1, which CLIP's own takes for a text's token."""

    def tokenizer(texts, context_length=4):
        rows = [[7] * len(text.split()) + [2] for text in texts]
        cut = [
            row[: context_length - 1] + [2] if len(row) > context_length else row for row in rows
        ]
        return torch.tensor([row + [1] * (context_length - len(row)) for row in cut])

    ids, cut = tokenize(tokenizer, ["", "one", "one two three", "one two three four"])
    assert ids.tolist() == [[2, 1, 1, 1], [7, 2, 1, 1], [7, 7, 7, 2], [7, 7, 7, 2]]
    assert cut == ["one two three four"]
    assert tokenize(tokenizer, ["one"])[1] == []
