"""What an index costs and how quickly it answers.

    python benchmarks/index.py [--rows 1000000] [--dim 512] [--queries 200] [--try-rows 200000]
                               [--folder DIR] [--threads 2]

Regions are drawn around those of the shipped scenes (see ``index_rows.py``), phrases are what is
said about these scenes. Measured are, one after the other:

* what a row should store: how the ten best regions by each way of storing features agree with those
  by the method, its bytes, and its seconds;
* every region compared, and approximately, by number of regions: from where on that is worth it;
* ways of making and asking one, at ``--try-rows`` regions;
* the one that is used, at ``--rows``: seconds to make, bytes, seconds of a search, recall.

A search is ``Index.search``, from the words of the phrase to ten images with their masks; the
part that reads the phrase is told apart. Prints tables and writes ``results/index.json``.
"""

# ruff: noqa: E402  torch reads how threads wait when it is imported

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from refmask.cli import wait_briefly
from refmask.fingerprint import Fingerprint

wait_briefly()  # as the command does: LanceDB's threads need the cores, too

import index_rows
import lancedb
import numpy as np
import pyarrow as pa
import torch
from harness import RESULTS, write
from index_measures import TOP, agreement, merged, ranked, table, tidy, timed
from index_rows import EACH, Real, Turned

import refmask
from refmask.search import Collection, Index, approximate
from refmask.search.approximate import Plan
from refmask.search.index import EACH as EACH_HIT
from refmask.search.rows import VECTOR, features_of, search_vectors
from refmask.segmenter import Segmenter
from refmask.types import ContextFeatures, FloatArray, TargetPhrase

#: Regions that are drawn and written at a time.
CHUNK = 40_000
SIZES = (1_000, 10_000, 30_000, 100_000, 200_000)
SHORT = {"sample_rate": 32, "max_iterations": 10}
PLANS = (
    *(Plan("IvfRq", SHORT, probes, more) for probes in (20, 40, 80) for more in (None, 2, 4, 8)),
    *(
        Plan("IvfRq", SHORT | {"num_bits": 4}, probes, more)
        for probes in (40, 80)
        for more in (None, 2)
    ),
    Plan("IvfRq", {"num_bits": 4}, 80),
    *(Plan("IvfSq", probes=probes) for probes in (10, 20, 50)),
    *(Plan("IvfFlat", probes=probes) for probes in (10, 20, 50)),
    *(Plan("IvfPq", probes=probes, refined=more) for probes in (20, 50) for more in (None, 2)),
    Plan("HnswSq", {"num_partitions": 1}, 1),
)


@dataclass(frozen=True, eq=False)
class Bench:
    """A system, what it is asked, and regions to be drawn."""

    segmenter: Segmenter
    source: Real
    phrases: list[TargetPhrase]
    text: ContextFeatures
    vectors: FloatArray


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--try-rows", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=512, help="0 for the embedded model's own")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", help="where indexes are made, and removed again")
    parser.add_argument(
        "--kinds",
        nargs="+",
        default=["IvfRq", "IvfSq", "IvfFlat"],
        help="of approximate indexes to try; IvfPq and HnswSq take minutes to make",
    )
    parser.add_argument("--store", help="keeps what was seen of the scenes for the next run")
    parser.add_argument(
        "--only", choices=("stored", "sizes", "plans", "whole"), help="the rest stays as it was"
    )
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    bench = prepare(chosen.dim, chosen.queries, chosen.store)
    parts: dict[str, Callable[[Path], Any]] = {
        "stored": lambda place: stored(bench, min(chosen.try_rows, 100_000), place),
        "sizes": lambda place: sizes(bench, [n for n in SIZES if n <= chosen.try_rows], place),
        "plans": lambda place: plans(bench, chosen.try_rows, place, chosen.kinds),
        "whole": lambda place: whole(bench, chosen.rows, place),
    }
    content: dict[str, Any] = {"dim": bench.vectors.shape[1], "queries": len(bench.phrases)}
    for name, measure in parts.items():
        if chosen.only in (None, name):
            with tempfile.TemporaryDirectory(dir=chosen.folder) as place:
                content[name] = measure(Path(place))
            print(f"\n{name}\n\n{table(content[name])}", flush=True)
    content["lancedb"] = lancedb.__version__
    former = RESULTS / "index.json"
    if chosen.only and former.exists():
        content = json.loads(former.read_text()) | content
        del content["machine"]  # this one's is told
    print(write("index", content))


