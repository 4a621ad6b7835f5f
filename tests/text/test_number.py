"""One thing or several, by a noun's form."""

import pytest

from refmask.text.words import is_plural


@pytest.mark.parametrize("noun", ["dogs", "Men", "people", "boxes", "knives", "children", "teeth"])
def test_plurals(noun):
    assert is_plural(noun)


@pytest.mark.parametrize("noun", ["dog", "bus", "glass", "jeans", "scissors", "tennis", "man", ""])
def test_what_is_one_thing(noun):
    assert not is_plural(noun)
