"""Batches to learn from: scenes as twins, and cut-outs, with the truth of every caption.

A caption that happens to be true of another image of the batch must not be used against it;
hence the tables of truth. Masks of scenes take no part.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from emoji_scenes import Item, Layout, Sprites, render, sample_layout, swap_surfaces, with_surface
from scene_captions import Claim, Wording, Writer, look_holds
from scene_cutouts import Cutter

UInt8Array = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]

#: Shares of scenes with 1, 2, 3 and 4 objects. Those of one teach what a surface's words mean.
_COUNTS = (0.3, 0.3, 0.2, 0.2)
#: How often a scene's caption is about an object whose surface its twin has changed.
_ABOUT_CHANGE = 0.7


@dataclass(frozen=True)
class Recipe:
    """What a batch is made of.

    Attributes:
        pairs: twins, P.
        captions: of each scene; words cost little beside images.
        objects: whole objects among the cut-outs.
        surfaces: surfaces among the cut-outs.
        parts: pieces of objects among the cut-outs.
        unions: objects with their surfaces among the cut-outs.
        wording: how often captions say what.
    """

    pairs: int = 36
    captions: int = 3
    objects: int = 28
    surfaces: int = 8
    parts: int = 10
    unions: int = 4
    wording: Wording = field(default_factory=Wording)


@dataclass(frozen=True, eq=False)
class Batch:
    """One step's images and captions; K of C cut-outs have a caption.

    Attributes:
        scenes: uint8 (2P, S, S, 3); rows 2p and 2p + 1 are twins.
        scene_texts: R captions, some for each scene.
        scene_owner: int (R,), the scene that each caption belongs to.
        scene_truth: bool (R, 2P), whether caption i is true of scene j.
        cutouts: uint8 (C, S, S, 3); the first K are whole objects, then surfaces.
        cutout_texts: K captions.
        cutout_truth: bool (K, C), whether caption i is true of cut-out j; True on the diagonal.
    """

    scenes: UInt8Array
    scene_texts: list[str]
    scene_owner: npt.NDArray[np.int64]
    scene_truth: BoolArray
    cutouts: UInt8Array
    cutout_texts: list[str]
    cutout_truth: BoolArray


def make_twins(rng: np.random.Generator) -> tuple[Layout, Layout, tuple[int, ...]]:
    """Two scenes that differ in what their objects stand on.

    Where two objects look different their surfaces change places, so that both scenes hold the
    same objects and the same surfaces; a lone object, or objects alike, get a new surface.

    Returns:
        Both scenes and the indices of the objects whose surfaces differ.
    """
    count = int(rng.choice(4, p=_COUNTS)) + 1
    pair = None if rng.random() < 0.5 else False
    layout = sample_layout(rng, count=count, held_out="exclude", same_class_pair=pair)
    names = [(item.noun, item.colour) for item in layout.items]
    unlike = [(i, j) for j in range(count) for i in range(j) if names[i] != names[j]]
    if unlike and rng.random() < 0.8:
        first, second = unlike[int(rng.integers(len(unlike)))]
        return layout, swap_surfaces(layout, first, second), (first, second)
    index = int(rng.integers(count))
    taken = [item.surface.look for item in layout.items if item.surface is not None]
    while (surface := draw_item(rng).surface) is None or surface.look in taken:
        pass
    return layout, with_surface(layout, index, surface), (index,)


def draw_item(rng: np.random.Generator) -> Item:
    """An object on a surface."""
    return sample_layout(rng, count=1, held_out="exclude").items[0]


class BatchMaker:
    """Draws batches; the same seed gives the same batches."""

    def __init__(self, recipe: Recipe, side: int, seed: int) -> None:
        self.recipe, self.side = recipe, side
        self.rng = np.random.default_rng(seed)
        self.sprites = Sprites()
        self.writer = Writer(recipe.wording, self.rng)
        self.cutter = Cutter(self.sprites, side, self.rng)

    def __call__(self) -> Batch:
        """The next batch."""
        return Batch(*self._scenes(), *self._cutouts())

    def _scenes(self) -> tuple[UInt8Array, list[str], npt.NDArray[np.int64], BoolArray]:
        layouts: list[Layout] = []
        captions: list[tuple[Claim, str]] = []
        for _ in range(self.recipe.pairs):
            first, second, changed = make_twins(self.rng)
            for layout in (first, second):
                layouts.append(layout)
                captions += [self._caption(layout, changed) for _ in range(self.recipe.captions)]
        images = [
            render(layout, self.sprites, side=self.side, masks=False).image for layout in layouts
        ]
        truth = [
            [any(claim.holds_for(item) for item in layout.items) for layout in layouts]
            for claim, _ in captions
        ]
        owner = np.repeat(np.arange(len(layouts)), self.recipe.captions)
        return np.stack(images), [text for _, text in captions], owner, np.array(truth)

    def _caption(self, layout: Layout, changed: tuple[int, ...]) -> tuple[Claim, str]:
        about = changed if self.rng.random() < _ABOUT_CHANGE else range(len(layout.items))
        return self.writer.scene_caption(layout, about[int(self.rng.integers(len(about)))])

    def _cutouts(self) -> tuple[UInt8Array, list[str], BoolArray]:
        recipe, cutter, rng = self.recipe, self.cutter, self.rng
        objects = [draw_item(rng) for _ in range(recipe.objects)]
        surfaces = [draw_item(rng) for _ in range(recipe.surfaces)]
        # Pieces and unions of the very objects that are there whole: the hardest wrong answers.
        pieces = [objects[int(i)] for i in rng.integers(len(objects), size=recipe.parts)]
        unions = [objects[int(i)] for i in rng.integers(len(objects), size=recipe.unions)]
        images = [
            *map(cutter.whole, objects),
            *map(cutter.surface, surfaces),
            *map(cutter.part, pieces),
            *map(cutter.union, unions),
        ]
        claims = [self.writer.object_claim(item) for item in objects]
        looks = [item.surface for item in surfaces if item.surface is not None]
        texts = [self.writer.text(claim) for claim in claims]
        texts += [self.writer.surface_text(surface) for surface in looks]
        truth = np.zeros((len(texts), len(images)), np.bool_)
        for row, claim in enumerate(claims):
            # A cut-out is stretched: its size cannot be seen and counts as true.
            seen = Claim(claim.noun, claim.colour)
            truth[row, : len(objects)] = [seen.holds_for(item) for item in objects]
        for row, surface in enumerate(looks, start=len(objects)):
            kind, colour, pattern = surface.look
            said = (kind, colour, pattern if pattern != "plain" else None)
            shown = [*surfaces, *pieces, *unions]
            truth[row, len(objects) :] = [
                item.surface is not None and look_holds(said, item.surface) for item in shown
            ]
            truth[row, len(texts) : len(texts) + len(pieces)] = False
        return np.stack(images), texts, truth
