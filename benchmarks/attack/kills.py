"""Commands killed at random moments, run again, and compared with an unbroken run."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

#: What a folder holds, to be compared.
Content = Mapping[str, object]
#: Files that grow while a command runs, or tell times.
GROWING, TIMES = ("samples.jsonl",), ("times.jsonl",)
PHRASES = ("the red patch", "a blue patch on the left")
#: What commands import, for the process that they are forked from; nothing is loaded there and no
#: thread started, wherefore LanceDB, which starts some, is not among them.
IMPORTED = (
    *("refmask.batch.batch", "refmask.classifier", "refmask.cli.segment", "refmask.clip.loading"),
    *("refmask.evaluation.evaluate", "refmask.segmenter"),
)
#: Kills in a row that came too late, before a command is given up.
PATIENCE = 200


@dataclass(frozen=True)
class Killed:
    """One kill that landed.

    Attributes:
        name: of the command.
        after: seconds from its start.
        right: nothing half-written, and in the end all as in an unbroken run.
        told: what differs.
    """

    name: str
    after: float
    right: bool
    told: str


@dataclass(frozen=True)
class Command:
    """A command to be killed.

    Attributes:
        words: of the command, by the folder with the inputs and the one to write to.
        content: of what it wrote.
        writers: how many write at once; of two, one is killed and nothing is run again.
    """

    words: Callable[[Path, Path], list[str]]
    content: Callable[[Path], Content]
    writers: int = 1


def tree(folder: Path) -> Content:
    """Digests of all files but hidden ones and those that tell times."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {str(path.relative_to(folder)): path for path in files}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in names.items()
        if not path.name.startswith(".") and path.name not in TIMES
    }


def index(folder: Path) -> Content:
    """Images of an index with all their regions."""
    from refmask.search import Collection

    collection = Collection(folder)
    told = {
        one.path: (asdict(one), collection.rows(one.path).to_pylist())
        for one in collection.images()
    }
    return told | {"stats": (collection.stats().regions, collection.stats().folders)}


def _propose(inputs: Path, out: Path) -> list[str]:
    return ["propose", str(inputs / "photos"), *PROPOSALS, "--out", str(out)]


def _evaluate(_: Path, out: Path) -> list[str]:
    words = ["evaluate", "scenes", "--split", "val", "--proposals", "instances", "--first", "10"]
    return [*words, *MODEL, "--out", str(out)]


def _index(inputs: Path, out: Path) -> list[str]:
    return ["index", "add", str(inputs / "photos"), "--index", str(out), *PROPOSALS, *MODEL]


def _batch(inputs: Path, out: Path) -> list[str]:
    words = ["batch", str(inputs / "photos"), "--expressions", str(inputs / "asked.txt")]
    return [*words, "--out", str(out), "--shard-rows", "4", *PROPOSALS, *MODEL]


def _export(inputs: Path, out: Path) -> list[str]:
    formats = [
        word for name in ("coco", "yolo", "labelme", "palette") for word in ("--format", name)
    ]
    return ["export", str(inputs / "answers.jsonl"), "--out", str(out), "--overwrite", *formats]


def _segment(inputs: Path, out: Path) -> list[str]:
    return ["segment", str(inputs / "photos"), *PHRASES, "--out", str(out), *PROPOSALS, *MODEL]


PROPOSALS = ("--proposals", "grouping:limit=4")
MODEL = ("--model", "embedded", "--precision", "fp32")
COMMANDS = {
    "propose": Command(_propose, tree),
    "evaluate": Command(_evaluate, tree),
    "index add": Command(_index, index),
    "batch": Command(_batch, tree),
    "export": Command(_export, tree),
    "segment FOLDER": Command(_segment, tree),
    "propose, one of two writers": Command(_propose, tree, 2),
    "index add, one of two writers": Command(_index, index, 2),
}


def kill_all(names: Sequence[str], kills: int, seed: int) -> list[Killed]:
    """Kill commands until so many kills of each have landed.

    Args:
        names: of ``COMMANDS``.
        kills: to land, of each.
        seed: of the moments.
    """
    with TemporaryDirectory(prefix="kills-") as place:
        inputs = made_inputs(Path(place) / "inputs")
        found = []
        for name in names:
            for one in killed(name, inputs, Path(place) / name, kills, seed):
                found.append(one)
                outcome = one.told or "ended as unbroken"
                print(f"{name}, killed after {one.after:.2f} s: {outcome}", file=sys.stderr)
        return found


