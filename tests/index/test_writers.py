"""Real processes: two that write at once, and one that is killed."""

import os
import signal
import subprocess
import sys
import time

import pytest

from refmask.errors import RefmaskError
from refmask.index import Collection


@pytest.fixture
def start(model_files, tmp_path):
    """Start ``refmask index add`` in a process of its own."""
    model, weights = model_files("tiny_vit32")
    words = ["--index", str(tmp_path / "index"), "--model", model, "--weights", weights]
    words += ["--proposals", "grouping:limit=4", "--precision", "fp32"]

    def run(*places):
        command = [sys.executable, "-m", "refmask", "index", "add", *map(str, places), *words]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    return run


def held(folder):
    """Paths in the index, and regions by path."""
    collection = Collection(folder)
    rows = {one.path: one.regions for one in collection.pictures()}
    return rows, {path: len(collection.rows(path)) for path in rows}


def test_two_writers_lose_nothing(start, paint, tmp_path):
    for seed in range(6):
        paint(tmp_path / "ab"[seed % 2] / f"{seed}.png", seed)
        paint(tmp_path / "both" / f"{seed}.png", 100 + seed)
    writers = [start(tmp_path / name, tmp_path / "both") for name in "ab"]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
    told, there = held(tmp_path / "index")
    assert len(told) == 12
    assert told == there
    stats = Collection(tmp_path / "index").stats()
    assert stats.regions == sum(told.values())
    assert stats.folders == tuple(str(tmp_path / name) for name in ("a", "b", "both"))


def test_a_killed_writer_loses_at_most_a_batch(start, paint, tmp_path):
    for seed in range(24):
        paint(tmp_path / "photos" / f"{seed:02}.png", seed)
    writer = start(tmp_path / "photos")
    try:
        while writer.poll() is None and not _some(tmp_path / "index"):
            time.sleep(0.05)
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    told, there = held(tmp_path / "index")
    assert told == there
    assert 0 < len(told) < 24
    second = start(tmp_path / "photos")
    _, errors = second.communicate(timeout=120)
    assert second.returncode == 0, errors
    told, there = held(tmp_path / "index")
    assert len(told) == 24
    assert told == there
    assert Collection(tmp_path / "index").stats().regions == sum(told.values())


def _some(folder):
    try:
        return len(Collection(folder).pictures()) > 0
    except RefmaskError:  # not made yet
        return False
