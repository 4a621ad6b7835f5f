"""Worker processes that run cases, and watch the time and the memory of each."""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

#: What counts as too much, in bytes and seconds.
MEMORY, SECONDS = 10**9, 20.0
#: Bytes beyond which a worker's memory is not given, so that the machine survives.
CEILING = 8 * 10**9
#: Audited events that mean that something was run or a connection was made.
RUN = frozenset(
    {
        "os.system",
        "subprocess.Popen",
        "os.exec",
        "os.posix_spawn",
        "os.spawn",
        "pty.spawn",
        "socket.connect",
        "webbrowser.open",
        "code.__new__",
    }
)
TRACEBACK, CODE, OVER_MEMORY, OVER_TIME = "traceback", "code run", "over 1 GB", "over 20 s"
FAULTS = (TRACEBACK, CODE, OVER_MEMORY, OVER_TIME)


@dataclass(frozen=True)
class Fault:
    """One case that went wrong.

    Attributes:
        kind: of input.
        number: of the case.
        what: one of ``FAULTS``.
        told: more of it, several lines.
    """

    kind: str
    number: int
    what: str
    told: str


@dataclass(frozen=True)
class Share:
    """Cases of one kind, by their numbers."""

    kind: str
    numbers: range


class Watched:
    """Runs cases in this process."""

    def __init__(self, seed: int) -> None:
        from attack.all_kinds import all_kinds

        self.seed = seed
        self.folder = Path(tempfile.mkdtemp(prefix="attack-"))
        self.canary = self.folder / "canary"
        self.kinds = {kind.name: kind for kind in all_kinds(self.canary)}
        self.ran: list[str] = []
        self._begun: set[str] = set()
        self._active = False
        sys.addaudithook(self._audit)

    def close(self) -> None:
        """Remove what cases left."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def begin(self, name: str) -> None:
        """Read a kind's valid input once, so that no case has to load a library or a model."""
        if name not in self._begun:
            self._begun.add(name)
            kind, place = self.kinds[name], self.folder / name
            kind.write(place)
            file = next(iter(kind.changed or kind.files))
            self._read(kind, place, file, kind.files[file])

    def run(self, name: str, number: int) -> list[Fault]:
        """What went wrong with a case; nothing, as a rule."""
        self.begin(name)
        kind, place = self.kinds[name], self.folder / name
        file, content = kind.case(self.seed, number)
        before = _reset_memory()
        told = self._read(kind, place, file, content)
        most = _most_memory() - before
        faults = [(TRACEBACK, told)] if told else []
        if self.ran or self.canary.exists() or self.canary.is_symlink():
            faults.append((CODE, "; ".join(self.ran) or "the canary is there"))
            shutil.rmtree(self.canary) if self.canary.is_dir() else self.canary.unlink(
                missing_ok=True
            )
        if most > MEMORY:
            faults.append((OVER_MEMORY, f"{most / 10**9:.1f} GB"))
        return [Fault(name, number, what, more) for what, more in faults]

    def _read(self, kind: Any, place: Path, file: str, content: bytes) -> str:
        """The traceback of what is none of refmask's errors; "" if there is none."""
        from refmask.errors import RefmaskError

        self.ran.clear()
        self._active = True
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                kind.run(place, file, content)
        except RefmaskError as error:
            lines = str(error).splitlines()
            return f"a message of {len(lines)} lines: {error!r}"[:2000] if len(lines) != 1 else ""
        except BaseException:
            return traceback.format_exc()[-4000:]
        finally:
            self._active = False
        return ""

    def _audit(self, event: str, given: tuple[Any, ...]) -> None:
        if self._active and event in RUN:
            self.ran.append(f"{event} {str(given)[:200]}")


def attack(
    shares: Sequence[Share], seed: int, workers: int
) -> Iterator[tuple[Share, float, list[Fault]]]:
    """Run cases in several processes.

    Args:
        shares: of the work.
        seed: of all cases.
        workers: processes.

    Yields:
        Each share with the seconds that it took and what went wrong, as they end.
    """
    left, running = list(reversed(shares)), list[Worker]()
    try:
        while left or running:
            while left and len(running) < workers:
                running.append(Worker(seed))
                running[-1].give(left.pop())
            ready = wait([one.connection for one in running], timeout=0.5)
            for one in list(running):
                if one.connection in ready and one.hear():
                    yield one.share, one.seconds, one.faults
                    if left:
                        one.give(left.pop())
                    else:
                        one.end()
                        running.remove(one)
                elif one.is_lost():
                    rest = one.lost()
                    running.remove(one)
                    left.append(rest) if rest.numbers else None
                    yield (
                        Share(one.share.kind, range(one.share.numbers.start, rest.numbers.start)),
                        one.seconds,
                        one.faults,
                    )
    finally:
        for one in running:
            one.end()


class Worker:
    """A process that runs shares."""

    def __init__(self, seed: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=_work, args=(other, seed), daemon=True)
        self.process.start()
        other.close()
        self.faults: list[Fault] = []

    def give(self, share: Share) -> None:
        """Have it run a share."""
        self.share, self.faults, self.at = share, [], share.numbers.start
        self.began = self.beat = time.monotonic()
        self.started = False
        self.connection.send(share)

    def hear(self) -> bool:
        """Take in what it says; True at the end of its share."""
        try:
            while self.connection.poll():
                said = self.connection.recv()
                if isinstance(said, Fault):
                    self.faults.append(said)
                elif said is None:
                    return True
                else:
                    self.at, self.started = said, True
                self.beat = time.monotonic()
        except (EOFError, OSError):
            pass
        return False

    @property
    def seconds(self) -> float:
        """Since its share began."""
        return time.monotonic() - self.began

    def is_lost(self) -> bool:
        """Whether it died, or its case takes too long."""
        patience = SECONDS if self.started else 180
        return not self.process.is_alive() or time.monotonic() - self.beat > patience

    def lost(self) -> Share:
        """End it; gives the cases after the one that it was lost in."""
        self.hear()
        died = not self.process.is_alive()
        self.end()
        what = TRACEBACK if died else OVER_TIME
        told = f"the process died with {self.process.exitcode}" if died else ""
        self.faults.append(Fault(self.share.kind, self.at, what, told))
        return Share(self.share.kind, range(self.at + 1, self.share.numbers.stop))

    def end(self) -> None:
        """Stop the process."""
        if self.process.is_alive():
            self.process.terminate()
            self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
        self.process.join()


def _work(connection: Connection, seed: int) -> None:
    """The life of a worker."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    prepare()
    watched = Watched(seed)
    try:
        while True:
            share = connection.recv()
            watched.begin(share.kind)
            for number in share.numbers:
                connection.send(number)
                for fault in watched.run(share.kind, number):
                    connection.send(fault)
            connection.send(None)
    except EOFError:
        pass
    finally:
        watched.close()


def prepare() -> None:
    """Bring this process into the state in which cases are run: alone, offline, with limits."""
    import torch

    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ[name] = "1"
    os.environ["REFMASK_NET"] = "off"
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_DATA, (CEILING, CEILING))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _reset_memory() -> int:
    """Bytes in memory now, which is the most from now on."""
    Path("/proc/self/clear_refs").write_text("5")
    return _most_memory()


def _most_memory() -> int:
    """The most bytes that were in memory since the reset."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise OSError("this system does not tell a process's memory")
