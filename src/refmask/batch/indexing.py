"""Encode images of an index on a cluster."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial

from refmask.batch.cluster import Cluster, Work, spread
from refmask.batch.worker import check_alike, fingerprint_of
from refmask.errors import ImageError, InputError
from refmask.evaluation.pipeline import in_order
from refmask.fingerprint import Fingerprint
from refmask.search.images import File
from refmask.search.ingest import encode_file
from refmask.search.rows import Entry, deserialize, serialize
from refmask.segmenter import Segmenter

#: First byte of the result of an image that failed.
FAILED = b"\0"


@dataclass(frozen=True)
class EntriesOnRay:
    """Encodes images on other machines, for ``Index.add`` and ``Index.update``.

    Attributes:
        build: makes a worker's segmenter.
        system: what its answers depend on, see ``worker.fingerprint_of``.
        alpha: of the index, weight of the global feature in its searched vectors.
        cluster: where to run.
    """

    build: Callable[[], Segmenter]
    system: Fingerprint
    alpha: float
    cluster: Cluster

    def __call__(self, files: Sequence[File]) -> Generator[Entry | InputError, None, None]:
        """The entry of each file in their order, or the error."""
        build = partial(_worker, self.build, self.system, self.alpha)
        items = (json.dumps(asdict(file)).encode() for file in files)
        with closing(spread(build, items, self.cluster, ordered=True)) as results:
            for content in results:
                failed = content.startswith(FAILED)
                yield ImageError(content[1:].decode()) if failed else deserialize(content)


def _worker(build: Callable[[], Segmenter], system: Fingerprint, alpha: float) -> Work:
    segmenter = build()
    check_alike(system, fingerprint_of(segmenter))

    def entry(file: File) -> bytes:
        try:
            return serialize(encode_file(segmenter, file, alpha))
        except InputError as error:
            return FAILED + str(error).encode()

    def work(item: bytes) -> bytes:
        with closing(in_order(entry, [File(**json.loads(item))], 1)) as results:
            return next(results)

    return work
