"""The service behind the routes: the segmenter, worker threads, and the scene cache."""

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
from refmask.server.admission import ENCODE, QUERY
from refmask.server.limits import Limits
from refmask.server.metrics import Metrics
from refmask.server.scene_cache import SceneCache
from refmask.server.searching import Search, Searcher
from refmask.server.text_batcher import TextBatcher, parse_and_encode
from refmask.types import TargetPhrase

P = ParamSpec("P")
R = TypeVar("R")
State = Literal["loading", "failed", "ready", "stopping"]

#: Seconds between two deletions of expired scenes.
SWEEP = 30.0


class Service:
    """What the routes share.

    Args:
        segmenter: the system, or a function that loads it in the background.
        limits: of one request and of all together.
        index: opens the index for searches, once the segmenter is loaded.

    Attributes:
        failure: why loading failed.
        on_failure: called when loading failed.
        on_ready: called when loading is done.
        active: number of admitted, unanswered requests by kind.
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
        self.active = {ENCODE: 0, QUERY: 0}
        self.scenes = SceneCache(limits.scenes, limits.scene_bytes, limits.scene_seconds)
        self.metrics = Metrics()
        self.batcher = TextBatcher(self.metrics.texts.observe)
        # Each kind has its own threads: queries do not wait for images.
        self._pools = {kind: self._pool(kind) for kind in self.active}
        self._register_gauges()
        self._load_segmenter, self._open_index = segmenter, index
        self._segmenter: Segmenter | None = None
        if isinstance(segmenter, Segmenter):
            self.load()

    def _pool(self, kind: str) -> ThreadPoolExecutor:
        # Workers share the cores, as in evaluation/pipeline.py.
        each = max(1, torch.get_num_threads() // self.limits.workers)
        name = f"refmask-{kind}"
        return ThreadPoolExecutor(self.limits.workers, name, torch.set_num_threads, (each,))

    def _register_gauges(self) -> None:
        gauge = self.metrics.gauge
        gauge("refmask_scenes", "Cached scenes.", lambda: len(self.scenes))
        gauge("refmask_scene_bytes", "Bytes of all cached scenes.", lambda: self.scenes.size)
        for kind in self.active:
            about, waiting = "Requests that wait for a worker.", partial(self._waiting, kind)
            gauge("refmask_queue_length", about, waiting, kind=kind)

    def _waiting(self, kind: str) -> int:
        return max(0, self.active[kind] - self.limits.workers)

    @property
    def segmenter(self) -> Segmenter:
        """The loaded segmenter; only valid while ``closed()`` is None."""
        assert self._segmenter is not None
        return self._segmenter

    @property
    def state(self) -> State:
        """The state of the server."""
        if self.stopping:
            return "stopping"
        if self.failure is not None:
            return "failed"
        return "loading" if self._segmenter is None else "ready"

    def closed(self) -> str | None:
        """Why the server cannot answer now, else None."""
        return {
            "loading": "the model is still loading; try again in a few seconds",
            "failed": "the model could not be loaded; the server's log says why",
            "stopping": "the server is stopping; try again when it has restarted",
        }.get(self.state)

    def load(self) -> None:
        """Load the segmenter and the index."""
        try:
            source = self._load_segmenter
            segmenter = source if isinstance(source, Segmenter) else source()
            # Warm up what is loaded on first use, which takes a second.
            parse_and_encode(segmenter, ["the first phrase"])
            polygons(np.ones((1, 1), np.bool_))
            _ = segmenter.provenance
            if self._open_index is not None:
                self.index = self._open_index(segmenter)
            self._segmenter = segmenter
        except Exception as error:  # ``serving.run`` raises it
            self.failure = error
            self.on_failure()
        else:
            self.on_ready()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load in the background at the start; end all threads at the end."""
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
        """End all threads after their current work."""
        self.batcher.close()
        for pool in self._pools.values():
            pool.shutdown(cancel_futures=True)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(min(SWEEP, self.limits.scene_seconds))
            self.scenes.sweep()

    async def run(self, kind: str, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run work in a thread of its kind; cancelled work does not start."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pools[kind], partial(work, *args, **kwargs))

    async def encode(self, read: Callable[[], bytes]) -> Scene:
        """Encode an image.

        Args:
            read: returns the image file; called in the worker thread.

        Raises:
            ImageError: when it is not an image, or too large.
        """

        def encode() -> Scene:
            return self.segmenter.look(decode_image(read(), most=self.limits.pixels))

        return await self.run(ENCODE, encode)

    async def parse(self, expressions: Sequence[str]) -> list[TargetPhrase]:
        """The target phrases of expressions, batched with those of other requests."""
        return await self.batcher.parse(self.segmenter, expressions)

    async def search(self, searcher: Searcher, query: Search) -> bytes:
        """Search the index; returns JSON of ``Hits``."""
        return await self.run(QUERY, searcher, query)
