"""A store that several processes write and read at once, and some are killed.

The file is also the program that those processes run.
"""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np

from refmask.cache.masks import CachedProposer, MaskCache
from refmask.fingerprint import of_image
from refmask.types import MaskProposals

IMAGES = 12
#: Noise, so that an entry is long and half of it would be seen.
SHAPE = (10, 60, 90)


class Noise:
    """Proposes noise that depends on the image alone, and notes for which images."""

    def __init__(self):
        self.asked = []

    def configuration(self):
        return {"proposer": "noise"}

    def propose(self, image):
        self.asked.append(of_image(image))
        rng = np.random.default_rng(int(image.sum()))
        return MaskProposals(rng.random(SHAPE) < 0.5, quality=rng.random(SHAPE[0]))


def make_images():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*SHAPE[1:], 3), np.uint8) for _ in range(IMAGES)]


def write(path, rounds):
    """Write the masks of all images several times, each when told to, and tell of it."""
    store, proposer = MaskCache(path, create=True), Noise()
    for _ in range(rounds):
        for image in make_images():
            sys.stdin.readline()
            store.put(proposer.configuration(), image, proposer.propose(image))
            print("written", flush=True)


def started(path, rounds, stdin=subprocess.DEVNULL):
    program = [sys.executable, __file__, str(path), str(rounds)]
    return subprocess.Popen(program, stdin=stdin, stdout=subprocess.PIPE, text=True)


def check(found, image):
    expected = Noise().propose(image)
    np.testing.assert_array_equal(found.masks, expected.masks)
    np.testing.assert_array_equal(found.quality, expected.quality)


def test_writers_and_readers_at_once(tmp_path):
    writers = [started(tmp_path / "store", rounds=4) for _ in range(3)]
    for writer in writers:
        assert writer.stdout.readline() == "written\n"
    store, images = MaskCache(tmp_path / "store"), make_images()
    seen = 0
    while any(writer.poll() is None for writer in writers):
        # A warning, which is an error here, would tell of half an entry.
        found = store.get({"proposer": "noise"}, images[seen % IMAGES])
        if found is not None:
            check(found, images[seen % IMAGES])
        seen += 1
    for writer in writers:
        assert len(writer.communicate()[0].split()) == 4 * IMAGES - 1
        assert writer.returncode == 0
    assert seen > IMAGES
    for image in images:
        check(store.get({"proposer": "noise"}, image), image)
    assert store.configurations() == [{"proposer": "noise"}]
    assert store.images({"proposer": "noise"}) == IMAGES
    left = [file.name for file in store.path.rglob("*") if file.name.startswith(".")]
    assert left == []


def test_after_a_kill_the_rest_is_done_and_nothing_twice(tmp_path):
    writers = [started(tmp_path / "store", 1, subprocess.PIPE) for _ in range(2)]
    for writer in writers:
        writer.stdin.write("go\n" * 4)
        writer.stdin.flush()
        assert [writer.stdout.readline() for _ in range(4)] == ["written\n"] * 4
    for writer in writers:
        # Killed in the middle of the next one.
        writer.stdin.write("go\n")
        writer.stdin.flush()
        writer.kill()
        writer.communicate()
        assert writer.returncode != 0
    store, images = MaskCache(tmp_path / "store"), make_images()
    done = {file.stem: file.stat().st_mtime_ns for file in store.path.rglob("*.masks")}
    assert len(done) in (4, 5)
    proposer = Noise()
    for image in images:
        check(CachedProposer(proposer, store).propose(image), image)
    rest = [of_image(image) for image in images if of_image(image) not in done]
    assert proposer.asked == rest
    after = {file.stem: file.stat().st_mtime_ns for file in store.path.rglob("*.masks")}
    assert len(after) == IMAGES
    assert done.items() <= after.items()


def test_what_a_killed_writer_left_behind_is_harmless(tmp_path):
    store = MaskCache(tmp_path / "store", create=True)
    image = make_images()[0]
    expected = CachedProposer(Noise(), store).propose(image)
    (entry,) = store.path.rglob("*.masks")
    whole = entry.read_bytes()
    (entry.parent / f".{entry.name[:40]}.x1y2z3").write_bytes(whole[:100])
    (store.path / ".refmask-store.json.x1y2z3").write_bytes(b"{")
    assert MaskCache(store.path).images({"proposer": "noise"}) == 1
    found = MaskCache(store.path, create=True).get({"proposer": "noise"}, image)
    np.testing.assert_array_equal(found.masks, expected.masks)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    (fresh / ".refmask-store.json.x1y2z3").write_bytes(b"{")
    assert MaskCache(fresh, create=True).configurations() == []


def test_the_store_needs_nothing_heavy():
    code = "import sys, refmask.cache.masks; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


if __name__ == "__main__":
    warnings.simplefilter("error")
    write(Path(sys.argv[1]), int(sys.argv[2]))
