"""How small and how quick the proposal store is: masks of ``grouping`` on photographs.

    python benchmarks/store_size.py FOLDER [--proposals grouping:floor=0] [--side 640]

Prints, per image and on average, the number of masks, the bytes of its entry, of each mask alone
as COCO RLE (as text, and all of them compressed by zlib), and processor milliseconds for writing
and reading (median of five).
"""

from __future__ import annotations

import argparse
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from refmask.cache.masks import MaskCache
from refmask.ops import rle
from refmask.ops.finding import find_images
from refmask.ops.images import read_image
from refmask.proposals import load_proposer


def milliseconds(work: Callable[[], Any]) -> float:
    """Processor time of some work, median of five."""
    taken = []
    for _ in range(5):
        start = time.process_time()
        work()
        taken.append(1000 * (time.process_time() - start))
    return float(np.median(taken))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="of photographs, or one of them")
    parser.add_argument("--proposals", default="grouping:floor=0")
    parser.add_argument("--side", type=int, default=640, help="the longer side, in pixels")
    chosen = parser.parse_args()
    proposer = load_proposer(chosen.proposals)
    configuration = {"proposer": chosen.proposals}
    rows = []
    for path in find_images(chosen.folder):
        image = Image.fromarray(read_image(path))
        image.thumbnail((chosen.side, chosen.side))
        image = np.asarray(image)
        found = proposer.propose(image)
        with tempfile.TemporaryDirectory() as folder:
            store = MaskCache(folder, create=True)
            put = milliseconds(lambda s=store, i=image, f=found: s.put(configuration, i, f))
            get = milliseconds(lambda s=store, i=image: s.get(configuration, i))
            size = sum(file.stat().st_size for file in Path(folder).rglob("*.masks"))
        texts = [rle.encode(mask)["counts"] for mask in found.masks]
        plain = "\n".join(texts).encode()
        rows.append((len(found), size, len(plain), len(zlib.compress(plain, 9)), put, get))
        print(f"{path.name:30}", *(f"{value:10.0f}" for value in rows[-1]))
    print(f"{'mean':30}", *(f"{value:10.0f}" for value in np.mean(rows, axis=0)))
    print(
        f"{'':30}", *(f"{name:>10}" for name in ("masks", "entry", "RLE", "RLE+zlib", "put", "get"))
    )


if __name__ == "__main__":
    main()
