"""Work at once: its order, its bounds, and how it ends."""

import json
import signal
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from itertools import count

import pytest
import torch

from refmask.errors import ConfigurationError, ImageError, RefmaskWarning
from refmask.evaluation import pipeline
from refmask.evaluation.evaluate import Evaluation
from refmask.evaluation.pipeline import LOOKAHEAD, default_workers, in_order


@pytest.fixture(autouse=True)
def _nothing_left():
    """No test leaves a thread behind, or another number of cores for torch."""
    before = threading.enumerate()
    yield
    left = [thread.name for thread in threading.enumerate() if thread not in before]
    assert not [name for name in left if name.startswith("refmask")]
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(workers):
    def work(number):
        time.sleep(0.002 * (number % 3))  # later ones are often done before
        return -number

    assert list(in_order(work, range(20), workers)) == [-number for number in range(20)]
    assert list(in_order(work, [], workers)) == []


def test_items_are_worked_on_at_once():
    together = threading.Barrier(3)

    def work(number):
        if number:
            together.wait(timeout=30)  # breaks unless three are there
        return number

    assert list(in_order(work, range(7), 3)) == list(range(7))


def test_the_first_item_is_worked_on_alone():
    running, most = [], []

    def work(number):
        running.append(number)
        time.sleep(0.01)
        most.append(list(running))
        running.remove(number)

    list(in_order(work, range(8), 4))
    assert most[0] == [0]
    assert max(map(len, most)) > 1


def test_few_items_are_in_flight():
    begun = []
    with closing(in_order(begun.append, count(), 2)) as found:  # without end
        for taken in range(1, 30):
            next(found)
            assert len(begun) < taken + LOOKAHEAD * 2


def test_an_error_takes_its_items_place():
    def work(number):
        if number == 3:
            raise ImageError("no image")
        return number

    found = []
    with pytest.raises(ImageError, match="no image"):
        found.extend(in_order(work, count(), 2))
    found = in_order(work, count(), 2)
    assert [next(found) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ImageError):
        next(found)


def test_closing_ends_what_has_begun_and_begins_nothing_else(monkeypatch):
    begun, ended, closed = [], [], threading.Event()

    class Pool(pipeline.ThreadPoolExecutor):
        def shutdown(self, **settings):
            super().shutdown(wait=False, **settings)
            closed.set()
            super().shutdown(**settings)

    def work(number):
        begun.append(number)
        assert number < 2 or closed.wait(timeout=30)
        ended.append(number)

    monkeypatch.setattr(pipeline, "ThreadPoolExecutor", Pool)
    with closing(in_order(work, count(), 2)) as found:
        next(found)
        next(found)
    assert sorted(begun) == sorted(ended)
    assert max(begun) <= 3


def test_torch_computes_on_one_core_in_each_worker():
    torch.set_num_threads(3)
    try:
        assert set(in_order(lambda _: torch.get_num_threads(), range(9), 2)) == {1}
        assert torch.get_num_threads() == 3
        fresh = []
        thread = threading.Thread(target=lambda: fresh.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert fresh == [3]
    finally:
        torch.set_num_threads(1)


def test_as_many_workers_as_cores_within_reason(monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(torch.cuda, "is_available", lambda: False)
        for cores, workers in ((1, 1), (6, 6), (200, pipeline.MAX_WORKERS)):
            patched.setattr(torch, "get_num_threads", lambda cores=cores: cores)
            assert default_workers() == workers
        patched.setattr(torch.cuda, "is_available", lambda: True)
        assert default_workers() == pipeline.MAX_GPU_WORKERS


@pytest.mark.parametrize("workers", [2, 4])
def test_records_do_not_depend_on_the_workers(squares, guessing, evaluated, workers):
    whole = evaluated("one", squares, guessing(), workers=1)
    several = evaluated("several", squares, guessing(), workers=workers)
    for name in ("samples.jsonl", "summary.json"):
        assert (several / name).read_bytes() == (whole / name).read_bytes()
    times = [json.loads(line) for line in (several / "times.jsonl").read_text().splitlines()]
    assert [time["image"] for time in times] == list(squares.ids)


def test_what_is_before_a_fault_is_recorded(tmp_path, squares, guessing):
    squares.absent = {"5"}
    seen = []
    with pytest.raises(ImageError, match=r"5\.png.*`missing=skip`"):
        Evaluation(squares, guessing(), first=4, workers=3).run(
            tmp_path / "run", lambda done, _: seen.append(done)
        )
    assert seen == [0, 1, 2, 3]


def test_left_out_images_are_told_in_their_order(squares, guessing, evaluated):
    squares.absent = {"7", "5"}
    with pytest.warns(RefmaskWarning, match=r"2 of 5 images cannot be read, the first: .*7\.png"):
        folder = evaluated("run", squares, guessing(), missing="skip", workers=3)
    told = json.loads((folder / "summary.json").read_text())
    assert told["missing_images"]["ids"] == ["7", "5"]


def test_images_are_read_one_at_a_time(squares, guessing, evaluated, monkeypatch):
    reading, read = threading.Lock(), type(squares).sample

    def sample(self, name):
        assert reading.acquire(blocking=False)
        time.sleep(0.005)
        found = read(self, name)
        reading.release()
        return found

    monkeypatch.setattr(type(squares), "sample", sample)
    evaluated("run", squares, guessing(), workers=4)


def test_no_workers_are_refused(squares, guessing):
    with pytest.raises(ConfigurationError, match="`workers` is 0; give 1 or more"):
        Evaluation(squares, guessing(), workers=0)


@pytest.fixture
def interruptible():
    """Interrupts are heard, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_stops_and_the_run_goes_on_later(tmp_path, squares, guessing, evaluated):
    @dataclass
    class Interrupted(guessing):
        def answer(self, sample):
            if sample.id == "11":
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            return super().answer(sample)

    whole = evaluated("whole", squares, guessing())
    with pytest.raises(KeyboardInterrupt):
        Evaluation(squares, Interrupted(), workers=2).run(tmp_path / "run")
    assert not (tmp_path / "run" / "summary.json").exists()
    folder = evaluated("run", squares, guessing(), workers=2)
    assert (folder / "samples.jsonl").read_bytes() == (whole / "samples.jsonl").read_bytes()
