"""The page: its layout, and the handlers of its events."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from refmask.server.limits import Limits
from refmask.server.page.examples import Example
from refmask.server.page.handlers import EventHandlers, delete_scene
from refmask.server.page.parts import Parts, part
from refmask.terms import TERMS

if TYPE_CHECKING:
    from refmask.server.page.sessions import SessionStore

#: Seconds until the state of a tab is deleted.
LIFETIME = 3600

#: Events during a running handler: handle each afterwards, or only the last, whose data are lost.
EACH, LAST = {"trigger_mode": "multiple"}, {"trigger_mode": "always_last"}

#: How many things the answer is: in words, and as a key of ``RULES``.
ANSWERS = [("what the phrase asks for", "auto"), ("always one", "one"), ("all that fit", "all")]
#: Info text of the terms.
WEIGHED = "What is weighed beside the similarity, where the phrase speaks of it."
#: Info texts of the sliders.
BLENDS = {
    "alpha": "1: judge regions in context. 0: in isolation.",
    "beta": "1: match the whole phrase. 0: only its noun phrase.",
}


def build(
    store: Future[SessionStore], limits: Limits, examples: list[Example], note: str
) -> gr.Blocks:
    """Build the page.

    Args:
        store: of the scenes, once the model is loaded.
        limits: of an image.
        examples: images to try.
        note: about the model; may be empty.
    """
    page = gr.Blocks(title="refmask", analytics_enabled=False, delete_cache=(600, LIFETIME))
    with page:
        parts = _arrange(store, limits, examples, note)
        _wire(page, parts, EventHandlers(parts, store, examples))
    return page


def _arrange(
    store: Future[SessionStore], limits: Limits, examples: list[Example], note: str
) -> Parts:
    tab = gr.State(None, time_to_live=LIFETIME, delete_callback=partial(delete_scene, store))
    model = part("head.html", "filling.js", "status.js", "head.js", value={}, note=note)
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            status = part("status.html", "filling.js", "status.js", value={})
            picker = part(
                *("picker.html", "filling.js", "picker.js"),
                limit=limits.body,
                examples=[example.to_dict() for example in examples],
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
            history = part("history.html", "filling.js", "history.js")
            answers = gr.Radio(ANSWERS, label="The answer is", visible=False)
            terms = gr.CheckboxGroup(list(TERMS), label="Terms", info=WEIGHED, visible=False)
            alpha, beta = (_slider(name, info) for name, info in BLENDS.items())
    controls = alpha, beta, terms, answers
    return Parts(tab, model, status, picker, stage, phrase, caption, history, *controls, files)


def _slider(name: str, info: str) -> gr.Slider:
    return gr.Slider(0, 1, step=0.01, label=name, info=info, visible=False)


def _wire(page: gr.Blocks, parts: Parts, handlers: EventHandlers) -> None:
    answered = [parts.status, parts.tab, parts.stage, parts.caption, parts.history, parts.files]
    encoded = [*answered, parts.picker, parts.phrase]
    controls = parts.controls
    query, former = [parts.tab, parts.phrase, *controls], [parts.tab, *controls]

    _on(page.load, handlers.load, None, [parts.model, *controls], concurrency_limit=None)
    chains = []
    for encoding in (
        _on(parts.picker.upload, handlers.encode_upload, parts.tab, encoded, **EACH),
        _on(parts.picker.select, handlers.encode_example, parts.tab, encoded, **EACH),
    ):
        answering = _on(encoding.then, handlers.find_typed, query, answered)
        files = _on(answering.then, handlers.files, former, parts.files)
        chains += [encoding, answering, files]
    changed = [control.input for control in controls]
    for answering in (
        _on(parts.phrase.submit, handlers.find, query, answered, **LAST),
        _on(parts.history.select, handlers.find_former, former, [*answered, parts.phrase], **EACH),
        _on(gr.on, handlers.find_again, former, answered, triggers=changed, **LAST),
    ):
        _on(answering.then, handlers.files, former, parts.files)
    _on(parts.picker.refused, handlers.show_error, None, parts.status, **EACH)
    _on(parts.stage.clear, handlers.clear, parts.tab, encoded, cancels=chains)


def _on(event: Any, handler: Callable[..., Any], inputs: Any, outputs: Any, **more: Any) -> Any:
    """Attach a handler, without Gradio's progress display and without an API endpoint."""
    return event(
        fn=handler,
        inputs=inputs,
        outputs=outputs,
        show_progress="hidden",
        api_visibility="private",
        **more,
    )
