"""``refmask app``: a page in the browser."""

from __future__ import annotations

import argparse
from concurrent.futures import Future
from threading import Event
from typing import TYPE_CHECKING

from refmask.cli.options import (
    add_refinement_options,
    add_store_limit,
    add_system_options,
    load_segmenter,
    refinement,
)
from refmask.errors import RefmaskError

if TYPE_CHECKING:
    from refmask.web.page.tabs import Tabs

PORT = 7860


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--port", type=int, default=PORT, help=f"where to serve (default {PORT})")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="whom to serve: by default this machine alone, 0.0.0.0 for all that reach it",
    )
    parser.add_argument(
        "--proposals",
        default="grouping",
        metavar="SPEC",
        help="grouping (default), freesolo, sam, sam2, freemask or maskcut, with settings as "
        "NAME:key=value,key=value, or store:PATH",
    )
    add_refinement_options(parser)
    add_store_limit(parser)
    add_system_options(parser)


def run(args: argparse.Namespace) -> int:
    """Serve the page until the user has had enough; the model loads once it is there."""
    from refmask.cli.segment import EMBEDDED_NOTE
    from refmask.web.limits import Limits
    from refmask.web.page.serving import open_page

    tabs: Future[Tabs] = Future()
    note = EMBEDDED_NOTE.removeprefix("refmask: note: ") if args.model == "embedded" else ""
    page = open_page(tabs, Limits(), host=args.host, port=args.port, note=note)
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


def _load(args: argparse.Namespace) -> Tabs:
    from refmask.web.limits import Limits
    from refmask.web.page.tabs import Tabs

    refine = refinement(args)
    segmenter = load_segmenter(args, args.proposals, args.store, refine, args.store_limit)
    segmenter.parser(["a thing"])  # the parser loads now, and not when the first phrase waits
    return Tabs(segmenter, Limits())
