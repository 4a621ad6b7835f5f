"""What browser tabs have looked at and asked."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from threading import Lock
from time import perf_counter

from refmask.errors import ImageError, InputError
from refmask.segmenter import Scene, Segmenter
from refmask.types import Bytes, Segmentation
from refmask.web.blending import blended, blends
from refmask.web.held import HeldScenes
from refmask.web.limits import Limits


@dataclass(frozen=True)
class Tab:
    """What is remembered of one browser tab; its scene is held elsewhere, and may be let go.

    Attributes:
        key: of its scene.
        name: of the picture's file.
        regions: how many proposals there are.
        seconds: that looking at it took.
        asked: different expressions, in the order in which they were first asked.
        expression: the one asked last; None before the first.
    """

    key: str
    name: str
    regions: int
    seconds: float
    asked: tuple[str, ...] = ()
    expression: str | None = None


@dataclass(frozen=True, eq=False)
class Answered:
    """An expression's answer, the scene that gave it, and how long that took."""

    tab: Tab
    scene: Scene
    answer: Segmentation
    milliseconds: float


class Tabs:
    """The scenes of all tabs: bounded in number, bytes and time. Threads may share it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._held = HeldScenes(limits.scenes, limits.scene_bytes, limits.scene_seconds)
        self._lock = Lock()

    def look(self, segmenter: Segmenter, image: Bytes, name: str) -> tuple[Tab, Scene]:
        """Look at a picture, and hold what was seen.

        Args:
            segmenter: looks.
            image: uint8 RGB (H, W, 3).
            name: of the picture's file.

        Raises:
            ImageError: when it is too large.
        """
        height, width = image.shape[:2]
        small = f"{name} has {width}x{height} = {height * width / 1e6:.0f} megapixels"
        if height * width > self.limits.pixels:
            most = self.limits.pixels / 1e6
            raise ImageError(f"{small}, this page takes up to {most:.0f}; make it smaller first")
        start = perf_counter()
        scene = segmenter.look(image)
        seconds = perf_counter() - start
        with self._lock:
            key = self._held.keep(scene)
        if key is None:
            raise ImageError(f"{small} and too many regions to be held; make it smaller first")
        return Tab(key, name, len(scene.proposals), seconds), scene

    def ask(self, tab: Tab | None, expression: str | None, weights: dict[str, float]) -> Answered:
        """Ask for an expression.

        Args:
            tab: where a picture was looked at; None when there was none.
            expression: the referring expression.
            weights: alpha and beta, 0 to 1; what the method does not have is passed over.

        Raises:
            InputError: when there is no picture, or no longer.
            ExpressionError: when the expression is empty or too long.
            ConfigurationError: for weights outside 0 to 1.
        """
        if tab is None:
            raise InputError("expected a picture first, got none; drop, paste or choose one")
        with self._lock:
            held = self._held.get(tab.key)
        if held is None:
            raise InputError(
                f"expected {tab.name} to be at hand, but it was let go to save memory; choose it "
                "again"
            )
        start = perf_counter()
        known = blends(held.scene.segmenter.method)
        scene = blended(held.scene, **{name: weights[name] for name in known.keys() & weights})
        answer = scene.find(expression or "")
        milliseconds = 1000 * (perf_counter() - start)
        said = answer.why.phrase.expression
        asked = tuple(dict.fromkeys([*tab.asked, said]))
        tab = dataclasses.replace(tab, asked=asked, expression=said)
        return Answered(tab, scene, answer, milliseconds)

    def forget(self, tab: Tab | None) -> None:
        """Let go what a tab looked at."""
        if tab is not None:
            with self._lock:
                self._held.drop(tab.key)
