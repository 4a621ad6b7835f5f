"""Whether a noun asks for one thing or for several, by its form alone."""

from __future__ import annotations

import re

#: Words before a noun that ask for several things, or for none.
SEVERAL = frozenset(
    {"two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "dozen", "both"}
    | {"all", "many", "several", "few", "these", "those", "every", "each", "various"}
)
#: Words that ask for several things before "of", as those above do,
SEVERAL_OF = SEVERAL | {"some", "most", "any", "dozens", "hundreds"}
#: and when no noun follows.
SEVERAL_ALONE = frozenset(
    {"all", "both", "many", "several", "few", "these", "those", "everyone", "everybody"}
)
#: Words before a noun that ask for one thing, whatever its form.
ONE = frozenset({"a", "an", "this", "that", "one", "another", "pair"})
#: Plurals that do not end with an s.
IRREGULAR = frozenset(
    {"people", "men", "women", "children", "mice", "geese", "feet", "teeth", "oxen", "dice"}
    | {"persons", "kids", "guys", "fungi", "cacti", "policemen", "firemen", "gentlemen"}
)
#: One thing whose name ends like a plural.
SINGULAR = frozenset(
    {"jeans", "pants", "shorts", "trousers", "leggings", "tights", "overalls", "pajamas", "pyjamas"}
    | {"glasses", "sunglasses", "eyeglasses", "goggles", "binoculars", "headphones", "earphones"}
    | {"scissors", "pliers", "tweezers", "tongs", "clippers", "shears", "stairs", "clothes"}
    | {"lens", "gas", "canvas", "christmas", "news", "series", "species", "chess", "tennis"}
    | {"headquarters", "crossroads", "barracks", "swiss", "pancreas", "atlas", "christ", "yes"}
    | {"underpants", "briefs", "suspenders", "stockings", "skis", "stilts", "sports"}
)


def is_plural(noun: str) -> bool:
    """True for "dogs", "men" and "people"; False for "bus", "glass" and "scissors"."""
    word = noun.lower()
    if word in IRREGULAR:
        return True
    return re.search("[^sui]s$", word) is not None and word not in SINGULAR
