"""Captions of scenes, each with the claim it makes, so that its truth elsewhere is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from emoji_scenes import (
    COLOURS,
    NOUNS,
    PATTERNS,
    SURFACES,
    Item,
    Layout,
    Surface,
    expressions,
    size_word,
)

#: Words that may stand for a word of the scenes, used in one caption out of ten.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "big": ("large",),
    "small": ("little", "tiny"),
    "plane": ("airplane",),
    "boat": ("sailboat",),
    "rabbit": ("bunny",),
    "bag": ("handbag",),
    "tree": ("fir",),
    "clock": ("alarm clock",),
    "bear": ("teddy bear",),
    "hat": ("top hat",),
    "rug": ("carpet", "mat"),
    "plate": ("dish",),
    "dotted": ("spotted",),
    "checked": ("checkered",),
}
_GLUE = (
    "a an the on standing sitting is in of left right above below next to at top bottom and with"
)
#: Kinds of expressions the images of a batch cannot be told apart by.
_SPATIAL = ("position", "direction", "next-to")


def vocabulary() -> list[str]:
    """Every text whose words should be one token each."""
    synonyms = [word for words in SYNONYMS.values() for word in words]
    return [*NOUNS, *COLOURS, *PATTERNS, *SURFACES, *SYNONYMS, *synonyms, _GLUE]


@dataclass(frozen=True)
class Claim:
    """What a caption says of one thing; None where it says nothing.

    Attributes:
        noun: the object's class.
        colour: the object's colour.
        size: "big" or "small".
        surface: kind, colour and pattern of what it stands on, each perhaps None.
    """

    noun: str
    colour: str | None = None
    size: str | None = None
    surface: tuple[str | None, str | None, str | None] | None = None

    def holds_for(self, item: Item) -> bool:
        """Whether ``item`` is such a thing."""
        if self.noun != item.noun or self.colour not in (None, item.colour):
            return False
        if self.size not in (None, size_word(item)):
            return False
        if self.surface is None:
            return True
        return item.surface is not None and look_holds(self.surface, item.surface)

    def thing(self) -> str:
        """The object without an article: "big red duck"."""
        return " ".join(word for word in (self.size, self.colour, self.noun) if word)


def look_holds(said: tuple[str | None, str | None, str | None], surface: Surface) -> bool:
    """Whether a surface has the kind, colour and pattern that are said."""
    return all(word in (None, true) for word, true in zip(said, surface.look, strict=True))


@dataclass(frozen=True)
class Wording:
    """How often captions say what.

    Attributes:
        surface: share of scene captions that name the surface. The higher, the more the
            surface's word stands in for the object's.
        colour: share that name the object's colour.
        size: share that name its size.
        spatial: share that name a side or a neighbour. No loss teaches these; the words are
            merely no strangers.
        synonym: share in which a word is exchanged for a synonym.
    """

    surface: float = 0.55
    colour: float = 0.5
    size: float = 0.15
    spatial: float = 0.06
    synonym: float = 0.1


class Writer:
    """Words for items and surfaces, drawn from ``rng``."""

    def __init__(self, wording: Wording, rng: np.random.Generator) -> None:
        self.wording, self.rng = wording, rng

    def object_claim(self, item: Item) -> Claim:
        """The noun, often with colour, sometimes with size."""
        colour = item.colour if self._chance(self.wording.colour) else None
        size = size_word(item) if self._chance(self.wording.size) else None
        return Claim(item.noun, colour, size)

    def scene_caption(self, layout: Layout, index: int) -> tuple[Claim, str]:
        """A claim about one object of a scene and its words."""
        item = layout.items[index]
        if self._chance(self.wording.spatial):
            said = [
                text
                for k, text, kind in expressions(layout, self.rng)
                if k == index and kind in _SPATIAL
            ]
            if said:
                return Claim(item.noun), said[int(self.rng.integers(len(said)))]
        claim = self.object_claim(item)
        if item.surface is not None and self._chance(self.wording.surface):
            claim = replace(claim, surface=self._said_look(item.surface))
        return claim, self.text(claim)

    def text(self, claim: Claim) -> str:
        """A claim in words: "the red duck on the striped rug"."""
        words = f"{self._article()} {claim.thing()}"
        if claim.surface is not None:
            place = ("on", "on", "on", "standing on")[int(self.rng.integers(4))]
            words += f" {place} {self._article()} {_place(claim.surface)}"
        return self._exchange(words)

    def surface_text(self, surface: Surface) -> str:
        """A whole surface in words: "the striped red rug"."""
        return self._exchange(f"{self._article()} {_place(surface.look)}")

    def _said_look(self, surface: Surface) -> tuple[str | None, str | None, str | None]:
        kind, colour, pattern = surface.look
        # Plain goes unsaid, and then says nothing.
        said = pattern if pattern != "plain" and self._chance(0.75) else None
        return kind, colour if self._chance(0.8) else None, said

    def _article(self) -> str:
        return "a" if self._chance(0.15) else "the"

    def _exchange(self, text: str) -> str:
        if not self._chance(self.wording.synonym):
            return text
        words = [
            SYNONYMS[word][int(self.rng.integers(len(SYNONYMS[word])))]
            if word in SYNONYMS
            else word
            for word in text.split()
        ]
        return " ".join(words)

    def _chance(self, share: float) -> bool:
        return float(self.rng.random()) < share


def _place(look: tuple[str | None, str | None, str | None]) -> str:
    kind, colour, pattern = look
    words = (pattern if pattern != "plain" else None, colour, kind)
    return " ".join(word for word in words if word)
