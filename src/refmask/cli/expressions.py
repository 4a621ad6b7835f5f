"""Expression files: the same reader for every command that takes ``--expressions FILE``.

Four forms, by the file's ending and contents:

- ``.txt``: one expression a line, blank lines skipped;
- ``.json``: a list, or an object whose ``expressions`` holds one;
- ``.jsonl``: one entry a line.

An entry is a string, or an object with ``expression`` (or ``raw``), and where the caller knows
better than the parser, a given parse (``words``, ``heads``, ``deps``, ``pos``; heads are
absolute) or a given ``noun_phrase``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refmask.errors import ExpressionError
from refmask.ops.reading import parse_json, read_text
from refmask.text.parser import PhraseParser
from refmask.text.words import is_nothing
from refmask.types import TargetPhrase

PARSE = ("words", "heads", "deps", "pos")


@dataclass(frozen=True)
class Parse:
    """A given dependency parse of T words; ``heads`` are absolute, a root is its own."""

    words: tuple[str, ...]
    heads: tuple[int, ...]
    deps: tuple[str, ...]
    pos: tuple[str, ...]


@dataclass(frozen=True)
class Expression:
    """One entry of an expression file.

    Attributes:
        text: the expression as written.
        parse: its parse, where given.
        noun_phrase: its noun phrase, where given.
    """

    text: str
    parse: Parse | None = None
    noun_phrase: str | None = None


def read_expressions(path: str | Path) -> list[Expression]:
    """The entries of an expression file, in order.

    Raises:
        ExpressionError: when the file is missing, too large, holds none, or an entry is wrong.
    """
    path = Path(path)
    text = read_text(path, "expressions", ExpressionError)
    if path.suffix == ".json":
        entries = _listed(path, parse_json(text, path, ExpressionError))
        placed = [(f"entry {number}", entry) for number, entry in enumerate(entries)]
    else:
        lines = [(f"line {n}", line) for n, line in enumerate(text.splitlines(), 1)]
        filled = [(where, line) for where, line in lines if not is_nothing(line)]
        if path.suffix == ".jsonl":
            placed = [
                (where, parse_json(line, f"{where} of {path}", ExpressionError))
                for where, line in filled
            ]
        else:
            placed = list(filled)
    if not placed:
        raise ExpressionError(f"expected expressions in {path}, got none; write one a line")
    return [_entry(path, where, entry) for where, entry in placed]


def target_phrases(expressions: Sequence[Expression], parser: PhraseParser) -> list[TargetPhrase]:
    """The target phrase of each entry.

    A given parse wins over the parser; a noun phrase given without a parse is taken as it is,
    with its last word for a head.
    """
    asked = [e for e in expressions if e.parse is None and e.noun_phrase is None]
    answers = iter(parser([e.text for e in asked]) if asked else [])
    found: list[TargetPhrase] = []
    for entry in expressions:
        if entry.parse is not None:
            given = entry.parse
            found.append(
                parser.from_parse(entry.text, given.words, given.heads, given.deps, given.pos)
            )
        elif entry.noun_phrase is not None:
            found.append(parser.from_phrase(entry.text, entry.noun_phrase))
        else:
            found.append(next(answers))
    return found


def _listed(path: Path, value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = value.get("expressions")
    if not isinstance(value, list):
        raise ExpressionError(
            f"expected a list in {path}, or an object with a list under 'expressions', got "
            f"{type(value).__name__}; see 'refmask phrases --help'"
        )
    return value


def _entry(path: Path, where: str, entry: Any) -> Expression:
    if isinstance(entry, str):
        return Expression(entry)
    if not isinstance(entry, dict):
        raise _wrong(path, where, "a string or an object", type(entry).__name__)
    text = entry.get("expression", entry.get("raw"))
    if not isinstance(text, str):
        raise _wrong(path, where, "text under 'expression'", repr(text))
    phrase = entry.get("noun_phrase")
    if phrase is not None and (not isinstance(phrase, str) or not phrase.strip()):
        raise _wrong(path, where, "text under 'noun_phrase'", repr(phrase))
    return Expression(text, _parse(path, where, entry), phrase)


def _parse(path: Path, where: str, entry: dict[str, Any]) -> Parse | None:
    given = [name for name in PARSE if name in entry]
    if not given:
        return None
    if len(given) < len(PARSE):
        raise _wrong(path, where, f"all of {', '.join(PARSE)}", f"only {', '.join(given)}")
    for name in PARSE:
        kind = int if name == "heads" else str
        values = entry[name]
        if not isinstance(values, list) or not all(type(value) is kind for value in values):
            raise _wrong(path, where, f"a list of {kind.__name__} under '{name}'", repr(values))
    return Parse(*(tuple(entry[name]) for name in PARSE))


def _wrong(path: Path, where: str, expected: str, came: str) -> ExpressionError:
    shown = came if len(came) <= 60 else came[:57] + "..."
    return ExpressionError(f"expected {expected} at {where} of {path}, got {shown}; correct it")
