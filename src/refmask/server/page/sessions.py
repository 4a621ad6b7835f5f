"""The system behind the page, and the scenes that browser tabs look at."""

from __future__ import annotations

import dataclasses
from threading import Lock
from time import perf_counter

from refmask.errors import ImageError, InputError
from refmask.segmenter import Segmenter
from refmask.server.blending import blended, blends
from refmask.server.limits import Limits
from refmask.server.page.remembered import Answered, Tab
from refmask.server.scene_cache import SceneCache
from refmask.types import MaskProposals, UInt8Array


class SessionStore:
    """The scenes of all tabs: bounded in number, bytes and time. Threads may share it.

    Args:
        segmenter: looks and answers.
        limits: of an image, and of all scenes.
    """

    def __init__(self, segmenter: Segmenter, limits: Limits) -> None:
        self.segmenter = segmenter
        self.limits = limits
        self._held = SceneCache(limits.scenes, limits.scene_bytes, limits.scene_seconds)
        self._lock = Lock()

    @property
    def weights(self) -> dict[str, float]:
        """Alpha and beta from the start, as far as the method has them."""
        return blends(self.segmenter.method)

    def look(self, image: UInt8Array, name: str) -> tuple[Tab, MaskProposals]:
        """Look at an image, and hold what was seen.

        Args:
            image: uint8 RGB (H, W, 3).
            name: of the image's file.

        Returns:
            What to remember, and the image's proposals.

        Raises:
            ImageError: when it is too large.
        """
        height, width = image.shape[:2]
        size = f"{name} has {width}x{height} = {height * width / 1e6:.0f} megapixels"
        if height * width > self.limits.pixels:
            most = self.limits.pixels / 1e6
            raise ImageError(f"{size}, this page takes up to {most:.0f}; make it smaller first")
        start = perf_counter()
        scene = self.segmenter.look(image)
        seconds = perf_counter() - start
        with self._lock:
            key = self._held.keep(scene)
        if key is None:
            raise ImageError(f"{size} and too many regions to be held; make it smaller first")
        return Tab(key, name, len(scene.proposals), seconds), scene.proposals

    def ask(self, tab: Tab, expression: str | None, weights: dict[str, float]) -> Answered:
        """Ask for an expression.

        Args:
            tab: where an image was looked at.
            expression: the referring expression.
            weights: alpha and beta, 0 to 1; what the method does not have is passed over.

        Raises:
            InputError: when the image is not held any longer.
            ExpressionError: when the expression is empty or too long.
            ConfigurationError: for weights outside 0 to 1.
        """
        with self._lock:
            held = self._held.get(tab.key)
        if held is None:
            raise InputError(
                f"expected {tab.name} to be at hand, but it was let go to save memory; choose it "
                "again"
            )
        start = perf_counter()
        known = self.weights
        known |= {name: weights[name] for name in known.keys() & weights}
        scene = blended(held.scene, **known)
        answer = scene.find(expression or "")
        milliseconds = 1000 * (perf_counter() - start)
        said = answer.why.phrase.expression
        asked = tuple(dict.fromkeys([*tab.asked, said]))
        tab = dataclasses.replace(tab, asked=asked, expression=said)
        return Answered(tab, answer, known, milliseconds)

    def forget(self, tab: Tab) -> None:
        """Let go what a tab looked at."""
        with self._lock:
            self._held.drop(tab.key)