def prepare(dim: int, queries: int, store: str | None = None, scenes: int | None = None) -> Bench:
    """Look at the shipped scenes, and read what is said about them."""
    plain = refmask.load("embedded", store=store)
    turn = index_rows.rotation(plain.method.encoder.dim, dim) if dim else None
    method = Turned(plain.method.encoder, plain.method.alpha, plain.method.beta, turn=turn)
    segmenter = Segmenter(plain.proposer, method, plain.parser)
    source = index_rows.real(plain, turn, scenes)
    random = np.random.default_rng(1)
    phrases = [source.phrases[int(n)] for n in random.permutation(len(source.phrases))[:queries]]
    text = method.encode_text(phrases)
    return Bench(segmenter, source, phrases, text, search_vectors(text, method.beta))


def stored(bench: Bench, rows: int, place: Path) -> list[dict[str, Any]]:
    """Ways of storing features: every row compared by what is stored."""
    alpha = bench.segmenter.method.alpha
    _, drawn = bench.source.draw(rows, np.random.default_rng(2))
    blended = search_vectors(drawn, alpha)
    pair = np.hstack([drawn.global_context, drawn.local_context])
    turned = np.hstack([alpha * bench.vectors, (1 - alpha) * bench.vectors])
    best = ranked(blended @ bench.vectors.T)
    told = []
    for name, values, query, kind in (
        ("blended, length 1, fp32", blended, bench.vectors, np.float32),
        ("blended, length 1, fp16", blended, bench.vectors, np.float16),
        ("unblended pair, fp16", pair, turned, np.float16),
    ):
        kept = values.astype(kind)
        order = ranked(kept.astype(np.float32) @ query.T, 10 * TOP)
        flat = pa.FixedSizeListArray.from_arrays(pa.array(kept.reshape(-1)), kept.shape[1])
        made = lancedb.connect(str(place)).create_table(
            name[:4] + kind.__name__ + str(len(told)), pa.table({VECTOR: flat})
        )
        seconds = timed(
            lambda q, t=made: t.search(q).distance_type("dot").limit(TOP).to_arrow(), list(query)
        )
        told.append(
            {
                "stored": name,
                "bytes": kept.itemsize * kept.shape[1],
                "recall@10": agreement(best, order[:TOP]),
                "recall@10 among 100 candidates": agreement(best, order),
                **seconds,
            }
        )
    return told


def sizes(bench: Bench, counts: Sequence[int], place: Path) -> list[dict[str, Any]]:
    """Every region compared, and an approximate index, by how many regions there are."""
    told = []
    for count in counts:
        index, truth, _ = fill(bench, count, place / str(count))
        tidy(index.collection._regions)
        exact = asked(bench, index, truth)
        approximate.build(index.collection._regions)
        told.append({"regions": count, "exact": exact, "approximate": asked(bench, index, truth)})
        shutil.rmtree(index.collection.folder)
    return told


def plans(bench: Bench, rows: int, place: Path, kinds: Sequence[str]) -> list[dict[str, Any]]:
    """Ways of making and asking an approximate index."""
    index, truth, _ = fill(bench, rows, place / "index")
    regions, told, made = index.collection._regions, [], None
    tidy(regions)
    for plan in (one for one in PLANS if one.kind in kinds):
        seconds = 0.0
        if made != (plan.kind, plan.settings):
            began = time.perf_counter()
            approximate.build(regions, plan)
            seconds, made = time.perf_counter() - began, (plan.kind, plan.settings)
            tidy(regions)

        def nearest(vector: FloatArray, limit: int, plan: Plan = plan) -> pa.Table:
            return approximate.nearest(regions, vector, limit, None, plan)

        told.append(
            {
                "kind": plan.kind,
                **plan.settings,
                "probes": plan.probes,
                "refined": plan.refined,
                "made in s": seconds,
                "bytes a region": _bytes(regions) / rows,
                "recall@10": recall(bench, truth, nearest),
                **timed(partial(nearest, limit=EACH_HIT * TOP), list(bench.vectors)),
            }
        )
        print(told[-1], flush=True)
    return told


