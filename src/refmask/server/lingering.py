"""Answers that come before the request's body does, and reach a client that is still sending."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Send


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
