"""Read expression files for every command with ``--expressions FILE``.

The file's ending selects the format:

- ``.json``: a list, or an object with a list under ``expressions``;
- ``.jsonl``: one entry per line;
- any other (``.txt``): one expression per line; blank lines are skipped.

An entry is a string, or an object with ``expression`` (or ``raw``) and optionally a dependency
parse (``words``, ``heads``, ``deps``, ``pos``; heads are absolute) or a ``noun_phrase``, which
replace the parser's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refmask.errors import ExpressionError
from refmask.ops.reading import parse_json, read_text
from refmask.text.parser import PhraseParser
from refmask.text.words import checked_expression, is_nothing
from refmask.types import TargetPhrase

PARSE = ("words", "heads", "deps", "pos")


@dataclass(frozen=True)
class Parse:
    """A dependency parse of T words; ``heads`` are absolute indices, a root is its own head."""

    words: tuple[str, ...]
    heads: tuple[int, ...]
    deps: tuple[str, ...]
    pos: tuple[str, ...]


@dataclass(frozen=True)
class Expression:
    """One entry of an expression file.

    Attributes:
        text: the expression as written.
        parse: from the file, if any.
        noun_phrase: from the file, if any.
    """

    text: str
    parse: Parse | None = None
    noun_phrase: str | None = None


def read_expressions(path: str | Path) -> list[Expression]:
    """The entries of an expression file, in order.

    Raises:
        ExpressionError: when the file is missing, too large or empty, or an entry is invalid.
    """
    path = Path(path)
    text = read_text(path, "expressions", ExpressionError)
    if path.suffix == ".json":
        entries = _listed(path, parse_json(text, path, ExpressionError))
        located = [(f"entry {number}", entry) for number, entry in enumerate(entries)]
    else:
        lines = [(f"line {n}", line) for n, line in enumerate(text.splitlines(), 1)]
        filled = [(where, line) for where, line in lines if not is_nothing(line)]
        if path.suffix == ".jsonl":
            located = [
                (where, parse_json(line, f"{where} of {path}", ExpressionError))
                for where, line in filled
            ]
        else:
            located = list(filled)
    if not located:
        raise ExpressionError(f"{path} holds no expressions; write one per line")
    return [_entry(path, where, entry) for where, entry in located]


def target_phrases(expressions: Sequence[Expression], parser: PhraseParser) -> list[TargetPhrase]:
    """The target phrase of each entry.

    An entry's parse replaces the parser's; a noun phrase without a parse is used unchanged, with
    its last word as head.
    """
    unparsed = [e.text for e in expressions if e.parse is None and e.noun_phrase is None]
    parsed = iter(parser(unparsed) if unparsed else [])
    phrases: list[TargetPhrase] = []
    for entry in expressions:
        if entry.parse is not None:
            parse = entry.parse
            phrases.append(
                parser.from_parse(entry.text, parse.words, parse.heads, parse.deps, parse.pos)
            )
        elif entry.noun_phrase is not None:
            phrases.append(parser.from_phrase(entry.text, entry.noun_phrase))
        else:
            phrases.append(next(parsed))
    return phrases


def _listed(path: Path, value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = value.get("expressions")
    if not isinstance(value, list):
        raise ExpressionError(
            f"{path} is not a list, nor an object with a list under 'expressions'; see "
            "'refmask phrases --help'"
        )
    return value


def _entry(path: Path, where: str, entry: Any) -> Expression:
    if isinstance(entry, str):
        return Expression(_checked(path, where, entry))
    if not isinstance(entry, dict):
        raise _wrong(path, where, "a string or an object", type(entry).__name__)
    text = entry.get("expression", entry.get("raw"))
    if not isinstance(text, str):
        raise _wrong(path, where, "text under 'expression'", repr(text))
    phrase = entry.get("noun_phrase")
    if phrase is not None and (not isinstance(phrase, str) or is_nothing(phrase)):
        raise _wrong(path, where, "text under 'noun_phrase'", repr(phrase))
    return Expression(_checked(path, where, text), _parse(path, where, entry), phrase)


def _checked(path: Path, where: str, text: str) -> str:
    try:
        return checked_expression(text)
    except ExpressionError as error:
        raise ExpressionError(f"{where} of {path}: {error}") from None


def _parse(path: Path, where: str, entry: dict[str, Any]) -> Parse | None:
    present = [name for name in PARSE if name in entry]
    if not present:
        return None
    if len(present) < len(PARSE):
        raise _wrong(path, where, f"all of {', '.join(PARSE)}", f"only {', '.join(present)}")
    for name in PARSE:
        kind = int if name == "heads" else str
        values = entry[name]
        if not isinstance(values, list) or not all(type(value) is kind for value in values):
            raise _wrong(path, where, f"a list of {kind.__name__} under '{name}'", repr(values))
    return Parse(*(tuple(entry[name]) for name in PARSE))


def _wrong(path: Path, where: str, expected: str, value: str) -> ExpressionError:
    shown = value if len(value) <= 60 else value[:57] + "..."
    return ExpressionError(f"{where} of {path} has {shown}; write {expected}")