def _bytes(regions: Any) -> int:
    """Of the approximate index itself; older versions may lie beside it for a while."""
    (size,) = (one.size_bytes for one in regions.list_indices() if one.columns == [VECTOR])
    return int(size)


def whole(bench: Bench, rows: int, place: Path) -> list[dict[str, Any]]:
    """The index as it is used."""
    index, truth, seconds = fill(bench, rows, place / "index")
    began = time.perf_counter()
    index.collection.optimize()
    made = time.perf_counter() - began
    tidy(index.collection._regions)
    stats = index.collection.stats()
    return [
        {
            "regions": stats.regions,
            "images": stats.images,
            "plan": asdict(approximate.PLAN) if stats.approximate else "every region",
            "written in s": seconds,
            "made in s": made,
            "bytes a region": stats.bytes / stats.regions,
            **asked(bench, index, truth),
        }
    ]


def fill(bench: Bench, rows: int, place: Path) -> tuple[Index, Any, float]:
    """An index of so many drawn regions, the ten best for each phrase, and seconds of writing."""
    method = bench.segmenter.method
    collection = Collection.create(place, Fingerprint({}), method.alpha, bench.vectors.shape[1])
    random = np.random.default_rng(3)
    best = np.zeros((0, len(bench.phrases)), np.float32), np.zeros((0, len(bench.phrases)), int)
    seconds = 0.0
    for first in range(0, rows, CHUNK):
        count = min(CHUNK, rows - first)
        made, full = index_rows.entries(bench.source, first, count, method.alpha, random)
        best = merged(best, full @ bench.vectors.T, first)
        began = time.perf_counter()
        collection.put(made)
        seconds += time.perf_counter() - began
    return Index(collection, bench.segmenter), best[1], seconds


def asked(bench: Bench, index: Index, truth: Any) -> dict[str, Any]:
    """Recall of regions; milliseconds of whole searches, of reading phrases, and of the query."""
    texts = [*dict.fromkeys(phrase.expression for phrase in bench.phrases)]
    index = replace(index, segmenter=replace(index.segmenter))  # no text is known from before

    def reading(phrase: str) -> None:
        index.segmenter.method.encode_text(index.segmenter.parser([phrase]))

    def nearest(vector: FloatArray, limit: int = EACH_HIT * TOP) -> pa.Table:
        return index.collection.nearest(vector, limit, None)

    return {
        "recall@10": recall(bench, truth, nearest),
        **timed(lambda phrase: index.search(phrase, TOP), texts),
        "reading": timed(reading, texts),
        "query": timed(nearest, list(bench.vectors)),
    }


def recall(bench: Bench, truth: Any, nearest: Callable[[FloatArray, int], pa.Table]) -> float:
    """Share of the ten best regions by the method that are found and come first."""
    alpha, shares = bench.segmenter.method.alpha, []
    for vector, numbers in zip(bench.vectors, truth.T, strict=True):
        rows = nearest(vector, EACH_HIT * TOP)
        scores = search_vectors(features_of(rows), alpha) @ vector
        rows = rows.take(np.argsort(-scores, kind="stable")[:TOP])
        pairs = zip(rows["path"].to_pylist(), rows["number"].to_pylist(), strict=True)
        wanted = {(index_rows.path_of(int(n)), int(n) % EACH) for n in numbers}
        shares.append(len(wanted & set(pairs)) / len(wanted))
    return float(np.mean(shares))


if __name__ == "__main__":
    main()
