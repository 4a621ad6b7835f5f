"""``refmask app``: a page in the browser."""

from __future__ import annotations

import argparse
from concurrent.futures import Future
from threading import Event
from typing import TYPE_CHECKING

from refmask.cli.options import add_looking_options, check_looking, load_looking
from refmask.errors import RefmaskError

if TYPE_CHECKING:
    from refmask.server.page.sessions import SessionStore

PORT = 7860


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--port", type=int, default=PORT, help=f"where to serve (default {PORT})")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="whom to serve: by default this machine alone, 0.0.0.0 for all that reach it",
    )
    add_looking_options(parser)


def run(args: argparse.Namespace) -> int:
    """Serve the page until the user has had enough; the model loads once it is there."""
    from refmask.server.limits import Limits
    from refmask.server.page.serving import open_page

    check_looking(args)
    tabs: Future[SessionStore] = Future()
    note = f"Model: {args.choice.line}" if args.choice.line else ""
    page = open_page(tabs, Limits(), args.model, host=args.host, port=args.port, note=note)
    print(f"the page is at {page.local_url} and Ctrl-C ends it; the model is loading", flush=True)
    try:
        tabs.set_result(_load(args))
        print("the model is ready", flush=True)
        Event().wait()
    except KeyboardInterrupt:
        return 0
    except RefmaskError as error:
        tabs.set_exception(error)  # whoever waits for the model is told, too
        raise
    finally:
        tabs.cancel()
        page.close(verbose=False)
    return 0


def _load(args: argparse.Namespace) -> SessionStore:
    from refmask.server.limits import Limits
    from refmask.server.page.sessions import SessionStore

    segmenter = load_looking(args)
    segmenter.parser(["a thing"])  # the parser loads now, and not when the first phrase waits
    return SessionStore(segmenter, Limits())
