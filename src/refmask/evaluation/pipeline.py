"""Process several images at once, one core each, with results in order.

One thread does all of an image's work, from decoding to counting. The cores stay busier than with
one image on all of them: decoding, parsing and counting overlap, and matrix products need not wait
for each other. Since sums are added in an order that depends on the number of threads, one thread
each also makes results independent of the number of workers and of the machine's cores.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")

#: Default limits on images at once: each needs its own memory, on a GPU the GPU's.
MAX_WORKERS, MAX_GPU_WORKERS = 16, 4
#: Items in flight per worker, which bounds the results that wait in memory.
LOOKAHEAD = 4


def default_workers() -> int:
    """Images at once when not set: one per core that torch may use, up to a limit."""
    limit = MAX_GPU_WORKERS if torch.cuda.is_available() else MAX_WORKERS
    return min(torch.get_num_threads(), limit)


def in_order(work: Callable[[T], R], items: Iterable[T], workers: int) -> Generator[R, None, None]:
    """Work on several items at once; results come in the order of the items.

    The first item is worked on alone, so that lazily loaded resources are loaded once. Close the
    generator to stop: running items finish, no other starts.

    Args:
        work: called in other threads, in each of which torch computes on one core.
        items: taken as they are needed, at most ``LOOKAHEAD * workers`` ahead of the results.
        workers: how many items at once.

    Yields:
        The result of ``work`` for each item. Its exceptions are raised in the item's place, after
        the results before it.
    """
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, "refmask", torch.set_num_threads, (1,))
    pending: deque[Future[R]] = deque()
    try:
        for number, item in enumerate(items):
            pending.append(pool.submit(work, item))
            if number == 0 or len(pending) == LOOKAHEAD * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        # Set for each thread, but new threads inherit the last value set anywhere.
        torch.set_num_threads(threads)
