"""``refmask app``: a page in the browser."""

from __future__ import annotations

import argparse
from concurrent.futures import Future
from threading import Event
from typing import TYPE_CHECKING

from refmask.cli.options import add_segmenter_options, build_segmenter, check_segmenter_options
from refmask.errors import RefmaskError

if TYPE_CHECKING:
    from refmask.server.page.sessions import SessionStore

PORT = 7860


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--port", type=int, default=PORT, help=f"default {PORT}")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to serve on (default 127.0.0.1: this machine only; 0.0.0.0: the network)",
    )
    add_segmenter_options(parser)


def run(args: argparse.Namespace) -> int:
    """Serve the page until interrupted; the model loads while the page is up."""
    check_segmenter_options(args)

    from refmask.server.limits import Limits
    from refmask.server.page.serving import open_page

    store: Future[SessionStore] = Future()
    note = f"Model: {args.choice.line}" if args.choice.line else ""
    page = open_page(store, Limits(), args.model, host=args.host, port=args.port, note=note)
    print(f"The page is at {page.local_url}; Ctrl-C stops it. The model is loading.", flush=True)
    try:
        store.set_result(_load(args))
        print("The model is ready.", flush=True)
        Event().wait()
    except KeyboardInterrupt:
        return 0
    except RefmaskError as error:
        store.set_exception(error)  # open pages show it
        raise
    finally:
        store.cancel()
        page.close(verbose=False)
    return 0


def _load(args: argparse.Namespace) -> SessionStore:
    from refmask.server.limits import Limits
    from refmask.server.page.sessions import SessionStore

    segmenter = build_segmenter(args)
    segmenter.parser(["warm up"])  # loads the parser before the first phrase
    return SessionStore(segmenter, Limits())
