"""Run the HTTP interface until it is stopped."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from refmask.errors import ConfigurationError, MissingResource
from refmask.ops.reading import read_text

if TYPE_CHECKING:
    from fastapi import FastAPI

INSTALL = 'pip install "refmask[serve]"'
#: Holds the token when no file does.
VARIABLE = "REFMASK_TOKEN"
LAST_PORT = 65_535


def check_installed() -> None:
    """Check that the server's packages are installed.

    Raises:
        MissingResource: when one is missing.
    """
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingResource(
            f"serving needs {error.name}, which is not installed; {INSTALL}"
        ) from None


def read_token(file: str | os.PathLike[str] | None) -> str | None:
    """The token from a file, else from the environment, else None.

    Raises:
        ConfigurationError: when the file cannot be read, or the token is empty.
    """
    if file is None:
        token, where = os.environ.get(VARIABLE), VARIABLE
    else:
        where = str(file)
        token = read_text(Path(file), "a token", ConfigurationError, "settings")
    if token is None:
        return None
    if not token.strip():
        raise ConfigurationError(f"the token in {where} is empty; write one, or leave it out")
    return token.strip()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        ConfigurationError: when the address is invalid or in use.
    """
    if not 0 <= port <= LAST_PORT:
        raise ConfigurationError(f"port {port} does not exist; choose 0 to {LAST_PORT}")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=128)
        # Without this, an answer's body waits up to 40 ms for the acknowledgement of its headers.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"cannot serve on {host}, port {port} ({reason}); choose another `port` or `host`"
        ) from None


def run(api: FastAPI, listening: socket.socket, say: Callable[[str], None] = print) -> None:
    """Serve until SIGTERM or SIGINT; admitted requests are finished first.

    Args:
        api: from ``refmask.server.app.app``.
        listening: from ``listen``.
        say: called with the address, and when the model is loaded.

    Raises:
        RefmaskError: when the segmenter could not be loaded.
    """
    import uvicorn

    from refmask.server.connections import Connection

    service = api.state.service
    config = uvicorn.Config(
        api,
        http=Connection,
        timeout_keep_alive=round(service.limits.head_seconds),
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=round(service.limits.seconds) + 1,
    )
    server = uvicorn.Server(config)

    def stop() -> None:
        server.should_exit = True

    service.on_failure = stop
    service.on_ready = lambda: say("refmask: ready")
    host, port = listening.getsockname()[:2]
    say(f"refmask: serving on http://{f'[{host}]' if ':' in host else host}:{port}, loading")
    # uvicorn raises the signal again at its end; ignore it then.
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        server.run(sockets=[listening])
    finally:
        signal.signal(signal.SIGTERM, before)
    if service.failure is not None:
        raise service.failure
