"""A small system behind the HTTP interface, and clients in the same process."""

import asyncio
import contextlib
import dataclasses
import gc
import io
import threading
import warnings

import numpy as np
import pytest
from PIL import Image

import refmask
from refmask.types import MaskProposals


@pytest.fixture(scope="module")
def tidied():
    """Gradio leaves sockets and event loops to the garbage collector, one as this thread's own."""
    yield
    with warnings.catch_warnings(), contextlib.suppress(RuntimeError):
        warnings.simplefilter("ignore", DeprecationWarning)
        asyncio.get_event_loop().close()
    asyncio.set_event_loop(None)
    gc.collect()


class Quarters:
    """Proposes the four quarters of an image; waits while ``gate`` is shut."""

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Semaphore(0)

    def propose(self, image):
        self.begun.release()
        assert self.gate.wait(30)
        height, width = image.shape[:2]
        masks = np.zeros((4, height, width), np.bool_)
        for index, (rows, columns) in enumerate(
            (rows, columns)
            for rows in (slice(0, height // 2), slice(height // 2, height))
            for columns in (slice(0, width // 2), slice(width // 2, width))
        ):
            masks[index, rows, columns] = True
        return MaskProposals(masks)

    @contextlib.contextmanager
    def shut(self):
        """Within it, proposing starts and does not end."""
        while self.begun.acquire(blocking=False):
            pass
        self.gate.clear()
        try:
            yield self
        finally:
            self.gate.set()

    def wait(self, count):
        """Wait until ``count`` images are being encoded."""
        for _ in range(count):
            assert self.begun.acquire(timeout=30)


@pytest.fixture(scope="session")
def quarters():
    return Quarters()


@pytest.fixture(scope="session")
def segmenter(quarters):
    """Answers about noise as if things were there."""
    loaded = refmask.load(
        "embedded", proposals=quarters, precision="fp32", answers="one", terms="none"
    )
    return dataclasses.replace(loaded, calibration=None)


def png_of(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def png(noise):
    """The noise image as a file."""
    return png_of(noise)


@pytest.fixture(scope="session")
def served(segmenter):
    """A client of a server with these limits, within a ``with``."""
    from starlette.testclient import TestClient

    from refmask.server.app import app
    from refmask.server.limits import Limits

    @contextlib.contextmanager
    def serve(system=segmenter, *, raising=True, **settings):
        names = {"token", "index", "images"} & settings.keys()
        options = {name: settings.pop(name) for name in names}
        api = app(system, Limits(**settings), **options)
        with TestClient(api, raise_server_exceptions=raising) as client:
            yield client

    return serve


@pytest.fixture(scope="module")
def client(served):
    with served() as client:
        yield client
