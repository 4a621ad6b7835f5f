"""Running the HTTP interface until it is told to stop."""

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
#: From here a token is read that is not in a file.
VARIABLE = "REFMASK_TOKEN"
LAST_PORT = 65_535


def check_installed() -> None:
    """Make sure that what the server is made of is there, before anything is loaded.

    Raises:
        MissingResource: when it is not.
    """
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingResource(
            f"expected {error.name} to serve over HTTP, it is not installed; {INSTALL}"
        ) from None


def read_token(file: str | os.PathLike[str] | None) -> str | None:
    """The token from a file, else from the environment; None when there is neither.

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
        raise ConfigurationError(f"expected a token in {where}, got an empty one")
    return token.strip()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        ConfigurationError: when the address cannot be had.
    """
    if not 0 <= port <= LAST_PORT:
        raise ConfigurationError(f"expected a port from 0 to {LAST_PORT}, got {port}")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=128)
        # An answer's body does not wait until its head is acknowledged, which takes up to 40 ms.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        told = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"expected to listen on {host}, port {port}, got: {told}; choose another"
        ) from None


def run(api: FastAPI, listening: socket.socket, told: Callable[[str], None] = print) -> None:
    """Serve until SIGTERM or SIGINT; what was let in is finished first.

    Args:
        api: from ``refmask.server.app.app``.
        listening: from ``listen``.
        told: is told where, and when the model is there.

    Raises:
        RefmaskError: when the system could not be loaded.
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
    service.on_ready = lambda: told("refmask: ready")
    host, port = listening.getsockname()[:2]
    told(f"refmask: serving on http://{f'[{host}]' if ':' in host else host}:{port}, loading")
    # uvicorn raises the signal again once it is done: then it has been heeded.
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        server.run(sockets=[listening])
    finally:
        signal.signal(signal.SIGTERM, before)
    if service.failure is not None:
        raise service.failure
