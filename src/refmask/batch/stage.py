"""The stage: all that is asked about one image, answered in one look."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from refmask.answer import Segmentation
from refmask.batch.places import read
from refmask.batch.plan import Ask
from refmask.batch.rows import Row, answer_row, failed_row
from refmask.errors import ExpressionError, InputError, RefmaskError
from refmask.ops.images import decode_image
from refmask.scene import Scene
from refmask.segmenter import Segmenter
from refmask.types import TargetPhrase

#: Phrases asked about every image are encoded once while they are so few: all of them then stay
#: in the model's memory, and it does not matter which image comes first.
KEPT = 4000

#: An expression as it was read, or why it cannot be.
Heard = TargetPhrase | str


@dataclass(frozen=True)
class Stage:
    """Answers an image at a time; threads may share it.

    Attributes:
        segmenter: looks and answers.
        phrases: what every image is asked, where each has no expressions of its own.
    """

    segmenter: Segmenter
    phrases: tuple[TargetPhrase, ...] | None = None

    def __call__(self, ask: Ask) -> list[Row]:
        """The rows of an image, one for each expression; those that failed say why.

        Raises:
            RefmaskError: for what is not the image's or an expression's fault, such as a store
                that cannot be written.
        """
        try:
            return self._answer(ask)
        except RefmaskError:
            raise
        except Exception as error:  # one strange image must not end the work on a million
            fault = " ".join(f"unexpected {type(error).__name__}: {error}".split())
            return self._failed(ask, None, fault)

    def _answer(self, ask: Ask) -> list[Row]:
        sha256 = None
        try:
            content = read(ask.image)
            sha256 = hashlib.sha256(content).hexdigest()
            scene = self.segmenter.look(decode_image(content, ask.image))
        except InputError as error:
            return self._failed(ask, sha256, str(error))
        answers = self._find(scene, self._hear(ask))
        return [
            failed_row(ask.image, sha256, number, expression, answer)
            if isinstance(answer, str)
            else answer_row(ask.image, sha256, number, answer)
            for number, (expression, answer) in enumerate(
                zip(self._asked(ask), answers, strict=True)
            )
        ]

    def _asked(self, ask: Ask) -> tuple[str, ...]:
        if ask.expressions is not None:
            return ask.expressions
        return tuple(phrase.expression for phrase in self.phrases or ())

    def _failed(self, ask: Ask, sha256: str | None, error: str) -> list[Row]:
        return [
            failed_row(ask.image, sha256, number, expression, error)
            for number, expression in enumerate(self._asked(ask))
        ]

    def _hear(self, ask: Ask) -> list[Heard]:
        if ask.expressions is None:
            return list(self.phrases or ())
        return self._parse(list(ask.expressions))

    def _parse(self, expressions: list[str]) -> list[Heard]:
        """All at once; one by one where one of them is faulty."""
        try:
            return list(self.segmenter.parser(expressions))
        except ExpressionError as error:
            if len(expressions) == 1:
                return [str(error)]
            return [heard for one in expressions for heard in self._parse([one])]

    def _find(self, scene: Scene, heard: list[Heard]) -> list[Segmentation | str]:
        """An answer to each that was understood; why there is none to others."""
        phrases = [phrase for phrase in heard if isinstance(phrase, TargetPhrase)]
        found = iter(_find(scene, phrases, self.phrases is not None and len(self.phrases) <= KEPT))
        return [phrase if isinstance(phrase, str) else next(found) for phrase in heard]


def _find(scene: Scene, phrases: list[TargetPhrase], cached: bool) -> list[Segmentation | str]:
    """All at once; one by one where one of them is too long for the model.

    Other phrases than those that every image is asked pass the cache by: a text's features differ
    by rounding with the texts beside it, and a row must not tell what came before it.
    """
    try:
        text = None if cached else scene.segmenter.method.encode_text(phrases)
        return list(scene.find_phrases(phrases, text))
    except ExpressionError as error:
        if len(phrases) == 1:
            return [str(error)]
        return [found for one in phrases for found in _find(scene, [one], cached)]
