"""Serving the page to browsers."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING

from refmask.errors import ConfigurationError, MissingResource
from refmask.server.limits import Limits
from refmask.server.page.examples import examples

if TYPE_CHECKING:
    import gradio as gr

    from refmask.server.page.sessions import SessionStore


def open_page(
    tabs: Future[SessionStore], limits: Limits, model: str, *, host: str, port: int, note: str = ""
) -> gr.Blocks:
    """Start serving the page; ``close()`` of what comes back ends it.

    Args:
        tabs: answer, once they are there.
        limits: of an image.
        model: its name; there are examples of what it knows.
        host: whom to serve; other machines only when it is not this one's own address.
        port: where.
        note: what users should know about the model.

    Raises:
        MissingResource: without Gradio.
        ConfigurationError: when the port is none, or taken.
    """
    if not 1 <= port <= 65535:
        raise ConfigurationError(f"expected a port from 1 to 65535, got {port}")
    try:
        import gradio as gr
        from starlette.middleware import Middleware
    except ImportError:
        raise MissingResource(
            'the page needs Gradio, which is not installed; pip install "refmask[app]"'
        ) from None
    from refmask.server.page.layout import build
    from refmask.server.page.parts import text_of
    from refmask.server.page.policy import OnlyHere

    page = build(tabs, limits, examples(model), note)
    try:
        page.launch(
            server_name=host,
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            ssr_mode=False,
            max_file_size=limits.body,
            state_session_capacity=limits.scenes,
            theme=gr.themes.Default(
                primary_hue="pink", font=("system-ui", "sans-serif"), font_mono=("monospace",)
            ),
            head=f"<style>{text_of('page.css')}</style>",  # as it is: css= would confine each rule
            footer_links=[],
            app_kwargs={"middleware": [Middleware(OnlyHere)]},
        )
    except OSError:
        raise ConfigurationError(
            f"expected a free port of this machine, got {host}:{port}, where nothing can be "
            "served; choose another `port` or `host`"
        ) from None
    return page
