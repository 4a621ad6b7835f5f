"""Whether ``refmask serve`` lasts: thousands of requests of all kinds, good, bad and cut short.

    python benchmarks/load.py [--requests 2000] [--seconds 600] [--clients 4]

A server in a process of its own, with the embedded model, its default limits and an index of one
image. Each client asks as soon as it was answered, kinds in a seeded order: *find* asks a phrase
never asked before of a scene that is held, *segment* sends an image of 400x400 pixels, *look* one
to be held instead of the one before, *search* asks the index, *bad* sends what must be refused,
*cut* hangs up midway. The server's memory is read from its ``/metrics`` at equal steps. Prints two
tables, writes ``results/load.json``, and ends with 1 when an answer was another than it should be,
or memory grew.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tables_work
from harness import write
from serve import IMAGE, JSON, connect, phrases, served

#: Kinds of requests: how many of a hundred, and which statuses are right. 0: nobody waits for one.
KINDS: dict[str, tuple[int, frozenset[int]]] = {
    "find": (61, frozenset({200})),
    "segment": (4, frozenset({200})),
    "look": (2, frozenset({201})),
    "search": (15, frozenset({200})),
    "bad": (13, frozenset({400, 404, 405, 413, 415, 422})),
    "cut": (5, frozenset({0})),
}
#: Memory is told so often.
STEPS = 10
#: Of the steps at which memory is told: after the warm-up, and in the end.
PARTS = (slice(2, 5), slice(-2, None))
#: Memory may grow by so much from the one to the other.
GROWTH = 1.1
CODED = base64.b64encode(IMAGE.read_bytes()).decode()
SEGMENT = "/v1/segment"


class Answer(NamedTuple):
    """How a request went."""

    kind: str
    status: int
    seconds: float


class Bad(NamedTuple):
    """A request that must be refused."""

    path: str
    body: bytes
    headers: Mapping[str, str] = JSON


def _json(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


BAD = (
    Bad(SEGMENT, b"{"),
    Bad(SEGMENT, b"[" * 100_000),
    Bad(SEGMENT, _json(image=CODED, phrases=["a dog"], top=10**309)),
    Bad(SEGMENT, _json(image=CODED[: len(CODED) // 2 // 4 * 4], phrases=["a dog"])),
    Bad(SEGMENT, _json(image="/etc/passwd", phrases=["a dog"])),
    Bad(SEGMENT, _json(image=CODED, phrases=[" "])),
    Bad(SEGMENT, b"x" * 40_000_000),
    Bad(SEGMENT, b"image", {"Content-Type": "text/plain"}),
    Bad("/v1/scenes/none/find", _json(phrases=["a dog"])),
    Bad("/v1/search", _json(phrase="a dog", since="yesterday")),
    Bad("/healthz", b""),
    Bad("/v2", b"{}"),
)


class Client:
    """Asks a server one request after the other, on a connection that it keeps.

    Args:
        port: of the server.
        seed: of what it chooses.
        next_phrase: gives phrases, all of them different.
    """

    def __init__(self, port: int, seed: int, next_phrase: Callable[[], str]) -> None:
        self._port, self._phrase = port, next_phrase
        self._chosen = random.Random(seed)
        self._connection = connect(port)
        self._scene = ""
        self.ask("look")

    def ask(self, kind: str) -> Answer:
        """Send a request of a kind; the time is that to the end of its answer."""
        began = time.perf_counter()
        status = getattr(self, f"_{kind}")()
        return Answer(kind, status, time.perf_counter() - began)

    def _send(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = JSON
    ) -> tuple[int, bytes]:
        try:
            self._connection.request(method, path, body, headers)
            told = self._connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):  # let go while nobody asked
            self._connection.close()
            self._connection.request(method, path, body, headers)
            told = self._connection.getresponse()
        return told.status, told.read()

    def _find(self) -> int:
        return self._send(
            "POST", f"/v1/scenes/{self._scene}/find", _json(phrases=[self._phrase()])
        )[0]

    def _segment(self) -> int:
        return self._send("POST", SEGMENT, _json(image=CODED, phrases=[self._phrase()]))[0]

    def _look(self) -> int:
        if self._scene:
            self._send("DELETE", f"/v1/scenes/{self._scene}")
        status, told = self._send("POST", "/v1/scenes", _json(image=CODED))
        self._scene = json.loads(told)["id"]
        return status

    def _search(self) -> int:
        return self._send("POST", "/v1/search", _json(phrase=self._phrase(), top=5))[0]

    def _bad(self) -> int:
        return self._send("POST", *self._chosen.choice(BAD))[0]

    def _cut(self) -> int:
        body = _json(image=CODED, phrases=[self._phrase()])
        head = f"POST {SEGMENT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        whole = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        with socket.create_connection(("127.0.0.1", self._port)) as opened:
            opened.sendall(whole[: self._chosen.choice((40, len(whole) // 2, len(whole)))])
        return 0


def order(requests: int, seed: int = 0) -> list[str]:
    """So many kinds of requests, mixed."""
    shares = [share for share, _ in KINDS.values()]
    return random.Random(seed).choices(list(KINDS), shares, k=requests)


def load(port: int, clients: int, kinds: list[str], seconds: float) -> tuple[list[Answer], Any]:
    """What clients were answered, as far as they came in time, and the server's memory meanwhile.

    Returns:
        Answers, and pairs of requests answered and bytes.
    """
    answers: list[Answer] = []
    numbers, texts, lock = count(), phrases(), threading.Lock()
    end = time.monotonic() + seconds

    def phrase() -> str:
        with lock:
            return next(texts)

    def client(number: int) -> None:
        asking = Client(port, number, phrase)
        while time.monotonic() < end and (at := next(numbers)) < len(kinds):
            answers.append(asking.ask(kinds[at]))

    threads = [threading.Thread(target=client, args=[number]) for number in range(clients)]
    for thread in threads:
        thread.start()
    told = [(len(answers), memory(port))]
    while any(thread.is_alive() for thread in threads):
        time.sleep(1)
        if len(answers) >= len(told) * len(kinds) / STEPS:
            told.append((len(answers), memory(port)))
    return answers, told


def memory(port: int) -> int:
    """Resident bytes of the server, by its own words."""
    connection = connect(port)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found = re.search(r"^process_resident_memory_bytes (\S+)$", text, re.MULTILINE)
    if found is None:
        raise SystemExit("the server does not tell its memory: is this Linux?")
    return int(float(found[1]))


def rows(answers: list[Answer]) -> list[dict[str, Any]]:
    """Figures of each kind of request."""
    made = []
    for kind in KINDS:
        some = [answer for answer in answers if answer.kind == kind]
        if some:
            times = np.percentile([answer.seconds for answer in some], [50, 95, 100]).tolist()
            statuses = Counter(str(answer.status) for answer in some)
            made.append(
                {"kind": kind, "requests": len(some), "statuses": dict(sorted(statuses.items()))}
                | dict(zip(("p50", "p95", "most"), times, strict=True))
            )
    return made


def faults(answers: list[Answer], told: list[tuple[int, int]]) -> list[str]:
    """Answers that should have been others, and memory that grew."""
    wrong = Counter(
        f"{answer.kind}: {answer.status}"
        for answer in answers
        if answer.status not in KINDS[answer.kind][1]
    )
    found = [f"{what}, {times} times" for what, times in wrong.items()]
    early, late = (max(size for _, size in told[part]) for part in PARTS)
    return [*found, f"memory grew from {early} to {late} bytes"] if late > GROWTH * early else found


def main() -> int:
    """Ask, print and write; 1 when something went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=600.0, help="at most")
    parser.add_argument("--clients", type=int, default=4)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        index = str(Path(folder) / "index")
        make = [sys.executable, "-m", "refmask", "index", "add", "--index", index, str(IMAGE)]
        subprocess.run([*make, "--model", "embedded"], check=True, stdout=subprocess.DEVNULL)
        with served("--index", index) as port:
            began = time.monotonic()
            kinds = order(chosen.requests)
            answers, told = load(port, chosen.clients, kinds, chosen.seconds)
            took = time.monotonic() - began
    content = {
        **{"clients": chosen.clients, "seconds": took, "asked": chosen.requests},
        **{"rows": rows(answers), "memory": told},
    }
    path = write("load", content)
    print(tables_work.mixed(content), tables_work.resident(content), path, sep="\n")
    wrong = faults(answers, told)
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
