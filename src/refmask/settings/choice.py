"""Choose the model and its mask proposals, and describe the choice to the user."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from refmask.errors import ConfigurationError
from refmask.provenance import EMBEDDED, OFFLINE, label_of
from refmask.settings import file
from refmask.settings.options import AUTO
from refmask.settings.precedence import ARGUMENT, Setting, resolve
from refmask.weights.catalogue import PUBLISHED
from refmask.weights.recommended import RECOMMENDED, Kit, title

#: Proposers without weights: for photographs, and for emoji scenes.
PHOTO, SCENES = "photo", "grouping"
#: Advice that goes with the preview model.
BETTER = "'refmask setup photos' fetches CLIP and SAM 2, which know photographs far better"


@dataclass(frozen=True)
class Choice:
    """A model and its proposer.

    Attributes:
        model: as ``refmask.load`` takes it, never "auto".
        weights: as ``refmask.load`` takes it.
        proposals: as ``refmask.load`` takes it, never "auto".
        reason: ``ARGUMENT``, or text for the user: "named by REFMASK_MODEL", ...
        title: display name.
    """

    model: str
    weights: str | None
    proposals: str
    reason: str
    title: str

    @property
    def fallback(self) -> bool:
        """Whether this is the preview, for lack of a better model."""
        return self.reason == NOTHING_BETTER

    @property
    def line(self) -> str | None:
        """What to tell the user before the first answer; None for a model that the user named.

        Models that come with refmask always state their limits, even when named.
        """
        label = None if self.reason == MADE_FOR_THEM else label_of(self.model)
        reason = None if self.fallback or self.reason == ARGUMENT else self.reason
        notes = [text for text in (reason, label) if text]
        if not notes:
            return None
        line = f"{self.title} ({'; '.join(notes)})"
        return f"{line}; {BETTER}" if self.model == OFFLINE else line


#: Options that are chosen together.
NAMES = ("model", "weights", "proposals")
NOTHING_BETTER = "nothing is set up, and no recommended weights are in the cache"
MADE_FOR_THEM = "made for these scenes"
REMEMBERED = "remembered by 'refmask setup'"
CACHED = "found in the Hugging Face cache"


def choose(
    model: str = AUTO, weights: str | None = None, proposals: str = AUTO, *, scenes: bool = False
) -> Choice:
    """Choose the model and the proposals.

    The model is the first of: the arguments, ``REFMASK_MODEL``, the options of the configuration
    file. Without these, emoji scenes get their own model, and photographs what ``refmask setup``
    remembered, else recommended weights in the hub's cache, else the preview.

    Args:
        model: "auto", or a name as ``refmask.load`` takes it.
        weights: of that model.
        proposals: "auto", or a specification as ``refmask.load`` takes it.
        scenes: the images are emoji scenes.

    Raises:
        ConfigurationError: when the environment or the configuration file is invalid, or weights
            come without a model.
        WeightsError: when a remembered file would be used and is missing or changed.
    """
    settings = resolve({"model": model, "weights": weights, "proposals": proposals}, NAMES)
    named, weighted, masks = (settings[name] for name in NAMES)
    if named.source is not None:
        reason = ARGUMENT if named.source == ARGUMENT else f"named by {named.source}"
        proposed = SCENES if scenes else _proposals_for(named.value, masks)
        name = f"{named.value} {weighted.value}" if weighted.value else named.value
        choice = Choice(named.value, weighted.value, proposed, reason, name)
    elif weighted.source is not None:
        where = "" if weighted.source == ARGUMENT else f"{weighted.source}: "
        raise ConfigurationError(
            f"{where}weights {weighted.value} need a model; name the model they belong to"
        )
    elif scenes:
        choice = Choice(EMBEDDED, None, SCENES, MADE_FOR_THEM, EMBEDDED)
    else:
        choice = _default()
    return choice if masks.source is None else replace(choice, proposals=masks.value)


def _proposals_for(model: str, masks: Setting) -> str:
    """Default proposals of a named model."""
    if model == EMBEDDED:
        return SCENES
    remembered = None if model == OFFLINE or masks.source else file.read().remembered
    spec = remembered and remembered.proposals and remembered.checked().proposals
    return spec or PHOTO


def _default() -> Choice:
    remembered = file.read().remembered
    if remembered is not None:
        known = remembered.checked()
        return Choice(known.model, known.weights, known.proposals or PHOTO, REMEMBERED, known.title)
    cached = (_cached(kit) for kit in RECOMMENDED.values())
    return next(filter(None, cached), None) or Choice(OFFLINE, None, PHOTO, NOTHING_BETTER, OFFLINE)


def _cached(kit: Kit) -> Choice | None:
    """The parts of a kit in the hub's cache; None without its CLIP."""
    from huggingface_hub import constants

    name = PUBLISHED[kit.clip.name].repository.replace("/", "--")
    if not Path(constants.HF_HUB_CACHE, f"models--{name}").is_dir():
        return None  # spares the import of the hub's client, 0.4 s
    from refmask.weights.hub import ready

    weights = ready(kit.clip.name)
    if weights is None:
        return None
    masks = ready(kit.masks.name)
    parts = (kit.clip,) if masks is None else (kit.clip, kit.masks)
    proposals = PHOTO if masks is None else kit.proposals(masks)
    return Choice(kit.model, str(weights), proposals, CACHED, title(parts))
