"""Characters that show nothing."""

import pytest

from refmask.errors import ExpressionError
from refmask.text.words import checked_expression, is_nothing

INVISIBLE = [
    *("", " \t\n", "\0", "\u00ad", "\u200b", "\ufeff", "\u2060\u200d"),
    *("\u3164", "\u2800", "\ufe0f"),
]


@pytest.mark.parametrize("text", INVISIBLE, ids=ascii)
def test_they_are_nothing_however_many(text):
    assert is_nothing(text)
    assert is_nothing(text * 3 + " ")
    with pytest.raises(ExpressionError, match="got an empty one"):
        checked_expression(text)
    assert checked_expression(f"{text}dog{text}") == f"{text}dog{text}"


@pytest.mark.parametrize("text", ["?", "1", "犬", "\U0001f436", "\U0001fae9", "-"])
def test_what_can_be_seen_is_something(text):
    assert not is_nothing(text)
