"""Phrases of requests that wait together are parsed and encoded in one batch."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch

from refmask.segmenter import Segmenter
from refmask.types import TargetPhrase

#: Expressions in a batch, unless a single request has more.
MOST = 256


@dataclass(eq=False)
class Request:
    """Expressions of one request, and where their phrases are awaited."""

    expressions: list[str]
    told: asyncio.Future[list[TargetPhrase]]


class TextBatcher:
    """Reads expressions in a thread of its own, so that no image holds them up.

    Nobody is made to wait for company: while one batch is read, the next one gathers.

    Args:
        counted: told the number of expressions of each batch.
    """

    def __init__(self, counted: Callable[[int], object] = lambda _: None) -> None:
        self._counted = counted
        self._thread = ThreadPoolExecutor(1, "refmask-texts", torch.set_num_threads, (1,))
        self._waiting: deque[Request] = deque()
        self._task: asyncio.Task[None] | None = None

    async def read(self, segmenter: Segmenter, expressions: Sequence[str]) -> list[TargetPhrase]:
        """The target phrases of some expressions; their text features are ready afterwards.

        Raises:
            ExpressionError: when one cannot be used. Others' faults are theirs alone.
        """
        request = Request(list(expressions), asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if self._task is None:
            self._task = asyncio.create_task(self._work(segmenter))
        return await request.told

    def close(self) -> None:
        """End the thread, once it has done what it does."""
        self._thread.shutdown(cancel_futures=True)

    async def _work(self, segmenter: Segmenter) -> None:
        try:
            while batch := self._next():
                await self._read_batch(segmenter, batch)
        finally:
            self._task = None

    def _next(self) -> list[Request]:
        """Those that wait longest, as many as a batch takes; whoever gave up is left out."""
        batch: list[Request] = []
        count = 0
        while self._waiting:
            request = self._waiting[0]
            if batch and count + len(request.expressions) > MOST:
                break
            self._waiting.popleft()
            if not request.told.done():
                batch.append(request)
                count += len(request.expressions)
        return batch

    async def _read_batch(self, segmenter: Segmenter, batch: list[Request]) -> None:
        expressions = [text for request in batch for text in request.expressions]
        loop = asyncio.get_running_loop()
        try:
            phrases = await loop.run_in_executor(self._thread, read_texts, segmenter, expressions)
        except Exception as error:
            if len(batch) == 1:
                _fail(batch[0], error)
                return
            for request in batch:  # whose fault it was, each finds out alone
                await self._read_batch(segmenter, [request])
            return
        self._counted(len(expressions))
        start = 0
        for request in batch:
            end = start + len(request.expressions)
            if not request.told.done():
                request.told.set_result(phrases[start:end])
            start = end


def _fail(request: Request, error: Exception) -> None:
    if not request.told.done():
        request.told.set_exception(error)


def read_texts(segmenter: Segmenter, expressions: Sequence[str]) -> list[TargetPhrase]:
    """Target phrases, encoded together; scenes find their features in the cache.

    Raises:
        ExpressionError: when an expression cannot be used.
    """
    phrases = segmenter.parser(expressions)
    segmenter.cached.encode_text(phrases)
    return phrases
