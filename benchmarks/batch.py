"""What a batch costs: images a second and bytes a row, on this machine's cores and on Ray.

    python benchmarks/batch.py [--images 24] [--vit 8] [--expressions 3] [--workers N]

Drawn JPEG images of 480x640 pixels (``refcoco_shaped.py``), masks by ``grouping``, each asked the
same expressions: with the embedded model, and the first few with a ViT-B/32 of pseudo-random
weights. Engines take turns, each in a process of its own. The rate leaves out what comes before the
first ``workers`` files are there: starting and loading, which ``start`` tells. Prints a table, and
what a billion such images would take; writes ``results/batch.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import cases
import ray
import refcoco_shaped
import tables_work
from harness import write
from pyarrow import parquet

import refmask
from refmask.batch.batch import Batch, Engine, Local
from refmask.batch.cluster import Cluster
from refmask.batch.on_ray import OnRay
from refmask.batch.output import ShardResult
from refmask.batch.plan import ROWS, read_plan
from refmask.batch.rows import to_parquet
from refmask.batch.worker import fingerprint_of, memory_of

ENGINES = ("local", "ray")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--vit", type=int, default=8, help="images that ViT-B/32 looks at")
    parser.add_argument("--expressions", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measure(*chosen.one, chosen.expressions, chosen.workers)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        vit = cases.files(cases.model("ViT-B/32"), folder)
        for model, images, files in (
            ("embedded", chosen.images, ("embedded", "")),
            ("ViT-B/32", chosen.vit, vit),
        ):
            data = folder / str(images)
            refcoco_shaped.make(data, images)
            for engine in ENGINES:
                out = str(folder / f"out-{len(rows)}")
                told = apart([engine, *files, str(data / "images"), out], chosen)
                rows.append({"model": model, "engine": engine, **told})
    content = {"ray": ray.__version__, "rows": rows}
    for show in (tables_work.batch, tables_work.billion):
        print(show(content), end="\n\n")
    print(write("batch", content))


def apart(words: list[str], chosen: argparse.Namespace) -> dict[str, Any]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--expressions", str(chosen.expressions)]
    command += ["--workers", str(chosen.workers), "--one", *words]
    # A core for each image: nothing is gained by threads that several images share.
    own = os.environ | {"OMP_NUM_THREADS": "1"}
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=own)
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


def measure(
    engine: str, model: str, weights: str, images: str, out: str, expressions: int, workers: int
) -> dict[str, Any]:
    """Run a batch; a row of the results file.

    Returns:
        ``images``, ``expressions`` and ``workers`` as asked; ``start``, seconds until each worker
        had done an image; ``rate``, images a second after that; ``core_seconds`` of an image;
        ``bytes_in`` of an image's file and ``bytes_out`` of a row, in files of ``ROWS`` rows;
        ``peak``, the most bytes that this process held, on Ray without its workers'.
    """
    began = time.perf_counter()
    build = partial(refmask.load, model, weights or None, proposals="grouping")
    segmenter = build()
    plan = read_plan(images, segmenter.parser(cases.expressions(expressions)))
    batch = Batch(plan, fingerprint_of(segmenter), out, rows=expressions)  # an image a file
    times: list[float] = []

    def watch(_: ShardResult, now: bool) -> None:
        assert now
        times.append(time.perf_counter() - began)

    far: Engine = OnRay(build, Cluster(memory=memory_of(segmenter)))
    batch.run(far if engine == "ray" else Local(segmenter, workers), watch)
    rate = (len(times) - workers) / (times[-1] - times[workers - 1])
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kB on Linux
    files = [path.stat().st_size for path in Path(images).iterdir()]
    rows = parquet.read_table(out).to_pylist()[:ROWS]
    return {
        **{"images": plan.images, "expressions": expressions, "workers": workers},
        **{"start": times[workers - 1], "rate": rate, "core_seconds": workers / rate},
        **{"bytes_in": sum(files) / len(files), "bytes_out": len(to_parquet(rows, {})) / len(rows)},
        "peak": peak,
    }


if __name__ == "__main__":
    main()
