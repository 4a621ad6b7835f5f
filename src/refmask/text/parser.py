"""From a referring expression to the noun phrase that names its target (supplement A).

The paper's rule: among the parser's noun phrases take the one that contains the sentence's
root; if the root is a verb, take its child noun as the root; if no noun phrase contains it,
take the whole sentence. Expressions are mostly fragments ("left guy in red"), so the embedded
pipeline is trained for them (``assets/parser/card.md``).

This is the only file that imports spaCy, and only once a parser is really needed.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from refmask.errors import ConfigurationError, ExpressionError, MissingResource
from refmask.ops.reading import is_folder
from refmask.text.reader import read, unparsed
from refmask.text.words import (
    bad_parse,
    check_tree,
    checked_expression,
    find_words,
    join_clitics,
    split_glued,
)
from refmask.types import TargetPhrase

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, Span, Token

EMBEDDED = "embedded"
EMBEDDED_FOLDER = Path(__file__).parents[1] / "assets" / "parser"

NOMINAL = frozenset({"NOUN", "PROPN", "PRON", "NUM"})  # NUM: "one of the cars is red"
SUBJECTS = ("nsubj", "nsubjpass")
OBJECTS = ("attr", "dobj", "oprd", "dative")
#: Clauses and loosely joined parts in which the target may be named, nearest first.
CLAUSES = ("xcomp", "ccomp", "appos", "conj", "parataxis", "advcl", "dep")
#: Speakers and pointers, never the target while a noun is there: "I think ...", "that was it".
POINTERS = frozenset(
    {"i", "you", "u", "we", "me", "us", "it", "this", "that", "these", "those", "there", "here"}
    | {"what", "who", "which"}
)
#: Words before a noun phrase that the parser may hang on its noun, but that describe nothing.
FILLERS = frozenset({"intj", "punct", "cc", "neg", "preconj", "discourse", "mark"})


class PhraseParser:
    """Finds the target noun phrase of referring expressions.

    Args:
        pipeline: ``"embedded"`` for the shipped pipeline, or the name or folder of any installed
            spaCy pipeline with a tagger and a dependency parser (the paper: "en_core_web_lg").
        reference: follow the reference implementation to the letter (quirks 15 and 17): text
            lower-cased and re-tokenised, the last root wins whatever it is, and only its first
            child is tried.

    Raises:
        MissingResource: when the pipeline is not installed.
        ConfigurationError: when it does not say what noun phrases need.
    """

    def __init__(self, pipeline: str = EMBEDDED, *, reference: bool = False) -> None:
        self.pipeline = pipeline
        self.reference = reference
        self._source = _locate(pipeline)
        #: spaCy's pipelines serve one thread at a time.
        self._alone = Lock()

    def __repr__(self) -> str:
        """One line: the pipeline, and by whose rules."""
        return f"<PhraseParser {self.pipeline!r}{', reference' if self.reference else ''}>"

    def __call__(self, expressions: Sequence[str]) -> list[TargetPhrase]:
        """The target phrase of each expression, in order.

        Raises:
            ExpressionError: when one is empty, longer than 2,000 characters, or no text.
        """
        return [self._answer(sentence, doc) for sentence, doc in self._parse(expressions)]

    def count_nouns(self, expressions: Sequence[str]) -> list[int]:
        """How many common and proper nouns each expression has; raises as a call does."""
        parsed = self._parse(expressions)
        return [sum(token.pos_ in ("NOUN", "PROPN") for token in doc) for _, doc in parsed]

    def from_parse(
        self,
        expression: str,
        words: Sequence[str],
        heads: Sequence[int],
        deps: Sequence[str],
        pos: Sequence[str],
    ) -> TargetPhrase:
        """The target phrase of an expression whose parse is given.

        Args:
            expression: as the user wrote it.
            words: its T tokens.
            heads: T absolute indices; a root is its own head.
            deps: T dependency labels, as spaCy's English pipelines name them.
            pos: T coarse parts of speech ("NOUN", "VERB", ...).

        Raises:
            ExpressionError: when these do not form a parse.
        """
        sentence = self._read(expression)
        check_tree(expression, len(words), heads, deps, pos)
        try:
            doc = _doc(self._language, words, heads=list(heads), deps=list(deps), pos=list(pos))
        except (ValueError, TypeError) as error:
            raise bad_parse(expression, str(error).partition("\n")[0]) from error
        places = () if self.reference else tuple(find_words(sentence.text, words))
        return self._answer(sentence._replace(places=places), doc)

    def from_phrase(self, expression: str, noun_phrase: str) -> TargetPhrase:
        """The target phrase of an expression whose noun phrase is given: taken as it is.

        Its last word counts as its head.
        """
        phrase = " ".join(checked_expression(noun_phrase).split())
        text = self._read(expression).text
        reading = unparsed(text, phrase)
        return TargetPhrase(expression, text, phrase, phrase.rpartition(" ")[2], reading)

    def _parse(self, expressions: Sequence[str]) -> list[tuple[_Sentence, Doc]]:
        """Each expression with its parse, in order."""
        if isinstance(expressions, str):
            raise ExpressionError(
                "expected a list of expressions, got one string; put it in a list"
            )
        with self._alone:
            sentences = [self._read(expression) for expression in expressions]
            docs = [_doc(self._language, sentence.words) for sentence in sentences]
            return list(zip(sentences, self._language.pipe(docs, batch_size=256), strict=True))

    def _read(self, expression: str) -> _Sentence:
        """Check one expression; split it into tokens."""
        text = checked_expression(expression)
        if self.reference:  # quirk 15
            tokens = [token.text for token in self._language.make_doc(text.lower())]
            words = tuple(word for word in tokens if word != " ")
            return _Sentence(expression, " ".join(words), words, ())
        text = " ".join(text.split())
        split = [(token.text, token.idx) for token in self._language.make_doc(text)]
        places = tuple(split_glued(text, join_clitics(split)))
        words = tuple("".join(text[place].lower().split()) for place in places)
        return _Sentence(expression, text, words, places)

    def _answer(self, sentence: _Sentence, doc: Doc) -> TargetPhrase:
        """Apply the rule to a parsed sentence and cut the phrase out of its text."""
        span = _reference_phrase(doc) if self.reference else _target_phrase(doc)
        if self.reference:
            phrase = sentence.text if span is None else span.text
            head = sentence.text if span is None else span.root.text
            reading = unparsed(sentence.text, phrase)
            return TargetPhrase(sentence.expression, sentence.text, phrase, head, reading)
        reading = read(doc, None if span is None else span.root.i)
        text, places = sentence.text, sentence.places
        words = tuple((place.start, place.stop) for place in places)
        if span is None:
            head = text[places[_fallback(doc).i]]
            return TargetPhrase(sentence.expression, text, text, head, reading, words)
        phrase = text[places[span.start].start : places[span.end - 1].stop]
        head = text[places[span.root.i]]
        return TargetPhrase(sentence.expression, text, phrase, head, reading, words)

    @cached_property
    def _language(self) -> Language:
        try:
            language: Language = _spacy().load(self._source)
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise _missing(self.pipeline) from error
        if language.lang != "en" or "parser" not in language.pipe_names:
            raise ConfigurationError(
                f"expected an English pipeline with a dependency parser, got {self.pipeline!r} "
                f"(language {language.lang!r}, parts {language.pipe_names}); use {EMBEDDED!r}"
            )
        return language


class _Sentence(NamedTuple):
    """An expression as written, as the text encoder reads it, its tokens and where they lie."""

    expression: str
    text: str
    words: tuple[str, ...]
    places: tuple[slice, ...]


def _target_phrase(doc: Doc) -> Span | None:
    """Supplement A, with its gaps filled; None for the whole expression.

    Roots are tried in reading order, since expressions name the target before they add to it.
    A negated noun ("not the zebra, the horse") and a pointer ("that was it ... man in the
    center") are taken only when nothing else is there.
    """
    found = [noun for root in _roots(doc) for noun in _nouns(root)]
    if not found:
        return None
    noun = min(found, key=_doubt)  # min keeps the first among equals
    chunk = next((c for c in doc.noun_chunks if c.start <= noun.i < c.end), None)
    if chunk is None or chunk.root.i != noun.i:
        chunk = doc[noun.left_edge.i : noun.i + 1]
    start = chunk.start
    while start < noun.i and doc[start].dep_ in FILLERS and doc[start].head.i == noun.i:
        start += 1
    return doc[start : noun.i + 1]


def _nouns(root: Token) -> Iterator[Token]:
    """The nouns that a root may stand for: itself, or a verb's subject, object, clause.

    A word with a subject serves as a verb, whatever its tag says ("a cat lays on a couch").
    """
    waiting = [root]
    while waiting:
        token = waiting.pop()
        nominal = token.pos_ in NOMINAL and not _has_subject(token)
        if nominal and token.dep_ != "intj":
            yield token
            if _doubt(token) == 0:
                continue
        wanted = SUBJECTS + CLAUSES if nominal else SUBJECTS + OBJECTS + CLAUSES
        found = [child for dep in wanted for child in token.children if child.dep_ == dep]
        waiting.extend(reversed(found))


def _doubt(noun: Token) -> int:
    """How unlikely a noun is the target: 0 a noun, 1 a pointer, 2 a negated noun."""
    if any(child.dep_ == "neg" for child in (*noun.children, *_verb_children(noun))):
        return 2
    return 1 if noun.lower_ in POINTERS else 0


def _verb_children(noun: Token) -> list[Token]:
    """What hangs on the verb whose object the noun is, where that verb gives an order."""
    verb = noun.head
    return [] if noun.dep_ not in OBJECTS or _has_subject(verb) else list(verb.children)


def _has_subject(token: Token) -> bool:
    return any(child.dep_ in SUBJECTS for child in token.children)


def _reference_phrase(doc: Doc) -> Span | None:
    """Quirk 17: the last root wins; outside every chunk only its first child is tried."""
    *_, root = _roots(doc)
    chunks = list(doc.noun_chunks)
    for token in (root, *list(root.children)[:1]):
        for chunk in chunks:
            if chunk.start <= token.i < chunk.end:
                return chunk
    return None


def _fallback(doc: Doc) -> Token:
    """The head word of a whole expression: its first root; "left" of "on the left"."""
    token = next((root for root in _roots(doc) if not root.is_punct), doc[0])
    while token.pos_ == "ADP":
        inner = next((child for child in token.children if child.dep_ in ("pobj", "prep")), None)
        if inner is None:
            break
        token = inner
    return token


def _roots(doc: Doc) -> Iterator[Token]:
    return (token for token in doc if token.head.i == token.i)


def _doc(language: Language, words: Sequence[str], **parse: Any) -> Doc:
    from spacy.tokens import Doc

    return Doc(language.vocab, words=list(words), **parse)


def _locate(pipeline: str) -> str | Path:
    """The folder or package of a pipeline, found without importing spaCy."""
    if pipeline == EMBEDDED:
        return EMBEDDED_FOLDER
    if not isinstance(pipeline, str) or not pipeline:
        raise _missing(pipeline)
    if is_folder(Path(pipeline)):
        return Path(pipeline)
    if pipeline.isidentifier() and importlib.util.find_spec(pipeline) is not None:
        return pipeline
    raise _missing(pipeline)


def _missing(pipeline: str) -> MissingResource:
    if pipeline == EMBEDDED:
        return MissingResource(
            f"expected the embedded pipeline in {EMBEDDED_FOLDER}, got none that can be read; "
            "install refmask anew"
        )
    return MissingResource(
        f"expected the name or folder of an installed spaCy pipeline, got {pipeline!r}; install "
        f"it with 'python -m spacy download {pipeline}', or use {EMBEDDED!r}, which is shipped"
    )


def _spacy() -> ModuleType:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        import spacy
    return spacy
