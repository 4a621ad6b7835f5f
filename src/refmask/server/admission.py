"""Admission of requests: token, size and capacity before the body is read, then the time limit."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Self

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from refmask.server.failures import problem
from refmask.server.limits import Limits

#: Open to all: needs no token and is never refused.
HEALTH = "/healthz"
LABEL_STUDIO = "/label-studio"
#: Kinds of requests: those that encode an image, and those that only query or search.
ENCODE, QUERY = "looks", "asks"
#: Seconds until a client should retry, by kind.
RETRY_AFTER = {ENCODE: "3", QUERY: "1"}


def kind_of(method: str, path: str) -> str | None:
    """The kind of a request; None for those that cost nothing."""
    if method != "POST":
        return None
    return QUERY if path.endswith("/find") or path == "/v1/search" else ENCODE


class AdmissionMiddleware:
    """Reject before reading the body: 401, 413, 429, 503.

    Args:
        app: answers admitted requests.
        limits: of body, time, workers and queue.
        token: that requests must bear; None admits all.
        closed: returns why the server cannot answer now, or None.
        active: number of admitted, unanswered requests by kind; updated in place.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        token: str | None,
        closed: Callable[[], str | None],
        active: dict[str, int],
    ) -> None:
        self.app, self.limits, self.closed = app, limits, closed
        self._token = None if token is None else _digest(token)
        self._capacity = Capacity(limits, active)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or reject a request."""
        if scope["type"] != "http" or scope["path"].startswith(HEALTH):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        lingering = LingeringClose(headers, receive, send)
        with suppress(ClientDisconnect):
            await self._answer(headers, scope, lingering.receive, lingering.send)
        await lingering.finish(self.limits.head_seconds)

    async def _answer(self, headers: Headers, scope: Scope, receive: Receive, send: Send) -> None:
        kind = kind_of(scope["method"], scope["path"])
        rejection = self._rejection(scope["path"], headers, kind)
        if rejection is None:
            await self._admit(kind, scope, receive, send)
            return
        if "expect" in headers:  # such a client sends no body after this answer
            rejection.headers["Connection"] = "close"
        await rejection(scope, receive, send)

    def _rejection(self, path: str, headers: Headers, kind: str | None) -> Response | None:
        if self._token is not None and not hmac.compare_digest(
            self._token, _digest(_token_of(path, headers))
        ):
            message = "token missing or wrong; send the header 'Authorization: Bearer TOKEN'"
            return problem(401, message, WWW_Authenticate="Bearer")
        if content_length(headers) > self.limits.body:
            return problem(413, too_large(self.limits.body))
        if kind is None:
            return None
        if (reason := self.closed()) is not None:
            return problem(503, reason, Retry_After="5")
        if (full := self._capacity.full(kind)) is not None:
            return problem(429, str(full.detail), **dict(full.headers or {}))
        return None

    async def _admit(self, kind: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        with CountedBody(receive, self._capacity, kind) as body:
            try:
                async with asyncio.timeout(self.limits.seconds) as timeout:
                    await self.app(scope, body.receive, send_noted)
                return
            except TimeoutError:
                if started or not timeout.expired():
                    raise
        await self._timed_out(body)(scope, receive, send)

    def _timed_out(self, body: CountedBody) -> Response:
        within = f"within {self.limits.seconds:g} s"
        if not body.complete:
            return problem(408, f"the body did not arrive {within}; send it faster")
        message = f"no answer {within}; send less per request, or try again later"
        return problem(503, message, Retry_After="5")


class Capacity:
    """The server's capacity: slots for requests, bytes for all bodies.

    Args:
        limits: of body, workers and queue.
        active: number of slots in use by kind; updated in place.
    """

    def __init__(self, limits: Limits, active: dict[str, int]) -> None:
        self.limits, self.active = limits, active
        self._bytes = 0

    def full(self, kind: str) -> HTTPException | None:
        """The error when no slot of a kind is free, else None."""
        most = self.limits.workers + self.limits.queue
        if self.active[kind] < most:
            return None
        message = f"the server is busy with {most} requests; try again in a moment"
        return HTTPException(429, message, {"Retry-After": RETRY_AFTER[kind]})

    def acquire(self, kind: str) -> None:
        """Take a slot; raises 429 when none is free."""
        if (full := self.full(kind)) is not None:
            raise full
        self.active[kind] += 1

    def release(self, kind: str) -> None:
        """Give a slot back."""
        self.active[kind] -= 1

    def reserve(self, size: int) -> None:
        """Reserve bytes, or give them back; raises 429 when too few are left."""
        if size > 0 and self._bytes + size > max(self.limits.bodies, self.limits.body):
            message = "too many bodies arrive at once; try again in a moment"
            raise HTTPException(429, message, {"Retry-After": RETRY_AFTER[ENCODE]})
        self._bytes += size


class CountedBody:
    """A request's body, counted as it arrives; bytes beyond the limit are not read.

    A request takes its slot when its body is complete, so slow clients block nobody. The end of
    the ``with`` block releases slot and bytes.

    Args:
        receive: of the request.
        capacity: of the server.
        kind: of the request; None for those without a slot.

    Attributes:
        complete: the whole body arrived.
    """

    def __init__(self, receive: Receive, capacity: Capacity, kind: str | None) -> None:
        self._receive, self._capacity, self._kind = receive, capacity, kind
        self._size, self._holds_slot = 0, False
        self.complete = False

    async def receive(self) -> Message:
        """The next message; raises 413 for too many bytes, 429 without capacity for them."""
        message = await self._receive()
        if message["type"] == "http.request":
            size = len(message.get("body", b""))
            if self._size + size > self._capacity.limits.body:
                raise HTTPException(413, too_large(self._capacity.limits.body))
            self._capacity.reserve(size)
            self._size += size
            if not message.get("more_body", False):
                self._finish()
        return message

    def _finish(self) -> None:
        self.complete = True
        if self._kind is not None and not self._holds_slot:
            self._capacity.acquire(self._kind)
            self._holds_slot = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._capacity.reserve(-self._size)
        if self._kind is not None and self._holds_slot:
            self._capacity.release(self._kind)


def too_large(limit: int) -> str:
    """The message for a body beyond the limit."""
    return f"the body has more than {limit} bytes; send a smaller image"


class LingeringClose:
    """Send the answer at once, but end it only after the rest of the body, which is discarded.

    A server may close the connection after the answer. If the client still sends, that resets the
    connection, and the client never reads the answer.

    Args:
        headers: of the request.
        receive: of the request.
        send: of the answer.
    """

    def __init__(self, headers: Headers, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._complete = "transfer-encoding" not in headers and not content_length(headers)
        self._end_withheld = False

    async def receive(self) -> Message:
        """The next message."""
        message = await self._receive()
        self._complete = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send a message; withhold the answer's end while the body is incomplete."""
        last = message["type"] == "http.response.body" and not message.get("more_body", False)
        self._end_withheld = last and not self._complete
        await self._send({**message, "more_body": True} if self._end_withheld else message)

    async def finish(self, seconds: float) -> None:
        """Discard the rest of the body, for at most ``seconds``, and end the answer."""
        if not self._end_withheld:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._complete:
                    await self.receive()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def content_length(headers: Headers) -> int:
    """The announced bytes of a request's body; 0 when not announced."""
    length = headers.get("content-length", "")
    return int(length[:20]) if length.isascii() and length.isdigit() else 0


def _token_of(path: str, headers: Mapping[str, str]) -> str:
    """The token of a request; Label Studio can only send it as a password."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic" and path.startswith(LABEL_STUDIO):
        with suppress(ValueError):
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
    return ""


def _digest(token: str) -> bytes:
    """A digest of fixed length, so that comparison time reveals nothing about the token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
