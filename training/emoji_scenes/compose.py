"""Whole scenes from a seed: layout, image, masks and expressions together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from emoji_scenes.generalised import (
    SetExpression,
    generalised_expressions,
    sample_generalised_layout,
)
from emoji_scenes.layout import Layout, sample_layout
from emoji_scenes.phrases import Expression, expressions
from emoji_scenes.render import Rendered, render
from emoji_scenes.sprites import Sprites
from emoji_scenes.vocabulary import HeldOut
from refmask.errors import ConfigurationError
from refmask.types import MaskProposals, Query, Sample, sealed

#: More than the sentences and the instances of any one image: their ids count within it.
SENTENCES, INSTANCES = 100, 10


@dataclass(frozen=True, eq=False)
class ComposedScene:
    """A scene with all that is known about it.

    Attributes:
        number: of the image, from 1; unique within its data set.
        layout: what is in it and where.
        rendered: the image and its masks.
        expressions: (item, sentence, kind), each true of that item alone.
        generalised: (items, sentence, kind), each true of these items alone, which are several,
            one or none; empty in the data set "scenes".
    """

    number: int
    layout: Layout
    rendered: Rendered
    expressions: tuple[Expression, ...]
    generalised: tuple[SetExpression, ...] = ()

    @property
    def set_expressions(self) -> tuple[SetExpression, ...]:
        """All expressions, each with the items that it refers to."""
        singles = [((item,), sentence, kind) for item, sentence, kind in self.expressions]
        return (*singles, *self.generalised)

    @property
    def sample(self) -> Sample:
        """The scene as every data set yields it; instances are the objects, then the surfaces."""
        queries = tuple(
            Query(
                str(self.sentence_id(row)),
                sentence,
                sealed(self.rendered.objects[list(items)].any(axis=0)),
                kind,
                targets=items if self.generalised else None,
            )
            for row, (items, sentence, kind) in enumerate(self.set_expressions)
        )
        masks = np.concatenate([self.rendered.objects, self.rendered.surfaces])
        return Sample(str(self.number), self.rendered.image, queries, MaskProposals(sealed(masks)))

    def sentence_id(self, row: int) -> int:
        """The id of an expression, unique within the data set."""
        return self.number * SENTENCES + row

    def instance_id(self, row: int) -> int:
        """The id of an instance, objects first and surfaces after them."""
        return self.number * INSTANCES + row


def compose(
    count: int,
    seed: int,
    *,
    sprites: Sprites,
    held_out: HeldOut = "any",
    side: int = 400,
    start: int = 1,
    generalised: bool = False,
) -> Iterator[ComposedScene]:
    """Scenes ``start`` to ``start + count - 1`` of a seed, each drawn from its own stream.

    Args:
        count: number of scenes.
        seed: 0 or more; the same seed gives the same scenes everywhere.
        sprites: the source of drawings.
        held_out: which noun and colour combinations to draw, see ``sample_layout``.
        side: width and height of the images, in pixels.
        start: number of the first scene.
        generalised: scenes of the data set "gscenes", with expressions about any number of items.

    Raises:
        ConfigurationError: when count, seed or side is out of range.
    """
    if count < 0 or seed < 0 or side < 32:
        raise ConfigurationError(
            f"expected a count and a seed of 0 or more and a side of at least 32 pixels, "
            f"got count {count}, seed {seed}, side {side}; correct them"
        )
    return (
        _compose_one(number, seed, sprites, held_out, side, generalised)
        for number in range(start, start + count)
    )


def generate(
    count: int,
    seed: int,
    *,
    sprites: Sprites,
    held_out: HeldOut = "any",
    side: int = 400,
) -> Iterator[Sample]:
    """The same scenes as samples; ``object_instances`` tells their objects from the surfaces."""
    scenes = compose(count, seed, sprites=sprites, held_out=held_out, side=side)
    return (scene.sample for scene in scenes)


def object_instances(sample: Sample) -> MaskProposals:
    """The objects among a scene's instances: the first half; each stands on one surface."""
    instances = sample.instances
    if instances is None:
        return MaskProposals.empty(*sample.image.shape[:2])
    return instances[: len(instances) // 2]


def _compose_one(
    number: int, seed: int, sprites: Sprites, held_out: HeldOut, side: int, generalised: bool
) -> ComposedScene:
    rng = np.random.Generator(np.random.PCG64([seed, number]))
    sample = sample_generalised_layout if generalised else sample_layout
    layout = sample(rng, held_out=held_out)
    said = tuple(expressions(layout, rng))
    further = tuple(generalised_expressions(layout, rng)) if generalised else ()
    return ComposedScene(number, layout, render(layout, sprites, side), said, further)
