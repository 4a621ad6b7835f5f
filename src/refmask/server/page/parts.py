"""The page's own components: Gradio's HTML, with the templates and scripts beside this file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

HERE = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class Parts:
    """Everything on the page that changes."""

    tab: gr.State
    model: gr.HTML
    status: gr.HTML
    picker: gr.HTML
    stage: gr.HTML
    phrase: gr.Textbox
    caption: gr.HTML
    asked: gr.HTML
    alpha: gr.Slider
    beta: gr.Slider
    files: gr.HTML


def text_of(*names: str) -> str:
    """Files beside this one, one after the other."""
    return "\n".join((HERE / name).read_text("utf-8") for name in names).strip()


def part(template: str, *scripts: str, **settings: Any) -> gr.HTML:
    """A component whose scripts fill in its value and properties, as text.

    Its template is constant: Gradio evaluates templates, and would run what a value puts into one.
    Made by a function, since Gradio writes a file beside the source of every class of components.

    Args:
        template: the file with its HTML.
        scripts: files with JavaScript that runs once it is there.
        settings: of ``gradio.HTML``; anything else is a property.
    """
    return gr.HTML(
        html_template=text_of(template),
        js_on_load=text_of(*scripts) or None,
        apply_default_css=False,
        **settings,
    )
