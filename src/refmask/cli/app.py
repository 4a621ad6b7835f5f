"""``refmask app``: a page in the browser."""

from __future__ import annotations

import argparse
from threading import Event

from refmask.cli.options import (
    add_refinement_options,
    add_store_limit,
    add_system_options,
    load_segmenter,
    refinement,
)

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
    """Serve the page until the user has had enough; the model loads meanwhile."""
    from refmask.cli.segment import EMBEDDED_NOTE
    from refmask.web.page.background import in_background
    from refmask.web.page.serving import open_page

    refine = refinement(args)
    segmenter = in_background(
        lambda: load_segmenter(args, args.proposals, args.store, refine, args.store_limit)
    )
    note = EMBEDDED_NOTE.removeprefix("refmask: note: ") if args.model == "embedded" else ""
    page = open_page(segmenter, host=args.host, port=args.port, note=note)
    print(f"the page is at {page.local_url}; Ctrl-C ends it", flush=True)
    try:
        segmenter.result()
        Event().wait()
    except KeyboardInterrupt:
        return 0
    finally:
        page.close(verbose=False)
    return 0
