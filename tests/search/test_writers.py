"""Real processes: several that write at once, and one that is killed."""

import os
import subprocess
import sys
import time

import pytest

from refmask.errors import RefmaskError
from refmask.factory import load
from refmask.search import Collection, Index

#: Writes images of one region each, of which every second is also another writer's.
WRITER = """
import sys
from datetime import datetime
import numpy as np
from refmask.search.collection import Collection
from refmask.search.rows import Entry, IndexedImage, region_rows
from refmask.types import ContextFeatures, MaskProposals

def entry(number):
    name = f"both-{number}" if number % 2 else f"{sys.argv[2]}-{number}"
    image = IndexedImage("/" + name, name, name, 1, 1, datetime(2020, 1, 1), 4, 4, 1)
    vector = np.ones((1, 8), np.float32)
    proposals = MaskProposals(np.ones((1, 4, 4), bool))
    return Entry(image, region_rows(image, proposals, ContextFeatures(vector, vector), 0.5))

collection = Collection.create(sys.argv[1], {}, 0.5, 8)
for first in range(0, 40, 4):
    collection.put([entry(number) for number in range(first, first + 4)])
    collection.watch([f"/{sys.argv[2]}"], [f"/{sys.argv[2]}"])
collection.optimize()
"""


def start(*words):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, *map(str, words)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def finish(process):
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors


def indexed(folder):
    """Region counts by path in the index, which must match its rows."""
    collection = Collection(folder)
    counts = {image.path: image.regions for image in collection.images()}
    assert counts == {path: len(collection.rows(path)) for path in counts}
    return counts


def test_concurrent_writers_lose_nothing(tmp_path):
    for writer in [start("-c", WRITER, tmp_path / "index", name) for name in "ab"]:
        finish(writer)
    unique = {f"/{name}-{number}" for name in "ab" for number in range(0, 40, 2)}
    assert set(indexed(tmp_path / "index")) == unique | {f"/both-{n}" for n in range(1, 40, 2)}
    stats = Collection(tmp_path / "index").stats()
    assert (stats.regions, stats.folders) == (60, ("/a", "/b"))


@pytest.fixture
def system(model_files):
    """Options of a system, and the system itself."""
    model, weights = model_files("tiny_vit32")
    words = ["--model", model, "--weights", weights, "--precision", "fp32"]
    proposals = "grouping:limit=4"
    made = load(model, weights, proposals=proposals, precision="fp32")
    return [*words, "--proposals", proposals], made


def test_a_killed_writer_loses_a_batch_at_most(system, paint, tmp_path):
    words, segmenter = system
    for seed in range(40):
        paint(tmp_path / "photos" / f"{seed:02}.png", seed)
    writer = start(
        *("-m", "refmask", "index", "add", tmp_path / "photos", "--index", tmp_path / "index"),
        *words,
    )
    while writer.poll() is None and not _some(tmp_path / "index"):
        time.sleep(0.02)
    writer.kill()
    writer.communicate()
    before = indexed(tmp_path / "index")
    assert 16 <= len(before) < 40
    index = Index.open(tmp_path / "index", segmenter, create=True)
    assert index.add([tmp_path / "photos"]) == {"kept": len(before), "added": 40 - len(before)}
    after = indexed(tmp_path / "index")
    assert len(after) == 40
    assert index.collection.stats().regions == sum(after.values())


def _some(folder):
    try:
        return len(Collection(folder).images()) > 0
    except RefmaskError:  # not created yet
        return False
