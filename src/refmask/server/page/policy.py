"""The content security policy of the page's server.

The policy lists the page's inline scripts by hash, so no other script and no inline event handler
runs. Gradio prevents a stricter one: it compiles its components' templates and scripts
(``'unsafe-eval'``) and writes inline styles (``'unsafe-inline'``, for styles only).
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: For the page; ``{scripts}`` stands for the hashes of its scripts.
PAGE = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'{scripts}; script-src-attr 'none'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; media-src 'self'; manifest-src 'self'; base-uri 'self'; "
    "form-action 'none'; frame-ancestors 'self'"
)
#: For everything else, which is never a page, whatever its content type.
OTHER = "default-src 'none'; frame-ancestors 'none'; sandbox"

#: Inline scripts.
SCRIPT = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)


class PolicyMiddleware:
    """Adds the policy: browsers load nothing from other hosts, and run only the page's scripts."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, with the policy in the headers."""
        page = scope["type"] == "http" and scope["path"] == "/"
        await self.app(scope, receive, _PageSender(send) if page else _with_other_policy(send))


class _PageSender:
    """Sends the page when it is complete, as its headers list the scripts in its body."""

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


def _with_other_policy(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        start = message["type"] == "http.response.start"
        await send(_with_policy(message, OTHER) if start else message)

    return wrapped


def _with_policy(start: Message, policy: str) -> Message:
    more = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    headers = [(name.encode(), value.encode()) for name, value in more.items()]
    return {**start, "headers": [*start.get("headers", []), *headers]}


def _digest(script: bytes) -> str:
    """A script's hash in a policy; browsers turn all line ends into line feeds."""
    lines = script.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return "sha256-" + base64.b64encode(hashlib.sha256(lines).digest()).decode()
