"""Checks and bookkeeping of expressions and given parses: plain text, no parser."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from unicodedata import category

from refmask.errors import ExpressionError
from refmask.text.lexicon import unglued

LONGEST = 2_000  # characters; CLIP reads about 300 of them
#: Blanks, controls and marks of direction or width, by Unicode's categories,
UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
#: and characters that Unicode counts among letters and symbols.
UNSEEN = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
APOSTROPHES = "'`\u2019"


def is_nothing(text: str) -> bool:
    """Whether a text has nothing to see: blanks, control and other invisible characters."""
    return all(
        letter in UNSEEN or "\ufe00" <= letter <= "\ufe0f" or category(letter) in UNSEEN_CATEGORIES
        for letter in text
    )


def checked_expression(expression: str) -> str:
    """The expression itself, when it is text of a usable length."""
    if not isinstance(expression, str):
        raise ExpressionError(
            f"expected an expression as text, got {type(expression).__name__}; pass a string"
        )
    if is_nothing(expression):
        raise ExpressionError("expected an expression, got an empty one; name the target")
    if len(expression) > LONGEST:
        raise ExpressionError(
            f"expected an expression of at most {LONGEST} characters, got {len(expression)}; "
            "shorten it"
        )
    if any("\ud800" <= letter <= "\udfff" for letter in expression):
        raise ExpressionError(
            f"expected an expression as valid Unicode, got {expression!a} with half a surrogate "
            "pair; correct its encoding"
        )
    return expression


def join_clitics(tokens: Sequence[tuple[str, int]]) -> Iterator[slice]:
    """Where tokens lie, given as (text, start), after undoing what annotators' tools split.

    "man ' s hat" has the tokens "man", "' s", "hat".
    """
    apostrophe: int | None = None
    for word, start in tokens:
        if apostrophe is not None:
            joined = word.lower() == "s"
            yield slice(apostrophe, start + 1 if joined else apostrophe + 1)
            apostrophe = None
            if joined:
                continue
        if word and word in APOSTROPHES:
            apostrophe = start
        else:
            yield slice(start, start + len(word))
    if apostrophe is not None:
        yield slice(apostrophe, apostrophe + 1)


def split_glued(text: str, places: Iterable[slice]) -> Iterator[slice]:
    """Where tokens lie, after parting words that were glued together: "behindslight"."""
    for place in places:
        at = unglued(text[place].lower())
        if at is None:
            yield place
        else:
            yield from (slice(place.start, place.start + at), slice(place.start + at, place.stop))


def find_words(text: str, words: Sequence[str]) -> list[slice]:
    """Where each token of a given parse lies in the text, whatever its case."""
    places: list[slice] = []
    at = 0
    for word in words:
        pattern = r"\s*".join(re.escape(letter) for letter in word if not letter.isspace())
        match = re.compile(pattern, re.IGNORECASE).search(text, at)
        if match is None:
            raise bad_parse(text, f"its token {word!r} is not in the text")
        places.append(slice(*match.span()))
        at = match.end()
    return places


def check_tree(
    expression: str, count: int, heads: Sequence[int], deps: Sequence[str], pos: Sequence[str]
) -> None:
    """Refuse what is not one or more trees over ``count`` tokens."""
    if not count or {len(heads), len(deps), len(pos)} != {count}:
        raise bad_parse(
            expression,
            f"{count} words, {len(heads)} heads, {len(deps)} deps, {len(pos)} pos",
        )
    if not all(isinstance(h, int) and 0 <= h < count for h in heads):
        raise bad_parse(expression, f"heads {list(heads)} outside 0 to {count - 1}")
    for token in range(count):
        seen = {token}
        while (head := heads[token]) != token:
            if head in seen:
                raise bad_parse(expression, f"heads {list(heads)} run in a circle")
            seen.add(head)
            token = head


def bad_parse(expression: str, fault: str) -> ExpressionError:
    """The error for a parse that does not fit its expression."""
    return ExpressionError(
        f"expected words with one head, dep and pos each for {expression!r}, got {fault}; "
        "correct the parse or leave it out"
    )


#: Numbers of things.
NUMBERS = {
    **{"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9},
    **{"ten": 10, "dozen": 12, "both": 2},
}
#: Nouns that count what follows "of", or stand for it.
PAIRS = {"pair": 2, "couple": 2, "trio": 3}
#: Nouns with "of" that ask for all of what follows.
HEAPS = frozenset(
    {"bunch", "group", "set", "pile", "stack", "row", "line", "herd", "flock", "crowd", "bundle"}
    | {"rest", "kind", "type"}
)
#: Words before a noun that ask for several things.
SEVERAL = frozenset(
    NUMBERS.keys() | {"all", "many", "several", "few", "these", "those", "every", "each", "various"}
)
#: Words that ask for several things before "of", as those above do,
SEVERAL_OF = SEVERAL | {"some", "most", "any", "dozens", "hundreds"}
#: and when no noun follows.
SEVERAL_ALONE = frozenset({"all", "both", "many", "several", "few", "these", "those"})
#: Words before a noun that ask for one thing, whatever its form.
ONE = frozenset({"a", "an", "this", "that", "one", "another"})
#: Plurals that do not end with an s.
IRREGULAR = {
    **{"people": "person", "persons": "person", "men": "man", "women": "woman", "oxen": "ox"},
    **{"children": "child", "kids": "kid", "guys": "guy", "mice": "mouse", "geese": "goose"},
    **{"feet": "foot", "teeth": "tooth", "dice": "die", "fungi": "fungus", "cacti": "cactus"},
    **{"policemen": "policeman", "firemen": "fireman", "gentlemen": "gentleman"},
    **{"knives": "knife", "wives": "wife", "lives": "life", "leaves": "leaf", "wolves": "wolf"},
    **{"shelves": "shelf", "loaves": "loaf", "halves": "half", "calves": "calf", "elves": "elf"},
    **{"scarves": "scarf", "hooves": "hoof", "lenses": "lens", "shoes": "shoe", "toes": "toe"},
    **{"canoes": "canoe", "movies": "movie", "cookies": "cookie", "pies": "pie", "ties": "tie"},
    **{"zombies": "zombie", "selfies": "selfie", "axes": "axe", "quizzes": "quiz"},
}
#: Endings of plurals, and of their singulars; the first that fits.
ENDINGS = (
    ("ies", "y"),
    ("sses", "ss"),
    ("shes", "sh"),
    ("ches", "ch"),
    ("xes", "x"),
    ("zzes", "zz"),
    ("oes", "o"),
    ("ouses", "ouse"),
    ("auses", "ause"),
    ("uses", "us"),
    ("s", ""),
)
#: Singulars that are plurals, too.
UNCHANGED = frozenset({"sheep", "fish", "deer", "moose", "bison", "aircraft", "broccoli"})
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


def singular(noun: str) -> str:
    """One of what a noun names: "dog" of "dogs", "man" of "men"; others as they are."""
    if not is_plural(noun):
        return noun
    word = noun.lower()
    if word in IRREGULAR:
        return IRREGULAR[word]
    ending, single = next(pair for pair in ENDINGS if word.endswith(pair[0]))
    return word.removesuffix(ending) + single
