"""Sizes as people write them."""

import re
from pathlib import Path

import pytest

from refmask.errors import ConfigurationError
from refmask.limits import LIMITS, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500MB", 500_000_000),
        ("10GB", 10**10),
        ("10 gb", 10**10),
        (" 1.5kB ", 1500),
        ("2GiB", 2 * 2**30),
        ("1TiB", 2**40),
        ("7", 7),
        (7, 7),
        ("0", 0),
    ],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "1 G B", "1e9", "ten", "1,5GB", "1XB", -1])
def test_what_is_no_size(text):
    with pytest.raises(ConfigurationError, match=r"is not a size; write it like 500MB"):
        parse_size(text)


def test_the_docs_list_the_limits():
    page = (Path(__file__).parents[1] / "docs" / "safety.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) (\w+) \| (.+) \|$", page, re.MULTILINE)
    listed = {name: (int(most.replace(",", "")), unit, about) for name, most, unit, about in rows}
    assert listed == {
        name: (limit.usual, limit.unit, limit.about) for name, limit in LIMITS.items()
    }
