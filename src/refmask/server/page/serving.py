"""Serve the page to browsers."""

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
    store: Future[SessionStore], limits: Limits, model: str, *, host: str, port: int, note: str = ""
) -> gr.Blocks:
    """Start serving the page; ``close()`` of the result stops it.

    Args:
        store: of the scenes, once the model is loaded.
        limits: of an image.
        model: its name, for fitting examples.
        host: address to serve on.
        port: 1 to 65535.
        note: about the model; may be empty.

    Raises:
        MissingResource: without Gradio.
        ConfigurationError: when the port does not exist or is in use.
    """
    if not 1 <= port <= 65535:
        raise ConfigurationError(f"port {port} does not exist; choose 1 to 65535")
    try:
        import gradio as gr
        from starlette.middleware import Middleware
    except ImportError:
        raise MissingResource(
            'the page needs Gradio, which is not installed; pip install "refmask[app]"'
        ) from None
    from refmask.server.page.layout import build
    from refmask.server.page.parts import text_of
    from refmask.server.page.policy import PolicyMiddleware

    page = build(store, limits, examples(model), note)
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
            head=f"<style>{text_of('page.css')}</style>",  # css= would confine each rule
            footer_links=[],
            app_kwargs={"middleware": [Middleware(PolicyMiddleware)]},
        )
    except OSError:
        raise ConfigurationError(
            f"port {port} of {host} is in use or not available; choose another `port` or `host`"
        ) from None
    return page
