"""Scenes: composed images of emoji objects on surfaces, with masks and true expressions.

Two same-class, same-colour objects that differ only in what they stand on cannot be told apart
by what lies inside their masks; whoever answers "the duck on the striped red rug" has looked at
the surroundings.
"""

from emoji_scenes.backgrounds import Background
from emoji_scenes.compose import ComposedScene, compose, generate, object_instances
from emoji_scenes.generalised import (
    GENERALISED_KINDS,
    generalised_expressions,
    plural,
    sample_generalised_layout,
)
from emoji_scenes.layout import (
    Item,
    Layout,
    Surface,
    sample_layout,
    swap_surfaces,
    with_surface,
)
from emoji_scenes.phrases import (
    KINDS,
    expressions,
    object_phrase,
    size_word,
    surface_phrase,
)
from emoji_scenes.render import Rendered, render
from emoji_scenes.sprites import FONT, Sprites
from emoji_scenes.vocabulary import (
    COLOURS,
    NOUNS,
    PATTERNS,
    SURFACES,
    contrasts,
    is_held_out,
)
from emoji_scenes.writing import write_scenes

__all__ = [
    "COLOURS",
    "FONT",
    "GENERALISED_KINDS",
    "KINDS",
    "NOUNS",
    "PATTERNS",
    "SURFACES",
    "Background",
    "ComposedScene",
    "Item",
    "Layout",
    "Rendered",
    "Sprites",
    "Surface",
    "compose",
    "contrasts",
    "expressions",
    "generalised_expressions",
    "generate",
    "is_held_out",
    "object_instances",
    "object_phrase",
    "plural",
    "render",
    "sample_generalised_layout",
    "sample_layout",
    "size_word",
    "surface_phrase",
    "swap_surfaces",
    "with_surface",
    "write_scenes",
]
