"""Something made while the page is there already."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

Made = TypeVar("Made")


def in_background(make: Callable[[], Made]) -> Future[Made]:
    """What ``make`` will give, or why it failed; a program may end without waiting for it."""
    future: Future[Made] = Future()

    def work() -> None:
        try:
            future.set_result(make())
        except BaseException as error:  # whoever asks for the result gets it
            future.set_exception(error)

    Thread(target=work, name="refmask-loading", daemon=True).start()
    return future
