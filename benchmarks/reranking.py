"""Whether asking the scenes of the best images brings the right image forward.

    python benchmarks/reranking.py [--scenes N]

Each expression about a shipped scene was said about one image; the index of all of them, with the
embedded model and ``grouping``, is asked for it, as found and re-ranked. Other images may answer
an expression, too: figures compare, and are no measure of the search. Prints a table and writes
``results/reranking.json``.
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

from harness import write
from PIL import Image
from tables_work import reranking

import refmask
from refmask.data.scenes import read_scenes
from refmask.fingerprint import of_image
from refmask.search import Index
from refmask.types import Sample

#: How many of the best images are asked.
ASKED = (0, 3, 10, 20)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, help="the first so many instead of all")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        content = measure(list(islice(read_scenes(), chosen.scenes)), Path(folder))
    print(reranking(content), write("reranking", content), sep="\n")


def measure(samples: list[Sample], folder: Path) -> dict[str, Any]:
    """Ranks of the images that expressions were said about.

    Returns:
        ``images``, ``expressions``, and ``rows``: how many images were ``asked``, the ``mean``
        of the reciprocal rank, and how often the image is ``first``.
    """
    for number, sample in enumerate(samples):
        Image.fromarray(sample.image).save(folder / f"{number}.png")
    index = Index.open(folder / "index", refmask.load("embedded"), create=True)
    index.add([str(folder / "*.png")])
    wanted = [
        (query.expression, of_image(sample.image)) for sample in samples for query in sample.queries
    ]
    rows = []
    for asked in ASKED:
        ranks = [rank(index, *pair, asked, len(samples)) for pair in wanted]
        rows.append(
            {
                "asked": asked,
                "mean": sum(1 / rank for rank in ranks) / len(ranks),
                "first": sum(rank == 1 for rank in ranks) / len(ranks),
            }
        )
    return {"images": len(samples), "expressions": len(wanted), "rows": rows}


def rank(index: Index, expression: str, content: str, asked: int, images: int) -> int:
    """Which of the images found has this content, from 1 on."""
    hits = index.search(expression, images, rerank=asked)
    return 1 + [hit.content for hit in hits].index(content)


if __name__ == "__main__":
    main()
