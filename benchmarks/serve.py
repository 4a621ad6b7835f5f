"""What ``refmask serve`` answers under load, over loopback: throughput, times, and refusals.

    python benchmarks/serve.py [--clients 1 8 32] [--seconds 20]

A server in a process of its own, with the embedded model, its default limits and the masks of
``grouping``. Each client asks as soon as it was answered, on a connection that it keeps. Two works:
*find*, one phrase never asked before in a scene that is held, and *segment*, a shipped image of
400x400 pixels with one phrase. A second server with one worker and a queue of 4 is asked by 32
clients at once: the others must be refused. Prints a table and writes ``results/serve.json``.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import itertools
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from harness import write
from tables_work import load as load_table

import refmask

JSON = {"Content-Type": "application/json"}
IMAGE = next((Path(refmask.__file__).parent / "assets/scenes/images").rglob("*.png"))
#: Phrases are numbered, so that none has been asked before.
WORDS = ("red", "small", "left", "striped", "upper", "green", "big", "blue")
THINGS = ("car", "dog on the rug", "cup", "horse beside the plate", "apple", "boat")

Work = Callable[[http.client.HTTPConnection, str], http.client.HTTPResponse]


class Answer(NamedTuple):
    """How a request went."""

    status: int
    seconds: float


@contextlib.contextmanager
def served(*options: str) -> Iterator[int]:
    """The port of a server that is ready."""
    command = [sys.executable, "-m", "refmask", "serve", "--port", "0", "--model", "embedded"]
    command += options
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            found = re.search(r":(\d+),", process.stdout.readline())
            if found is None or "ready" not in process.stdout.readline():
                raise SystemExit("the server did not start; its own words are above")
            yield int(found[1])
        finally:
            process.terminate()


def connect(port: int) -> http.client.HTTPConnection:
    """A connection that is kept."""
    return http.client.HTTPConnection("127.0.0.1", port, timeout=120)


def find_in(port: int) -> Work:
    """Asks a scene that is held."""
    form = IMAGE.read_bytes()
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    connection = connect(port)
    connection.request("POST", "/v1/scenes", head + form + b"\r\n--x--\r\n", kind)
    place = json.loads(connection.getresponse().read())["id"]

    def ask(connection: http.client.HTTPConnection, phrase: str) -> http.client.HTTPResponse:
        body = json.dumps({"phrases": [phrase]})
        connection.request("POST", f"/v1/scenes/{place}/find", body, JSON)
        return connection.getresponse()

    return ask


def segment() -> Work:
    """Sends an image with a phrase."""
    image = base64.b64encode(IMAGE.read_bytes()).decode()

    def ask(connection: http.client.HTTPConnection, phrase: str) -> http.client.HTTPResponse:
        body = json.dumps({"image": image, "phrases": [phrase]})
        connection.request("POST", "/v1/segment", body, JSON)
        return connection.getresponse()

    return ask


def phrases() -> Iterator[str]:
    """Phrases without end, all of them different."""
    for number in itertools.count():
        word, thing = WORDS[number % len(WORDS)], THINGS[number % len(THINGS)]
        yield f"the {word} {thing} number {number}"


def load(port: int, work: Work, clients: int, seconds: float) -> list[Answer]:
    """What several clients were answered, each asking anew as soon as it was."""
    answers: list[Answer] = []
    numbered, lock = phrases(), threading.Lock()
    end = time.perf_counter() + seconds

    def client() -> None:
        connection = connect(port)
        while time.perf_counter() < end:
            with lock:
                phrase = next(numbered)
            began = time.perf_counter()
            told = work(connection, phrase)
            told.read()
            answers.append(Answer(told.status, time.perf_counter() - began))
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def row(work: str, clients: int, answers: list[Answer], seconds: float) -> dict[str, Any]:
    """Figures of one load.

    Args:
        work: its name.
        clients: that asked at once.
        answers: to all of them.
        seconds: from the first request to the last answer.
    """
    good = [answer.seconds for answer in answers if answer.status < 300]
    middle, late = np.percentile(good, [50, 95]).tolist() if good else (None, None)
    return {
        "work": work,
        "clients": clients,
        "per_second": len(good) / seconds,
        "p50": middle,
        "p95": late,
        "statuses": {
            str(status): count for status, count in Counter(a.status for a in answers).items()
        },
    }


def measure(port: int, name: str, work: Work, clients: int, seconds: float) -> dict[str, Any]:
    """One row, after a warm-up."""
    load(port, work, 1, min(1.0, seconds))
    began = time.perf_counter()
    answers = load(port, work, clients, seconds)
    return row(name, clients, answers, time.perf_counter() - began)


def faults(rows: list[dict[str, Any]], crowd: dict[str, Any]) -> list[str]:
    """What must not be: an error below the limit, or anything but 200 and 429 above it."""
    wrong = [
        f"{told['work']}: {told['statuses']}" for told in rows if set(told["statuses"]) != {"200"}
    ]
    if set(crowd["statuses"]) != {"200", "429"}:
        wrong.append(f"above the limit: {crowd['statuses']}")
    return wrong


def main() -> int:
    """Measure, print and write; 1 when a request went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--seconds", type=float, default=20.0, help="of each row")
    chosen = parser.parse_args()
    with served() as port:
        works = {"find": find_in(port), "segment": segment()}
        rows = [
            measure(port, name, work, clients, chosen.seconds)
            for name, work in works.items()
            for clients in chosen.clients
        ]
    with served("--workers", "1", "--queue", "4") as port:
        crowd = measure(port, "segment, queue of 4", segment(), 32, min(10.0, chosen.seconds))
    content = {"seconds": chosen.seconds, "rows": rows, "above": crowd}
    print(load_table(content), write("serve", content), sep="\n")
    wrong = faults(rows, crowd)
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
