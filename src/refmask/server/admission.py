"""What happens to a request before its body is read, and when it takes too long."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from refmask.server.arriving import ASKS, LOOKS, Body, Lingering, Room, announced, too_large
from refmask.server.failures import problem
from refmask.server.limits import Limits

#: Whoever looks after the server asks these without a token, and is never refused.
OPEN = "/healthz"
LABEL_STUDIO = "/label-studio"


def kind_of(method: str, path: str) -> str | None:
    """Of which kind a request is; None for those that cost nothing."""
    if method != "POST":
        return None
    return ASKS if path.endswith("/find") or path == "/v1/search" else LOOKS


class AdmissionMiddleware:
    """Refuses without reading: strangers, what is too large, what comes too early or too much.

    Args:
        app: answers what was let in.
        limits: of body, time, workers and queue.
        token: that a request must bear; None lets everybody in.
        closed: why nothing can be answered now; None when it can.
        inside: number of requests that have come in whole and are not answered, by kind; changed
            in place.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        token: str | None,
        closed: Callable[[], str | None],
        inside: dict[str, int],
    ) -> None:
        self.app, self.limits, self.closed = app, limits, closed
        self._token = None if token is None else _digest(token)
        self._room = Room(limits, inside)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http" or scope["path"].startswith(OPEN):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        lingering = Lingering(headers, receive, send)
        # A client that is gone needs no answer.
        with suppress(ClientDisconnect):
            await self._answer(headers, scope, lingering.receive, lingering.send)
        await lingering.finish(self.limits.head_seconds)

    async def _answer(self, headers: Headers, scope: Scope, receive: Receive, send: Send) -> None:
        kind = kind_of(scope["method"], scope["path"])
        refusal = self._refusal(scope["path"], headers, kind)
        if refusal is None:
            await self._let_in(kind, scope, receive, send)
            return
        if "expect" in headers:  # such a client sends no body after this answer
            refusal.headers["Connection"] = "close"
        await refusal(scope, receive, send)

    def _refusal(self, path: str, headers: Headers, kind: str | None) -> Response | None:
        if self._token is not None and not hmac.compare_digest(
            self._token, _digest(_given(path, headers))
        ):
            told = "expected the token of this server in the header 'Authorization: Bearer TOKEN'"
            return problem(401, told, WWW_Authenticate="Bearer")
        if announced(headers) > self.limits.body:
            return problem(413, too_large(self.limits.body))
        if kind is None:
            return None
        if (why := self.closed()) is not None:
            return problem(503, why, Retry_After="5")
        if (full := self._room.full(kind)) is not None:
            return problem(429, str(full.detail), **dict(full.headers or {}))
        return None

    async def _let_in(self, kind: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        began = False

        async def told(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        with Body(receive, self._room, kind) as body:
            try:
                async with asyncio.timeout(self.limits.seconds) as time:
                    await self.app(scope, body.receive, told)
                return
            except TimeoutError:
                if began or not time.expired():
                    raise
        await self._late(body)(scope, receive, send)

    def _late(self, body: Body) -> Response:
        within = f"within {self.limits.seconds:g} s"
        if not body.whole:
            return problem(408, f"expected the whole body {within}, got a part; send it faster")
        told = f"no answer {within}; ask for less at once, or come again when fewer do"
        return problem(503, told, Retry_After="5")


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
