"""Handlers of the page's events."""

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
from refmask.server.page.tabs import Choice, Tab, TabAnswer
from refmask.types import UInt8Array

if TYPE_CHECKING:
    from refmask.server.page.sessions import SessionStore

#: New values of parts of the page.
Update = dict[Any, Any]
#: Number of former phrases to show.
SHOWN = 12


class EventHandlers:
    """Handles events of the page; each returns or yields updates of its parts.

    Args:
        parts: of the page.
        store: of the scenes, once the model is loaded.
        examples: images to try.
    """

    def __init__(self, parts: Parts, store: Future[SessionStore], examples: list[Example]) -> None:
        self.parts = parts
        self.store = store
        self.examples = examples

    def load(self) -> Iterator[Update]:
        """Show a new tab the state of the model, and wait until it is ready."""
        parts = self.parts
        if not self.store.done():
            yield {parts.model: busy("The model is loading; you can choose an image already.")}
        try:
            store = self.store.result()
        except RefmaskError as error:
            yield {parts.model: wrong(error)}
            return
        sliders = {"alpha": parts.alpha, "beta": parts.beta}
        shown = {sliders[k]: gr.Slider(value=v, visible=True) for k, v in store.weights.items()}
        yield {
            parts.model: calm(f"Model: {store.segmenter.provenance.caption}, ready."),
            **shown,
            parts.terms: gr.CheckboxGroup(value=store.terms, visible=True),
            parts.answers: gr.Radio(value=store.answers, visible=True),
        }

    def encode_upload(self, event: gr.EventData, tab: Tab | None) -> Iterator[Update]:
        """Encode an uploaded image."""
        path = name = ""
        try:
            path, name = sent_text(event, "path"), Path(sent_text(event, "name")).name
            image = _read_upload(Path(path))
        except RefmaskError as error:
            yield {self.parts.status: wrong(error, path, name)}
            return
        yield from self._encode(image, name, tab)

    def encode_example(self, event: gr.EventData, tab: Tab | None) -> Iterator[Update]:
        """Encode a shipped image, and suggest its phrase."""
        try:
            example = self.examples[sent_index(event, "index", len(self.examples))]
        except InputError as error:
            yield {self.parts.status: wrong(error)}
            return
        yield {self.parts.phrase: example.phrase}
        yield from self._encode(example.image, example.name, tab)

    def _encode(self, image: UInt8Array, name: str, before: Tab | None) -> Iterator[Update]:
        parts = self.parts
        delete_scene(self.store, before)
        first = "" if self.store.done() else "The model is loading; the image is next. "
        shown = views.image(image, name)
        yield {
            **self._no_answer(),
            parts.status: busy(f"{first}Finding and encoding the regions of {name} …"),
            parts.stage: gr.update(image=shown, answer=None, visible=True),
            parts.picker: gr.update(visible="hidden"),
        }
        try:
            tab, proposals = self.store.result().encode(image, name)
        except RefmaskError as error:
            yield {**self.clear(None), parts.status: wrong(error)}
            return
        yield {
            parts.tab: tab,
            parts.status: encoded(tab),
            parts.stage: gr.update(image=views.with_regions(shown, proposals)),
        }

    def find(self, tab: Tab | None, phrase: str, *controls: Any) -> Update:
        """Answer a phrase, or show why not; ``controls`` are those of ``Choice``."""
        try:
            if tab is None:
                raise InputError("there is no image yet; drop, paste or choose one")
            found = self._find(tab, phrase, Choice(*controls))
        except RefmaskError as error:
            return {self.parts.status: wrong(error)}
        phrases = list(reversed(found.tab.phrases))[:SHOWN]
        return {
            self.parts.tab: found.tab,
            self.parts.status: encoded(found.tab),
            self.parts.stage: gr.update(answer=views.answer(found.answer)),
            self.parts.caption: views.caption(found),
            self.parts.history: phrases if len(phrases) > 1 else None,
        }

    def find_typed(self, tab: Tab | None, phrase: str, *controls: Any) -> Any:
        """Answer a phrase that was typed before the image was encoded."""
        typed = tab is not None and (phrase or "").strip()
        return self.find(tab, phrase, *controls) if typed else gr.skip()

    def find_former(self, event: gr.EventData, tab: Tab | None, *controls: Any) -> Update:
        """Answer a former phrase, and write it to the text box."""
        try:
            phrase = sent_text(event, "phrase")
        except InputError as error:
            return {self.parts.status: wrong(error)}
        return {**self.find(tab, phrase, *controls), self.parts.phrase: phrase}

    def find_again(self, tab: Tab | None, *controls: Any) -> Any:
        """Answer the last phrase with other weights, terms, or number of things."""
        if tab is None or tab.expression is None:
            return gr.skip()
        return self.find(tab, tab.expression, *controls)

    def files(self, tab: Tab | None, *controls: Any) -> Any:
        """The files of the last answer; a separate event, so that the answer shows first."""
        if tab is None or tab.expression is None:
            return None
        try:
            found = self._find(tab, tab.expression, Choice(*controls))
        except RefmaskError:  # the scene was deleted meanwhile; the next query shows it
            return None
        return views.files(found)

    def clear(self, tab: Tab | None) -> Update:
        """Delete the image, and show the picker."""
        delete_scene(self.store, tab)
        return {
            **self._no_answer(),
            self.parts.status: calm(""),
            self.parts.stage: gr.update(visible="hidden"),
            self.parts.picker: gr.update(visible=True),
        }

    def show_error(self, event: gr.EventData) -> Update:
        """Show an error of the browser's."""
        try:
            return {self.parts.status: {"kind": "wrong", "text": sent_text(event, "text")}}
        except InputError as error:
            return {self.parts.status: wrong(error)}

    def _find(self, tab: Tab, phrase: str, choice: Choice) -> TabAnswer:
        weights = {"alpha": choice.alpha, "beta": choice.beta}
        return self.store.result().find(tab, phrase, weights, choice.terms, choice.answers)

    def _no_answer(self) -> Update:
        parts = self.parts
        return dict.fromkeys((parts.tab, parts.caption, parts.history, parts.files))