def made_inputs(folder: Path, images: int = 8) -> Path:
    """Images, phrases and answers about them."""
    (folder / "photos").mkdir(parents=True)
    for seed in range(images):
        patches = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
        image = Image.fromarray(patches).resize((96, 72), Image.Resampling.NEAREST)
        image.save(folder / "photos" / f"{seed:02}.png")
    (folder / "asked.txt").write_text("\n".join(PHRASES))
    answers = folder / "answers.jsonl"
    words = [*_segment(folder, folder / "unused"), "--json"]
    finish(start([words], answers)[0])
    return folder


def killed(name: str, inputs: Path, place: Path, kills: int, seed: int) -> Iterator[Killed]:
    """Kills of one command that landed."""
    command, rng = COMMANDS[name], random.Random(f"{seed} {name}")
    place.mkdir()
    whole, taken = unbroken(command, inputs, place)
    late = 0
    for number in range(kills * 10 + PATIENCE):
        out = place / str(number)
        after = rng.uniform(0, taken)
        running = start([command.words(inputs, out)] * command.writers)
        time.sleep(after)
        landed = kill(running[0])
        told = _after_kill(command, whole, out) if landed and command.writers == 1 else ""
        for other in running[1:]:
            finish(other)
        if landed:
            late = 0
            if command.writers == 1:
                finish(start([command.words(inputs, out)])[0])
            told = told or difference(whole, command.content(out))
            yield Killed(name, after, not told, told)
            kills -= 1
        late += not landed
        if not kills or late > PATIENCE:
            return


def unbroken(command: Command, inputs: Path, place: Path) -> tuple[Content, float]:
    """What a run that nobody kills leaves, twice the same, and the seconds that it takes."""
    found = []
    for name in ("whole", "again"):
        began = time.monotonic()
        finish(start([command.words(inputs, place / name)])[0])
        taken = time.monotonic() - began
        found.append(command.content(place / name))
    told = difference(*found)
    if told:
        raise RuntimeError(f"two unbroken runs differ: {told}")
    return found[0], taken


def difference(expected: Content, got: Content) -> str:
    """Names at which two contents differ, the first few; "" where they do not."""
    names = [name for name in {**expected, **got} if expected.get(name) != got.get(name)]
    return f"{len(names)} differ, such as {', '.join(map(str, names[:3]))}" if names else ""


def _after_kill(command: Command, whole: Content, out: Path) -> str:
    """Visible files that are neither whole nor made to grow."""
    if command.content is not tree or not out.exists():
        return ""
    half = [
        name
        for name, digest in tree(out).items()
        if Path(name).name not in GROWING and whole.get(name) not in (None, digest)
    ]
    return f"half-written: {', '.join(half[:3])}" if half else ""


def start(commands: Sequence[Sequence[str]], stdout: Path | None = None) -> list[BaseProcess]:
    """Start commands, each in a process of its own that has the libraries already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    made = [context.Process(target=_command, args=(list(words), stdout)) for words in commands]
    for one in made:
        one.start()
    return made


def kill(process: BaseProcess) -> bool:
    """Kill a process with all that it started; whether it was still running."""
    assert process.pid is not None
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # it has no group yet, or has ended
        process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def finish(process: BaseProcess) -> None:
    """Wait for a process, which must end well."""
    process.join(300)
    if process.exitcode != 0:
        process.kill()
        raise RuntimeError(f"a command that nobody killed ended with {process.exitcode}")


def _command(words: list[str], stdout: Path | None) -> None:
    """The life of such a process."""
    os.setpgrp()
    import torch

    from refmask.cli import main

    torch.set_num_threads(1)
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(Path(stdout or os.devnull).open("w"))
        os.dup2(target.fileno(), 1)
        if stdout is None:
            os.dup2(target.fileno(), 2)
        code = main(words)
        sys.stdout.flush()
    sys.exit(code)
