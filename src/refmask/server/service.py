"""One server's parts: the system, the threads that do its work, and the scenes it holds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal, ParamSpec, TypeVar

import numpy as np
import torch

from refmask.ops.images import decode_image
from refmask.ops.polygons import polygons
from refmask.scene import Scene
from refmask.segmenter import Segmenter
from refmask.server.arriving import ASKS, LOOKS
from refmask.server.limits import Limits
from refmask.server.metrics import Metrics
from refmask.server.scene_cache import SceneCache
from refmask.server.searching import Search, Searcher
from refmask.server.text_batcher import TextBatcher, read_texts
from refmask.types import TargetPhrase

P = ParamSpec("P")
R = TypeVar("R")
State = Literal["loading", "failed", "ready", "stopping"]

#: Seconds between two looks for scenes whose time is over.
SWEEP = 30.0


class Service:
    """What the routes share.

    Args:
        segmenter: the system, or what loads it; it is then loaded in the background.
        limits: of one request and of all.
        index: opens the index that is searched, once the system is there.

    Attributes:
        failure: why the system could not be loaded.
        on_failure: called then.
        on_ready: called when it was loaded.
        inside: number of requests that were let in, by kind.
    """

    def __init__(
        self,
        segmenter: Segmenter | Callable[[], Segmenter],
        limits: Limits,
        index: Callable[[Segmenter], Searcher] | None = None,
    ) -> None:
        self.limits = limits
        self.index: Searcher | None = None
        self.failure: Exception | None = None
        self.on_failure: Callable[[], None] = lambda: None
        self.on_ready: Callable[[], None] = lambda: None
        self.stopping = False
        self.inside = {LOOKS: 0, ASKS: 0}
        self.scenes = SceneCache(limits.scenes, limits.scene_bytes, limits.scene_seconds)
        self.metrics = Metrics()
        self.reader = TextBatcher(self.metrics.texts.observe)
        # Threads of their own for each kind: an answer does not wait behind images.
        self._pools = {kind: self._pool(kind) for kind in self.inside}
        self._tell_gauges()
        self._given, self._open_index = segmenter, index
        self._segmenter: Segmenter | None = None
        if isinstance(segmenter, Segmenter):
            self.load()

    def _pool(self, kind: str) -> ThreadPoolExecutor:
        # Each image on the cores that are left for it: see evaluation/pipeline.py.
        each = max(1, torch.get_num_threads() // self.limits.workers)
        name = f"refmask-{kind}"
        return ThreadPoolExecutor(self.limits.workers, name, torch.set_num_threads, (each,))

    def _tell_gauges(self) -> None:
        tell = self.metrics.gauge
        tell("refmask_scenes", "Scenes held.", lambda: len(self.scenes))
        tell("refmask_scene_bytes", "Bytes of all held scenes.", lambda: self.scenes.size)
        for kind in self.inside:
            about, waiting = "Requests that wait for a worker.", partial(self._waiting, kind)
            tell("refmask_queue_length", about, waiting, kind=kind)

    def _waiting(self, kind: str) -> int:
        return max(0, self.inside[kind] - self.limits.workers)

    @property
    def segmenter(self) -> Segmenter:
        """The system; only where ``closed`` is None."""
        assert self._segmenter is not None
        return self._segmenter

    @property
    def state(self) -> State:
        """What the server can do."""
        if self.stopping:
            return "stopping"
        if self.failure is not None:
            return "failed"
        return "loading" if self._segmenter is None else "ready"

    def closed(self) -> str | None:
        """Why nothing can be answered now; None when it can."""
        return {
            "loading": "the model is still loading; come again in a few seconds",
            "failed": "the model could not be loaded, and the server's log says why",
            "stopping": "the server stops; come again when it has started anew",
        }.get(self.state)

    def load(self) -> None:
        """Load the system and the index."""
        try:
            given = self._given
            segmenter = given if isinstance(given, Segmenter) else given()
            # What is loaded when it is first needed takes a second, which no request should.
            read_texts(segmenter, ["the first phrase"])
            polygons(np.ones((1, 1), np.bool_))
            _ = segmenter.provenance
            if self._open_index is not None:
                self.index = self._open_index(segmenter)
            self._segmenter = segmenter
        except Exception as error:  # of whatever kind: ``serving.run`` raises it
            self.failure = error
            self.on_failure()
        else:
            self.on_ready()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load in the background on the way in; end all threads on the way out."""
        tasks = [asyncio.create_task(self._sweep())]
        if self._segmenter is None:
            tasks.append(asyncio.create_task(asyncio.to_thread(self.load)))
        try:
            yield
        finally:
            self.stopping = True
            tasks[0].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.close()

    def close(self) -> None:
        """End all threads, once they have done what they do."""
        self.reader.close()
        for pool in self._pools.values():
            pool.shutdown(cancel_futures=True)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(min(SWEEP, self.limits.scene_seconds))
            self.scenes.sweep()

    async def run(self, kind: str, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do some work in a thread of its kind; what nobody waits for any more is not begun."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pools[kind], partial(work, *args, **kwargs))

    async def look(self, read: Callable[[], bytes]) -> Scene:
        """Look at an image.

        Args:
            read: gives its file, when its turn has come.

        Raises:
            ImageError: when it is none, or too large.
        """

        def look() -> Scene:
            return self.segmenter.look(decode_image(read(), most=self.limits.pixels))

        return await self.run(LOOKS, look)

    async def read(self, expressions: Sequence[str]) -> list[TargetPhrase]:
        """The target phrases of expressions, read together with those of other requests."""
        return await self.reader.read(self.segmenter, expressions)

    async def search(self, searcher: Searcher, asked: Search) -> bytes:
        """The regions of the index that answer a phrase, as JSON of ``Hits``."""
        return await self.run(ASKS, searcher, asked)
