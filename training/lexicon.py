"""The words of the grammar, read from ``lexicon.txt`` and ``misspellings.txt`` beside it."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def _lines(name: str) -> list[str]:
    text = (HERE / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _sections(name: str) -> dict[str, list[str]]:
    """``[NAME]`` headings with the words under each."""
    found: dict[str, list[str]] = {}
    for line in _lines(name):
        if line.startswith("["):
            words = found.setdefault(line.strip("[]"), [])
        else:
            words.extend(line.split())
    return found


#: Lists of words by role: ``WORDS["PEOPLE"]``.
WORDS = _sections("lexicon.txt")
#: Misspelled forms by word.
MISSPELLED = {
    word: forms.split()
    for word, _, forms in (line.partition(":") for line in _lines("misspellings.txt"))
}


def __getattr__(name: str) -> list[str]:
    """``lexicon.PEOPLE`` is ``WORDS["PEOPLE"]``."""
    try:
        return WORDS[name]
    except KeyError as error:
        raise AttributeError(name) from error