def delete_scene(store: Future[SessionStore], tab: Tab | None) -> None:
    """Delete a tab's scene, if any."""
    if tab is not None:
        store.result().delete(tab)


def _read_upload(path: Path) -> UInt8Array:
    """Read an uploaded image, and delete its file.

    Raises:
        ImageError: when the file was not uploaded, or is not an image.
    """
    # The path comes from the browser: any other file must not be opened.
    if not _is_upload(path):
        raise ImageError(f"{path} is not an uploaded image; choose one")
    try:
        return read_image(path)
    finally:
        with suppress(OSError):
            path.unlink()
            path.parent.rmdir()


def _is_upload(path: Path) -> bool:
    """Whether a path leads to a file that Gradio received."""
    try:
        real = path.resolve()
        return real.is_relative_to(Path(get_upload_folder()).resolve()) and real.is_file()
    except (OSError, RuntimeError, ValueError):  # a loop of links, or an impossible name
        return False


def calm(text: str) -> dict[str, str]:
    """A status without a problem."""
    return {"kind": "calm", "text": text}


def encoded(tab: Tab) -> dict[str, str]:
    """The status of an encoded image."""
    return calm(f"{tab.name}: {tab.regions} regions in {tab.seconds:.1f} s.")


def busy(text: str) -> dict[str, str]:
    """The status of work in progress."""
    return {"kind": "busy", "text": text}


def wrong(error: RefmaskError, path: str = "", name: str = "") -> dict[str, str]:
    """The status of an error; ``name`` replaces the ``path`` of an upload."""
    words = str(error).replace(path, name) if path else str(error)
    first = words.partition(" ")[0]  # a file's name stays as it is
    text = words if not first.isalpha() else f"{words[:1].upper()}{words[1:]}"
    return {"kind": "wrong", "text": f"{text}."}


def sent_text(event: gr.EventData, name: str) -> str:
    """A text of an event, encodable as UTF-8.

    Raises:
        InputError: when the event has no such text.
    """
    value = _value(event, name)
    if not isinstance(value, str):
        raise _missing(name)
    return value.encode("utf-8", "replace").decode()  # replaces half surrogate pairs


def sent_index(event: gr.EventData, name: str, size: int) -> int:
    """An index of an event into a list of ``size``.

    Raises:
        InputError: when the event has no such index.
    """
    value = _value(event, name)
    if not isinstance(value, int) or not 0 <= value < size:
        raise _missing(name)
    return value


def _value(event: gr.EventData, name: str) -> object:
    return event._data.get(name) if isinstance(event._data, dict) else None


def _missing(name: str) -> InputError:
    return InputError(f"the browser sent no usable {name}; reload the page and try again")
