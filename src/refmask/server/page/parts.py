"""The page's components: Gradio's HTML with the templates and scripts in this folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

HERE = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of the page that change."""

    tab: gr.State
    model: gr.HTML
    status: gr.HTML
    picker: gr.HTML
    stage: gr.HTML
    phrase: gr.Textbox
    caption: gr.HTML
    history: gr.HTML
    alpha: gr.Slider
    beta: gr.Slider
    terms: gr.CheckboxGroup
    answers: gr.Radio
    files: gr.HTML

    @property
    def controls(self) -> list[Any]:
        """In the order of ``refmask.server.page.tabs.Choice``."""
        return [self.alpha, self.beta, self.terms, self.answers]


def text_of(*names: str) -> str:
    """Concatenate files of this folder."""
    return "\n".join((HERE / name).read_text("utf-8") for name in names).strip()


def part(template: str, *scripts: str, **settings: Any) -> gr.HTML:
    """A component whose scripts fill in its value and properties as text.

    The template is constant: Gradio evaluates templates, and would run code in a value. This is a
    function because Gradio writes a file beside the source of every component class.

    Args:
        template: file with the HTML.
        scripts: files with JavaScript, run when the component is loaded.
        settings: of ``gradio.HTML``; others become properties.
    """
    return gr.HTML(
        html_template=text_of(template),
        js_on_load=text_of(*scripts) or None,
        apply_default_css=False,
        **settings,
    )
