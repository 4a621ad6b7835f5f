"""Requests as they come in: the room there is for them, and what bodies take of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Send

from refmask.server.limits import Limits

#: Kinds of requests: those that look at an image, and those that only ask or search.
LOOKS, ASKS = "looks", "asks"
#: Seconds after which a client may come again.
AGAIN = {LOOKS: "3", ASKS: "1"}


class Room:
    """The room of a server: places for requests that have come in whole, bytes for all bodies.

    Args:
        limits: of body, workers and queue.
        inside: number of places taken, by kind; changed in place.
    """

    def __init__(self, limits: Limits, inside: dict[str, int]) -> None:
        self.limits, self.inside = limits, inside
        self._bytes = 0

    def full(self, kind: str) -> HTTPException | None:
        """Why there is no place for another request of a kind; None when there is."""
        most = self.limits.workers + self.limits.queue
        if self.inside[kind] < most:
            return None
        told = f"{most} requests are in work or wait already; come again in a moment"
        return HTTPException(429, told, {"Retry-After": AGAIN[kind]})

    def enter(self, kind: str) -> None:
        """Take a place; raises 429 when there is none."""
        if (full := self.full(kind)) is not None:
            raise full
        self.inside[kind] += 1

    def leave(self, kind: str) -> None:
        """Give a place back."""
        self.inside[kind] -= 1

    def store(self, size: int) -> None:
        """Take some bytes, or give them back; raises 429 when there are not so many."""
        if size > 0 and self._bytes + size > max(self.limits.bodies, self.limits.body):
            told = "too many bodies come in at once; come again in a moment"
            raise HTTPException(429, told, {"Retry-After": AGAIN[LOOKS]})
        self._bytes += size


class Body:
    """A request's body, counted as it comes in; what is beyond the limit is not read.

    A request takes its place only when its body is whole, so that slow ones are in nobody's way.
    What it took is given back at the end of a ``with``.

    Args:
        receive: gives the next message.
        room: of the server.
        kind: of the request; None for those that need no place.

    Attributes:
        whole: it has come in.
    """

    def __init__(self, receive: Receive, room: Room, kind: str | None) -> None:
        self._receive, self._room, self._kind = receive, room, kind
        self._size, self._placed = 0, False
        self.whole = False

    async def receive(self) -> Message:
        """The next message; raises 413 for too many bytes, 429 when there is no room for them."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._take(len(message.get("body", b"")))
            if not message.get("more_body", False):
                self._arrive()
        return message

    def _take(self, size: int) -> None:
        if self._size + size > self._room.limits.body:
            raise HTTPException(413, too_large(self._room.limits.body))
        self._room.store(size)
        self._size += size

    def _arrive(self) -> None:
        self.whole = True
        if self._kind is not None and not self._placed:
            self._room.enter(self._kind)
            self._placed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._room.store(-self._size)
        if self._kind is not None and self._placed:
            self._room.leave(self._kind)


def too_large(limit: int) -> str:
    """The sentence for a body beyond the limit."""
    return f"expected a body of at most {limit} bytes, got more; send a smaller image"


class Lingering:
    """Sends an answer at once, and its end when the rest of the body has come and is thrown away.

    A server may close the connection at the end of an answer. While the client still sends, that
    resets it, and the client never reads what it was told.

    Args:
        headers: of the request.
        receive: gives the next message.
        send: sends one.
    """

    def __init__(self, headers: Headers, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._whole = "transfer-encoding" not in headers and not announced(headers)
        self._withheld = False

    async def receive(self) -> Message:
        """The next message."""
        message = await self._receive()
        self._whole = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send a message; of the last one its end only where the body is whole."""
        last = message["type"] == "http.response.body" and not message.get("more_body", False)
        self._withheld = last and not self._whole
        await self._send({**message, "more_body": True} if self._withheld else message)

    async def finish(self, seconds: float) -> None:
        """Throw the rest of the body away, as far as it comes in time, and end the answer."""
        if not self._withheld:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._whole:
                    await self.receive()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def announced(headers: Headers) -> int:
    """Bytes that a request's body says it has."""
    length = headers.get("content-length", "")
    return int(length[:20]) if length.isascii() and length.isdigit() else 0
