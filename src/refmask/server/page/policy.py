"""What browsers may do with what the page's server sends: its content security policy.

The page has scripts in it. Each is named by its hash, so that no other one runs, and no handler in
an attribute. Gradio does not allow more: it makes functions of its components' templates and
scripts (``'unsafe-eval'``), and writes styles into the page (``'unsafe-inline'``, of styles only).
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Of the page; its own scripts' hashes come in where ``{scripts}`` stands.
PAGE = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'{scripts}; script-src-attr 'none'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; media-src 'self'; manifest-src 'self'; base-uri 'self'; "
    "form-action 'none'; frame-ancestors 'self'"
)
#: Of everything else: it is no page of its own, whatever it says it is.
ELSE = "default-src 'none'; frame-ancestors 'none'; sandbox"

#: Scripts that are written in a page, and not in a file of their own.
SCRIPT = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)


class OnlyHere:
    """Has browsers load nothing from elsewhere, and run only what the page came with."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, with a policy among the headers."""
        page = scope["type"] == "http" and scope["path"] == "/"
        await self.app(scope, receive, _Page(send) if page else _other(send))


class _Page:
    """Sends the page once all of it is there: its head names the scripts in its body."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            scripts = "".join(f" '{_digest(text)}'" for text in SCRIPT.findall(self._body))
            await self._send(_with_policy(self._start, PAGE.format(scripts=scripts)))
            await self._send({**message, "body": self._body})


def _other(send: Send) -> Send:
    async def told(message: Message) -> None:
        start = message["type"] == "http.response.start"
        await send(_with_policy(message, ELSE) if start else message)

    return told


def _with_policy(start: Message, policy: str) -> Message:
    more = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    headers = [(name.encode(), value.encode()) for name, value in more.items()]
    return {**start, "headers": [*start.get("headers", []), *headers]}


def _digest(script: bytes) -> str:
    """A script as a policy names it; browsers read every line's end as a line feed."""
    lines = script.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return "sha256-" + base64.b64encode(hashlib.sha256(lines).digest()).decode()
