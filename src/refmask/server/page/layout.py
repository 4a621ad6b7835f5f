"""The page: where things stand on it, and what happens when."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from refmask.server.limits import Limits
from refmask.server.page.examples import Example
from refmask.server.page.handlers import EventHandlers, forget
from refmask.server.page.parts import Parts, part

if TYPE_CHECKING:
    from refmask.server.page.sessions import SessionStore

#: Seconds after which what a tab asked is forgotten.
KEPT = 3600

#: Of what happens while an event still acts, each is done afterwards; or the last one is. The
#: latter forgets which button was pressed.
EACH, LAST = {"trigger_mode": "multiple"}, {"trigger_mode": "always_last"}

#: What the sliders set, in words.
BLENDS = {
    "alpha": "how much a region counts in its surroundings (1), and how much alone (0)",
    "beta": "how much the whole phrase counts (1), and how much its noun phrase (0)",
}


def build(
    tabs: Future[SessionStore], limits: Limits, examples: list[Example], note: str
) -> gr.Blocks:
    """The page.

    Args:
        tabs: answer, once they are there.
        limits: of an image.
        examples: images to try.
        note: what users should know about the model; may be empty.
    """
    page = gr.Blocks(title="refmask", analytics_enabled=False, delete_cache=(600, KEPT))
    with page:
        parts = _arrange(tabs, limits, examples, note)
        _wire(page, parts, EventHandlers(parts, tabs, examples))
    return page


def _arrange(
    tabs: Future[SessionStore], limits: Limits, examples: list[Example], note: str
) -> Parts:
    tab = gr.State(None, time_to_live=KEPT, delete_callback=partial(forget, tabs))
    model = part("head.html", "filling.js", "status.js", "head.js", value={}, note=note)
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            status = part("status.html", "filling.js", "status.js", value={})
            picker = part(
                *("picker.html", "filling.js", "picker.js"),
                limit=limits.body,
                examples=[example.shown() for example in examples],
            )
            stage = part(
                *("stage.html", "regions.js", "stage.js"),
                visible="hidden",
                image=None,
                answer=None,
            )
        with gr.Column(scale=3, min_width=320):
            phrase = gr.Textbox(
                label="What to find", placeholder="the red car on the left", submit_btn="Ask"
            )
            caption = part("caption.html", "filling.js", "caption.js")
            files = part("files.html", "filling.js", "files.js")
            alpha, beta = (_slider(name, info) for name, info in BLENDS.items())
            asked = part("asked.html", "filling.js", "asked.js")
    return Parts(tab, model, status, picker, stage, phrase, caption, asked, alpha, beta, files)


def _slider(name: str, info: str) -> gr.Slider:
    return gr.Slider(0, 1, step=0.01, label=name, info=info, visible=False)


def _wire(page: gr.Blocks, parts: Parts, desk: EventHandlers) -> None:
    told = [parts.status, parts.tab, parts.stage, parts.caption, parts.asked, parts.files]
    looked = [*told, parts.picker, parts.phrase]
    weights = [parts.alpha, parts.beta]
    asked_now, asked_before = [parts.tab, parts.phrase, *weights], [parts.tab, *weights]

    _on(page.load, desk.welcome, None, [parts.model, *weights], concurrency_limit=None)
    chains = []
    for looking in (
        _on(parts.picker.upload, desk.look, parts.tab, looked, **EACH),
        _on(parts.picker.select, desk.look_at_example, parts.tab, looked, **EACH),
    ):
        answering = _on(looking.then, desk.ask_if_possible, asked_now, told)
        offering = _on(answering.then, desk.offer_files, asked_before, parts.files)
        chains += [looking, answering, offering]
    moved = [parts.alpha.input, parts.beta.input]
    for answering in (
        _on(parts.phrase.submit, desk.ask, asked_now, told, **LAST),
        _on(parts.asked.select, desk.ask_former, asked_before, [*told, parts.phrase], **EACH),
        _on(gr.on, desk.ask_again, asked_before, told, triggers=moved, **LAST),
    ):
        _on(answering.then, desk.offer_files, asked_before, parts.files)
    _on(parts.picker.refused, desk.tell, None, parts.status, **EACH)
    _on(parts.stage.clear, desk.clear, parts.tab, looked, cancels=chains)


def _on(event: Any, act: Callable[..., Any], takes: Any, gives: Any, **more: Any) -> Any:
    """Have an event act, without Gradio's own signs of progress and without an API for it."""
    return event(
        fn=act,
        inputs=takes,
        outputs=gives,
        show_progress="hidden",
        api_visibility="private",
        **more,
    )
