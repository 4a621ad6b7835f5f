"""What happens to a request before its body is read, and how much of a body is read."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from refmask.web.failures import problem
from refmask.web.limits import Limits

#: Whoever looks after the server asks these without a token, and is never refused.
OPEN = "/healthz"
#: Kinds of requests: those that look at a picture, and those that only ask or search.
LOOKS, ASKS = "looks", "asks"
LABEL_STUDIO = "/label-studio"
#: Seconds for which what a refused client still sends is read and thrown away.
DRAINED = 5.0


def kind_of(method: str, path: str) -> str | None:
    """Of which kind a request is; None for those that cost nothing."""
    if method != "POST":
        return None
    return ASKS if path.endswith("/find") or path == "/v1/search" else LOOKS


class Door:
    """Refuses without reading: strangers, what is too large, what comes too early or too much.

    Args:
        app: answers what was let in.
        limits: of body, time, workers and queue.
        token: that a request must bear; None lets everybody in.
        closed: why nothing can be answered now; None when it can.
        inside: number of requests that were let in, by kind; changed in place.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        token: str | None,
        closed: Callable[[], str | None],
        inside: dict[str, int],
    ) -> None:
        self.app, self.limits, self.closed, self.inside = app, limits, closed, inside
        self._token = None if token is None else _digest(token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http" or scope["path"].startswith(OPEN):
            await self.app(scope, receive, send)
            return
        headers, kind = Headers(scope=scope), kind_of(scope["method"], scope["path"])
        if _announced(headers) > self.limits.body:
            await self._too_large()(scope, receive, send)
            return
        refusal = self._refusal(scope["path"], headers, kind)
        if refusal is not None:
            # A client that still sends would see its connection cut, and not the answer.
            await _drain(receive, self.limits.body)
            await refusal(scope, receive, send)
            return
        if kind is None:
            await self._let_in(scope, receive, send)
            return
        self.inside[kind] += 1
        try:
            await self._let_in(scope, receive, send)
        finally:
            self.inside[kind] -= 1

    def _refusal(self, path: str, headers: Headers, kind: str | None) -> Response | None:
        if self._token is not None and not hmac.compare_digest(
            self._token, _digest(_given(path, headers))
        ):
            told = "expected the token of this server in the header 'Authorization: Bearer TOKEN'"
            return problem(401, told, WWW_Authenticate="Bearer")
        if kind is None:
            return None
        if (why := self.closed()) is not None:
            return problem(503, why, Retry_After="5")
        most = self.limits.workers + self.limits.queue
        if self.inside[kind] >= most:
            told = f"{most} requests are in work or wait already; come again in a moment"
            return problem(429, told, Retry_After="1" if kind == ASKS else "3")
        return None

    def _too_large(self) -> Response:
        return problem(413, too_large(self.limits.body), Connection="close")

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, began = Body(receive, self.limits.body), False

        async def told(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            async with asyncio.timeout(self.limits.seconds) as time:
                await self.app(scope, body.receive, told)
        except TimeoutError:
            if began or not time.expired():
                raise
            await self._late(body)(scope, receive, send)

    def _late(self, body: Body) -> Response:
        within = f"within {self.limits.seconds:g} s"
        if not body.whole:
            told = f"expected the whole body {within}, got a part of it; send it faster"
            return problem(408, told, Connection="close")
        told = f"no answer {within}; ask for less at once, or come again when fewer do"
        return problem(503, told, Retry_After="5")


class Body:
    """A request's body, counted as it comes in; what is beyond the limit is not read.

    Attributes:
        whole: it has come in.
    """

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive, self._left = receive, limit
        self._limit = limit
        self.whole = False

    async def receive(self) -> Message:
        """The next message; raises 413 when there are more bytes than the limit."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            self.whole = not message.get("more_body", False)
            if self._left < 0:
                raise HTTPException(413, too_large(self._limit), {"Connection": "close"})
        return message


def too_large(limit: int) -> str:
    """The sentence for a body beyond the limit."""
    return f"expected a body of at most {limit} bytes, got more; send a smaller picture"


def _announced(headers: Mapping[str, str]) -> int:
    length = headers.get("content-length", "")
    return int(length[:20]) if length.isascii() and length.isdigit() else 0


def _given(path: str, headers: Mapping[str, str]) -> str:
    """The token that a request bears; Label Studio can only send it as a password."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() == "basic" and path.startswith(LABEL_STUDIO):
        with suppress(ValueError):
            return base64.b64decode(given, validate=True).decode().partition(":")[2]
    return ""


def _digest(token: str) -> bytes:
    """Of equal length for all tokens, so that comparing them tells nothing of it."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


async def _drain(receive: Receive, limit: int) -> None:
    body = Body(receive, limit)
    with suppress(HTTPException, TimeoutError):
        async with asyncio.timeout(DRAINED):
            while not body.whole:
                if (await body.receive())["type"] == "http.disconnect":
                    return
