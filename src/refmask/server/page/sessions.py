"""Scenes of the page's browser tabs."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from threading import Lock
from time import perf_counter

from refmask.errors import ImageError, InputError
from refmask.segmenter import Segmenter
from refmask.selection import RULES
from refmask.server.blending import blended, blends, with_choice
from refmask.server.limits import Limits
from refmask.server.page.tabs import Tab, TabAnswer
from refmask.server.scene_cache import SceneCache
from refmask.types import MaskProposals, UInt8Array


class SessionStore:
    """The scenes of all tabs, limited in number, bytes and time. Thread-safe.

    Args:
        segmenter: encodes and answers.
        limits: of an image, and of all scenes.
    """

    def __init__(self, segmenter: Segmenter, limits: Limits) -> None:
        self.segmenter = segmenter
        self.limits = limits
        self._scenes = SceneCache(limits.scenes, limits.scene_bytes, limits.scene_seconds)
        self._lock = Lock()

    @property
    def weights(self) -> dict[str, float]:
        """Initial alpha and beta, where the method has them."""
        return blends(self.segmenter.method)

    @property
    def terms(self) -> list[str]:
        """The terms that are used at first."""
        return [name for name, weight in self.segmenter.terms.items() if weight]

    @property
    def answers(self) -> str:
        """How many things an answer may be at first, a key of ``RULES``."""
        return next(name for name, rules in RULES.items() if rules == self.segmenter.rules)

    def encode(self, image: UInt8Array, name: str) -> tuple[Tab, MaskProposals]:
        """Encode an image and cache its scene.

        Args:
            image: uint8 RGB (H, W, 3).
            name: of the image's file.

        Raises:
            ImageError: when it is too large.
        """
        height, width = image.shape[:2]
        size = f"{name} has {width}x{height} = {height * width / 1e6:.0f} megapixels"
        if height * width > self.limits.pixels:
            most = self.limits.pixels / 1e6
            raise ImageError(f"{size}; make it smaller, up to {most:.0f} megapixels")
        start = perf_counter()
        scene = self.segmenter.look(image)
        seconds = perf_counter() - start
        with self._lock:
            key = self._scenes.add(scene)
        if key is None:
            raise ImageError(f"{size} and too many regions for the memory; make it smaller")
        return Tab(key, name, len(scene.proposals), seconds), scene.proposals

    def find(
        self,
        tab: Tab,
        expression: str | None,
        weights: dict[str, float],
        terms: Collection[str] | None = None,
        answers: str | None = None,
    ) -> TabAnswer:
        """Find an expression in a tab's image.

        Args:
            tab: of an encoded image.
            expression: the referring expression.
            weights: alpha and beta, 0 to 1; those that the method lacks are ignored.
            terms: names of those to use, with ``answers``.
            answers: how many things the answer may be, a key of ``RULES``; None for the
                segmenter's own, and its terms.

        Raises:
            InputError: when the scene was deleted.
            ExpressionError: when the expression is empty or too long.
            ConfigurationError: for weights outside 0 to 1, or an unknown name.
        """
        with self._lock:
            cached = self._scenes.get(tab.key)
        if cached is None:
            raise InputError(f"{tab.name} was deleted to save memory; choose it again")
        start = perf_counter()
        used = self.weights
        used |= {name: weights[name] for name in used.keys() & weights}
        scene = blended(cached.scene, **used)
        if answers is not None:
            scene = scene.asked_by(with_choice(scene.segmenter, terms or (), answers))
        answer = scene.find(expression or "")
        cached.scene.features = scene.features  # it may have looked closer at some regions
        milliseconds = 1000 * (perf_counter() - start)
        text = answer.why.phrase.expression
        phrases = tuple(dict.fromkeys([*tab.phrases, text]))
        tab = dataclasses.replace(tab, phrases=phrases, expression=text)
        return TabAnswer(tab, answer, used, milliseconds)

    def delete(self, tab: Tab) -> None:
        """Delete a tab's scene."""
        with self._lock:
            self._scenes.delete(tab.key)
