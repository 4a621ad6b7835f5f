"""Parse and encode the phrases of waiting requests in one batch."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch

from refmask.evidence import texts_of
from refmask.segmenter import Segmenter
from refmask.types import TargetPhrase

#: Most expressions in a batch, unless a single request has more.
BATCH = 256


@dataclass(eq=False)
class Request:
    """Expressions of one request, and the future of their phrases."""

    expressions: list[str]
    result: asyncio.Future[list[TargetPhrase]]


class TextBatcher:
    """Parses and encodes expressions in its own thread, independent of images.

    No request waits to fill a batch: the next batch gathers while the current one runs.

    Args:
        observe: called with the number of expressions of each batch.
    """

    def __init__(self, observe: Callable[[int], object] = lambda _: None) -> None:
        self._observe = observe
        self._thread = ThreadPoolExecutor(1, "refmask-texts", torch.set_num_threads, (1,))
        self._waiting: deque[Request] = deque()
        self._task: asyncio.Task[None] | None = None

    async def parse(self, segmenter: Segmenter, expressions: Sequence[str]) -> list[TargetPhrase]:
        """Return the target phrases of expressions, and cache their text features.

        Raises:
            ExpressionError: when one of these expressions is invalid.
        """
        request = Request(list(expressions), asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if self._task is None:
            self._task = asyncio.create_task(self._work(segmenter))
        return await request.result

    def close(self) -> None:
        """End the thread after its current batch."""
        self._thread.shutdown(cancel_futures=True)

    async def _work(self, segmenter: Segmenter) -> None:
        try:
            while batch := self._next():
                await self._run_batch(segmenter, batch)
        finally:
            self._task = None

    def _next(self) -> list[Request]:
        """The oldest waiting requests that fit into a batch, without cancelled ones."""
        batch: list[Request] = []
        count = 0
        while self._waiting:
            request = self._waiting[0]
            if batch and count + len(request.expressions) > BATCH:
                break
            self._waiting.popleft()
            if not request.result.done():
                batch.append(request)
                count += len(request.expressions)
        return batch

    async def _run_batch(self, segmenter: Segmenter, batch: list[Request]) -> None:
        expressions = [text for request in batch for text in request.expressions]
        loop = asyncio.get_running_loop()
        try:
            phrases = await loop.run_in_executor(
                self._thread, parse_and_encode, segmenter, expressions
            )
        except Exception as error:
            if len(batch) == 1:
                _fail(batch[0], error)
                return
            for request in batch:  # one at a time: only the invalid one fails
                await self._run_batch(segmenter, [request])
            return
        self._observe(len(expressions))
        start = 0
        for request in batch:
            end = start + len(request.expressions)
            if not request.result.done():
                request.result.set_result(phrases[start:end])
            start = end


def _fail(request: Request, error: Exception) -> None:
    if not request.result.done():
        request.result.set_exception(error)


def parse_and_encode(segmenter: Segmenter, expressions: Sequence[str]) -> list[TargetPhrase]:
    """Parse expressions, and cache their text features for queries of scenes.

    Raises:
        ExpressionError: when an expression is invalid.
    """
    phrases = segmenter.parser(expressions)
    segmenter.cached.encode_text(texts_of(segmenter, phrases))
    return phrases
