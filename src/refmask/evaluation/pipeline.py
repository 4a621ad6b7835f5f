"""Several images at once: each on a core of its own, results in order, few in flight.

An image's work is done by one thread from decoding to counting. That keeps the cores busier than
one image on all of them: what is no matrix product (decoding, parsing, counting) overlaps by
itself, and matrix products lose nothing by waiting for each other's ends. And as sums are added up
in an order that depends on the number of threads, results do not depend on how many images are
computed at once, or on the machine's number of cores.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")

#: Most images at once unless asked for: each needs memory of its own, on a GPU of the GPU's.
MOST, MOST_ON_GPU = 16, 4
#: Items per worker that may be begun before the oldest is done: so few results wait in memory.
AHEAD = 4


def usual_workers() -> int:
    """How many images at once: as many as torch may use cores, within reason."""
    return min(torch.get_num_threads(), MOST_ON_GPU if torch.cuda.is_available() else MOST)


def in_order(work: Callable[[T], R], items: Iterable[T], workers: int) -> Generator[R, None, None]:
    """Work on several items at once; results come in the order of the items.

    The first item is worked on alone, so that what is loaded when it is first needed is loaded
    once. Close the generator to stop: what has begun ends, nothing else begins.

    Args:
        work: called in other threads, in each of which torch computes on one core.
        items: taken as they are needed, at most ``AHEAD * workers`` beyond the results given.
        workers: how many items at once.

    Yields:
        What ``work`` gives for each item. What it raises is raised in the item's place, after the
        results before it.
    """
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, "refmask", torch.set_num_threads, (1,))
    begun: deque[Future[R]] = deque()
    try:
        for number, item in enumerate(items):
            begun.append(pool.submit(work, item))
            if number == 0 or len(begun) == AHEAD * workers:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        # Set for each thread, but inherited by new ones from whoever set it last.
        torch.set_num_threads(threads)
