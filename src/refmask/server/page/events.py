"""What events of the page bring along: whoever talks to the server may send anything."""

from __future__ import annotations

import gradio as gr

from refmask.errors import InputError


def text(event: gr.EventData, name: str) -> str:
    """A text that an event brings, as it can be told again.

    Raises:
        InputError: when it brings none of this name.
    """
    found = _value(event, name)
    if not isinstance(found, str):
        raise _missing(name)
    # Half a surrogate pair cannot be sent back.
    return found.encode("utf-8", "replace").decode()


def place(event: gr.EventData, name: str, size: int) -> int:
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
