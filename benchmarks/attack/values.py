"""Values that programs which read JSON, tables or settings tend to stumble over."""

from __future__ import annotations

import random
from typing import Any

#: Stands for lists within lists, as many as ``deep`` is asked for.
DEEP = "\u2693deep"

NASTY: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**30, 10**309, -(10**5000 // 7)),
    *(0.5, -0.0, 1e308, 1e-320, float("nan"), float("inf"), float("-inf")),
    *("", " ", "a", "1", "NaN", "\0", "\u200b", "\ud800", "\u202eabc", "a" * 300, "a" * 100_000),
    *("../../../../etc/passwd", "/dev/zero", "~", ".", "https://example.org/a.png", "${alert(1)}"),
    *("o" * 20_000, "\u00e9\u0301", "a\nb", "%s%n", "{}", "<b>", DEEP),
    *([], {}, [[]], [{}], [None], [1], ["a"], [[1, 2]], [1, 2, 3], [1e400], {"a": 1}, {"": None}),
    *({"size": [1e9, 1e9], "counts": []}, {"size": [10**6, 10**6], "counts": "0"}),
    *({"size": [2.0, 2.0], "counts": [4]}, [[0, 0, 1e300, 0, 0, 1e300]], [10**9], [0] * 2000),
)


def nasty_key(rng: random.Random) -> str:
    """A name that nobody expects."""
    return rng.choice(("", "\0", "__class__", "__init__", "trust_remote_code", "a" * 300, "\ud800"))


def deep(times: int) -> str:
    """Lists within lists as JSON; 0 gives the text that stands for them."""
    return "[" * times + "]" * times if times else '"\\u2693deep"'
