"""How many things are asked for, and which ones are joined to the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refmask.text.lexicon import BODY, HUES, OF_BODIES, WORN
from refmask.text.words import HEAPS, NUMBERS, ONE, PAIRS, SEVERAL, SEVERAL_OF, UNCHANGED, is_plural

if TYPE_CHECKING:
    from spacy.tokens import Token

    from refmask.text.things import Things

#: Pronouns of several.
ONES = frozenset({"ones", "these", "those", "they", "them"})
#: Digits above are names: "player 23".
MOST = 20
AND, OTHERWISE = frozenset({"and", "&", "plus"}), frozenset({"or", "not", "but"})


def count_of(things: Things, thing: int | None) -> int | None:
    """How many of a thing are asked for, at least 1; None for all of them."""
    head = things.head
    if thing is None:
        root = next(token.i for token in things.doc if token.head.i == token.i)
        return _unnamed(things, root if head is None else head)
    if thing == things.target and things.whole:
        return _portions(things, things.whole.start, thing)
    owner = thing == things.target and head == thing + 1 and things.words[head] in OF_BODIES
    return 1 if owner else _named(things, thing)


def counting(things: Things, thing: int | None) -> tuple[int, ...]:
    """The words that say how many of a thing are asked for, where it is not one."""
    if count_of(things, thing) == 1:
        return ()
    if thing is None:
        near = list(things.doc)
    elif thing == things.target and things.whole:
        near = list(things.doc[: things.whole.start + 1])
    else:
        near = [*things.doc[thing].lefts, things.doc[thing]]
    said = SEVERAL | ONES
    return tuple(one.i for one in near if _number(one.lower_) or one.lower_ in said)


def find_joined(things: Things) -> list[int]:
    """The things that are asked for beside the target: "the mug and the spoon"."""
    found, joined, last = list[int](), 0, things.target
    if last is None:
        return found
    for token in things.doc[last + 1 :]:
        if token.i not in things.nouns or _joined_to(things, token) != things.target:
            continue
        if things.words[token.i] in WORN and things.words[last] not in WORN:
            break
        between = {*things.words[last + 1 : token.i]}
        if between & OTHERWISE or not between & (AND | {","}):
            break
        found.append(token.i)
        last = token.i
        joined = len(found) if between & AND else joined
    return found[:joined]


def _unnamed(things: Things, head: int) -> int | None:
    """Of a target without a noun: "the two on the left", "both", "all", "the right two"."""
    near = [head, *(child.i for child in things.doc[head].children)]
    words = {things.doc[at].lower_ for at in near if at <= head + 1}
    if things.next(head) == "from":  # "3 from left"
        return 1
    if "way" in words or (words & HUES and "all" in words):  # "all the way left", "all black"
        return 1
    numbers = [number for word in words if (number := _number(word)) is not None]
    if numbers:
        return numbers[0]
    return None if words & (ONES | SEVERAL) and not words & ONE else 1


def _named(things: Things, at: int) -> int | None:
    """Of a noun, by its form and the words before it."""
    token = things.doc[at]
    noun = token.lower_
    if noun in NUMBERS:
        return NUMBERS[noun]
    before = [child for child in token.children if child.i < at]
    plural = is_plural(noun) and token.pos_ in ("NOUN", "PROPN")
    if noun in BODY:
        return 1
    for child in before:
        number = _number(child.lower_)
        if number is not None and (
            plural or child.lower_ == "both" or _counts(things, child.i, at)
        ):
            return number
    words = {child.lower_ for child in before}
    if words & SEVERAL - NUMBERS.keys() and not _is_wholly(things, at, plural):
        return None
    if words & ONE:
        return 1
    return None if plural or noun in ONES else PAIRS.get(noun, 1)


def _portions(things: Things, head: int, whole: int) -> int | None:
    """Of "one of the zebras", "two pieces of cake", "a bunch of bananas"."""
    word = things.doc[head].lower_
    if word in ("one", "any"):
        return 1
    if word in PAIRS:
        return PAIRS[word] if is_plural(things.doc[whole].text) else 1
    if word in HEAPS:
        return _named(things, whole)
    return _number(word) if word in SEVERAL_OF else _named(things, head)


def _number(word: str) -> int | None:
    if word.isdecimal():
        return int(word) if 2 <= int(word) <= MOST else None
    return NUMBERS.get(word) or PAIRS.get(word)


def _counts(things: Things, number: int, noun: int) -> bool:
    """Whether a number before a singular counts it: "two sheep", not "three legged stool"."""
    if number + 1 != noun or things.words[noun].endswith("er"):
        return False
    last = noun + 1 == len(things.doc) or things.doc[noun + 1].pos_ not in ("NOUN", "VERB", "ADJ")
    return last or things.words[noun] in UNCHANGED


def _is_wholly(things: Things, at: int, plural: bool) -> bool:
    """Whether "all" says how much of one thing: "all white bus"."""
    return (
        not plural
        and "all" in things.words[:at]
        and things.previous(at) not in ("all", "the", "of")
    )


def _joined_to(things: Things, token: Token) -> int | None:
    """What a noun is coordinated with, past others that are joined and words of place."""
    if token.dep_ not in ("conj", "appos"):
        return None
    while token.i != things.target and token.head.i < token.i:
        placed = token.pos_ == "ADP" or things.names_nothing(token.i)
        if not placed and token.dep_ not in ("conj", "appos"):
            break
        token = token.head
    return token.i
