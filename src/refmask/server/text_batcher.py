"""Phrases of requests that wait together are parsed and encoded in one batch."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch

from refmask.clip import ClipBackbone
from refmask.methods import Method
from refmask.methods.global_local import GlobalLocal
from refmask.segmenter import Segmenter
from refmask.types import TargetPhrase

#: Expressions in a batch, unless a single request has more.
MOST = 256


@dataclass(eq=False)
class Asked:
    """Expressions of one request, and where their phrases are awaited."""

    expressions: list[str]
    told: asyncio.Future[list[TargetPhrase]]


class Reader:
    """Reads expressions in a thread of its own, so that no picture holds them up.

    Nobody is made to wait for company: while one batch is read, the next one gathers.

    Args:
        counted: told the number of expressions of each batch.
    """

    def __init__(self, counted: Callable[[int], object] = lambda _: None) -> None:
        self._counted = counted
        self._thread = ThreadPoolExecutor(1, "refmask-texts", torch.set_num_threads, (1,))
        self._waiting: deque[Asked] = deque()
        self._task: asyncio.Task[None] | None = None

    async def read(self, segmenter: Segmenter, expressions: Sequence[str]) -> list[TargetPhrase]:
        """The target phrases of some expressions; their text features are ready afterwards.

        Raises:
            ExpressionError: when one cannot be used. Others' faults are theirs alone.
        """
        asked = Asked(list(expressions), asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        if self._task is None:
            self._task = asyncio.create_task(self._work(segmenter))
        return await asked.told

    def close(self) -> None:
        """End the thread, once it has done what it does."""
        self._thread.shutdown(cancel_futures=True)

    async def _work(self, segmenter: Segmenter) -> None:
        try:
            while batch := self._next():
                await self._read_batch(segmenter, batch)
        finally:
            self._task = None

    def _next(self) -> list[Asked]:
        """Those that wait longest, as many as a batch takes; whoever gave up is left out."""
        batch: list[Asked] = []
        count = 0
        while self._waiting:
            asked = self._waiting[0]
            if batch and count + len(asked.expressions) > MOST:
                break
            self._waiting.popleft()
            if not asked.told.done():
                batch.append(asked)
                count += len(asked.expressions)
        return batch

    async def _read_batch(self, segmenter: Segmenter, batch: list[Asked]) -> None:
        expressions = [text for asked in batch for text in asked.expressions]
        loop = asyncio.get_running_loop()
        try:
            phrases = await loop.run_in_executor(self._thread, read_texts, segmenter, expressions)
        except Exception as error:
            if len(batch) == 1:
                _fail(batch[0], error)
                return
            for asked in batch:  # whose fault it was, each finds out alone
                await self._read_batch(segmenter, [asked])
            return
        self._counted(len(expressions))
        start = 0
        for asked in batch:
            end = start + len(asked.expressions)
            if not asked.told.done():
                asked.told.set_result(phrases[start:end])
            start = end


def _fail(asked: Asked, error: Exception) -> None:
    if not asked.told.done():
        asked.told.set_exception(error)


def read_texts(segmenter: Segmenter, expressions: Sequence[str]) -> list[TargetPhrase]:
    """Target phrases, their texts encoded together: scenes then find the features known.

    Raises:
        ExpressionError: when an expression cannot be used.
    """
    phrases = segmenter.parser(expressions)
    encoder = segmenter.method.encoder
    if isinstance(encoder, ClipBackbone):
        encoder.encode_text(texts_of(segmenter.method, phrases))
    return phrases


def texts_of(method: Method, phrases: Sequence[TargetPhrase]) -> list[str]:
    """The texts that a method encodes to score phrases: of the baselines, whole expressions."""
    texts = [phrase.text for phrase in phrases]
    if isinstance(method, GlobalLocal):
        texts += [phrase.noun_phrase for phrase in phrases]
    return texts
