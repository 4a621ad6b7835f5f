"""Features that several processes write, read and remove at once.

The file is also the program that those processes run.
"""

import subprocess
import sys
import warnings

import numpy as np

from refmask.cache.features import FeatureCache

KEYS = 40
SHAPE = (16, 64)
#: Room for about half of all entries, so that each process removes what others write.
LIMIT = 80_000


def values(key):
    """Noise, so that an entry is long and half of it would be seen."""
    return np.random.default_rng(key).standard_normal(SHAPE).astype(np.float32)


def work(path, seed):
    """Take what is there, write what is not, in an order of its own."""
    features, rng = FeatureCache(path, LIMIT), np.random.default_rng(seed)
    for key in rng.integers(0, KEYS, 400).tolist():
        found = features.get({"key": key})
        if found is None:
            features.put({"key": key}, values(key))
        elif not np.array_equal(found, values(key)):
            sys.exit(f"key {key} holds something else")


def started(path, seed):
    program = [sys.executable, __file__, str(path), str(seed)]
    return subprocess.Popen(program, stderr=subprocess.PIPE, text=True)


def test_processes_at_once_see_whole_entries_and_keep_the_limit(tmp_path):
    running = [started(tmp_path / "store", seed) for seed in range(3)]
    features, most = FeatureCache(tmp_path / "store", LIMIT), 0
    while any(process.poll() is None for process in running):
        most = max(most, features.held()[1])
        for key in range(KEYS):
            # A warning, which is an error here, would tell of half an entry.
            found = features.get({"key": key})
            assert found is None or np.array_equal(found, values(key))
    assert [process.communicate()[1] for process in running] == [""] * 3
    assert [process.returncode for process in running] == [0] * 3
    # Entries come and go while they are counted.
    assert LIMIT / 2 < most <= 1.3 * LIMIT
    left = list(features.folder.rglob(".*"))
    assert left == []


def test_it_needs_nothing_heavy():
    code = "import sys, refmask.cache.features; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


if __name__ == "__main__":
    warnings.simplefilter("error")
    work(sys.argv[1], int(sys.argv[2]))
