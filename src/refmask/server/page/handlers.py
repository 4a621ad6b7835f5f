"""What the page does when something happens on it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.utils import get_upload_folder

from refmask.errors import ImageError, InputError, RefmaskError
from refmask.ops.images import read_image
from refmask.server.page import views
from refmask.server.page.examples import Example
from refmask.server.page.parts import Parts
from refmask.server.page.remembered import Answered, Tab
from refmask.types import UInt8Array

if TYPE_CHECKING:
    from refmask.server.page.sessions import SessionStore

#: New values of parts of the page.
Update = dict[Any, Any]
#: How many of the phrases asked before can be asked again by a click.
SHOWN = 12


class EventHandlers:
    """Takes what happens on the page, and tells what changes on it.

    Args:
        parts: of the page.
        tabs: answer, once they are there.
        examples: images to try.
    """

    def __init__(self, parts: Parts, tabs: Future[SessionStore], examples: list[Example]) -> None:
        self.parts = parts
        self.tabs = tabs
        self.examples = examples

    def welcome(self) -> Iterator[Update]:
        """Tell a new tab whether the model is there, and when it comes."""
        parts = self.parts
        if not self.tabs.done():
            yield {parts.model: busy("The model is loading; you can choose an image already.")}
        try:
            tabs = self.tabs.result()
        except RefmaskError as error:
            yield {parts.model: wrong(error)}
            return
        sliders = {"alpha": parts.alpha, "beta": parts.beta}
        shown = {sliders[k]: gr.Slider(value=v, visible=True) for k, v in tabs.weights.items()}
        yield {parts.model: calm(f"Model: {tabs.segmenter.provenance.caption}, ready."), **shown}

    def look(self, event: gr.EventData, tab: Tab | None) -> Iterator[Update]:
        """Look at an image that was sent."""
        path = name = ""
        try:
            path, name = sent_text(event, "path"), Path(sent_text(event, "name")).name
            image = _taken(Path(path))
        except RefmaskError as error:
            yield {self.parts.status: wrong(error, path, name)}
            return
        yield from self._look(image, name, tab)

    def look_at_example(self, event: gr.EventData, tab: Tab | None) -> Iterator[Update]:
        """Look at a shipped image, and suggest its phrase."""
        try:
            example = self.examples[sent_place(event, "index", len(self.examples))]
        except InputError as error:
            yield {self.parts.status: wrong(error)}
            return
        yield {self.parts.phrase: example.phrase}
        yield from self._look(example.image, example.name, tab)

    def _look(self, image: UInt8Array, name: str, before: Tab | None) -> Iterator[Update]:
        parts = self.parts
        forget(self.tabs, before)
        waits = "" if self.tabs.done() else "The model is loading; then comes the image. "
        shown = views.image(image, name)
        yield {
            **self._nothing_asked(),
            parts.status: busy(f"{waits}Looking at {name}: its regions, and what they show …"),
            parts.stage: gr.update(image=shown, answer=None, visible=True),
            parts.picker: gr.update(visible="hidden"),
        }
        try:
            tab, proposals = self.tabs.result().look(image, name)
        except RefmaskError as error:
            yield {**self.clear(None), parts.status: wrong(error)}
            return
        yield {
            parts.tab: tab,
            parts.status: looked(tab),
            parts.stage: gr.update(image=views.with_regions(shown, proposals)),
        }

    def ask(self, tab: Tab | None, phrase: str, alpha: float, beta: float) -> Update:
        """Answer a phrase, or say why not."""
        try:
            if tab is None:
                raise InputError("expected an image first, got none; drop, paste or choose one")
            given = self.tabs.result().ask(tab, phrase, {"alpha": alpha, "beta": beta})
        except RefmaskError as error:
            return {self.parts.status: wrong(error)}
        return self._answered(given)

    def ask_if_possible(self, tab: Tab | None, phrase: str, alpha: float, beta: float) -> Any:
        """Answer what was typed before the image was there."""
        typed = tab is not None and (phrase or "").strip()
        return self.ask(tab, phrase, alpha, beta) if typed else gr.skip()

    def ask_former(self, event: gr.EventData, tab: Tab | None, alpha: float, beta: float) -> Update:
        """Answer a phrase that was asked before, and write it where phrases are typed."""
        try:
            phrase = sent_text(event, "phrase")
        except InputError as error:
            return {self.parts.status: wrong(error)}
        return {**self.ask(tab, phrase, alpha, beta), self.parts.phrase: phrase}

    def ask_again(self, tab: Tab | None, alpha: float, beta: float) -> Any:
        """Answer the last phrase with other weights."""
        if tab is None or tab.expression is None:
            return gr.skip()
        return self.ask(tab, tab.expression, alpha, beta)

    def offer_files(self, tab: Tab | None, alpha: float, beta: float) -> Any:
        """Make the files of the last answer; apart from it, so that it need not wait for them."""
        if tab is None or tab.expression is None:
            return None
        try:
            given = self.tabs.result().ask(tab, tab.expression, {"alpha": alpha, "beta": beta})
        except RefmaskError:  # let go meanwhile; whoever asks again is told
            return None
        return views.files(given)

    def clear(self, tab: Tab | None) -> Update:
        """Make room for another image."""
        forget(self.tabs, tab)
        return {
            **self._nothing_asked(),
            self.parts.status: calm(""),
            self.parts.stage: gr.update(visible="hidden"),
            self.parts.picker: gr.update(visible=True),
        }

    def tell(self, event: gr.EventData) -> Update:
        """Say what the browser could not do."""
        try:
            return {self.parts.status: {"kind": "wrong", "text": sent_text(event, "text")}}
        except InputError as error:
            return {self.parts.status: wrong(error)}

    def _nothing_asked(self) -> Update:
        parts = self.parts
        return {parts.tab: None, parts.caption: None, parts.asked: None, parts.files: None}

    def _answered(self, given: Answered) -> Update:
        parts, asked = self.parts, list(reversed(given.tab.asked))[:SHOWN]
        return {
            parts.tab: given.tab,
            parts.status: looked(given.tab),
            parts.stage: gr.update(answer=views.answer(given.answer)),
            parts.caption: views.caption(given),
            parts.asked: asked if len(asked) > 1 else None,
        }


def forget(tabs: Future[SessionStore], tab: Tab | None) -> None:
    """Let go what a tab looked at, if it has."""
    if tab is not None:
        tabs.result().forget(tab)


def _taken(path: Path) -> UInt8Array:
    """The image in a file that was sent, which is then removed.

    Raises:
        ImageError: when it is none that was sent, or no image.
    """
    # Nobody may name another file here: it would be opened with this program's rights.
    if not _was_sent(path):
        raise ImageError(f"expected an image that was sent, got {path}; choose one")
    try:
        return read_image(path)
    finally:
        with suppress(OSError):
            path.unlink()
            path.parent.rmdir()


def _was_sent(path: Path) -> bool:
    """Whether a path leads to a file that Gradio took in."""
    try:
        real = path.resolve()
        return real.is_relative_to(Path(get_upload_folder()).resolve()) and real.is_file()
    except (OSError, RuntimeError, ValueError):  # a loop of links, or a name that cannot be
        return False


def calm(text: str) -> dict[str, str]:
    """A status that all is well."""
    return {"kind": "calm", "text": text}


def looked(tab: Tab) -> dict[str, str]:
    """A status that tells what was looked at."""
    return calm(f"{tab.name}: {tab.regions} regions, looked at in {tab.seconds:.1f} s.")


def busy(text: str) -> dict[str, str]:
    """A status that something takes its time."""
    return {"kind": "busy", "text": text}


def wrong(error: RefmaskError, path: str = "", name: str = "") -> dict[str, str]:
    """A status that says what went wrong; a file is called as its owner calls it."""
    words = str(error).replace(path, name) if path else str(error)
    return {"kind": "wrong", "text": f"{words[:1].upper()}{words[1:]}."}


def sent_text(event: gr.EventData, name: str) -> str:
    """A text that an event brings, as it can be told again.

    Raises:
        InputError: when it brings none of this name.
    """
    found = _value(event, name)
    if not isinstance(found, str):
        raise _missing(name)
    # Half a surrogate pair cannot be sent back.
    return found.encode("utf-8", "replace").decode()


def sent_place(event: gr.EventData, name: str, size: int) -> int:
    """A place in a list of this size, counted from 0.

    Raises:
        InputError: when it brings none of this name.
    """
    found = _value(event, name)
    if not isinstance(found, int) or not 0 <= found < size:
        raise _missing(name)
    return found


def _value(event: gr.EventData, name: str) -> object:
    return event._data.get(name) if isinstance(event._data, dict) else None


def _missing(name: str) -> InputError:
    return InputError(f"the browser sent no usable {name}; reload the page and try again")
