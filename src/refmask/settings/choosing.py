"""Which model answers, where masks come from, and how the user is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from refmask.errors import ConfigurationError
from refmask.provenance import EMBEDDED, OFFLINE, label_of
from refmask.settings import file
from refmask.settings.levels import GIVEN, Stated, stated
from refmask.settings.options import AUTO
from refmask.weights.catalogue import PUBLISHED
from refmask.weights.recommended import RECOMMENDED, Kit, title

#: Proposers without weights: for photographs, and for emoji scenes.
PHOTO, SCENES = "photo", "grouping"
#: What is better than the preview.
BETTER = "'refmask setup photos' fetches CLIP and SAM 2, which know photographs far better"


@dataclass(frozen=True)
class Choice:
    """A model, and what proposes masks for it.

    Attributes:
        model: as ``refmask.load`` takes it, never "auto".
        weights: as ``refmask.load`` takes it.
        proposals: as ``refmask.load`` takes it, never "auto".
        why: ``GIVEN``, or what to say of it: "named by REFMASK_MODEL", ...
        title: what to call it.
    """

    model: str
    weights: str | None
    proposals: str
    why: str
    title: str

    @property
    def fallback(self) -> bool:
        """Whether it is the preview because nothing better is here."""
        return self.why == NOTHING_BETTER

    @property
    def line(self) -> str | None:
        """What the user is told before the first answer; None for what the user named.

        Of the models that come with refmask it is told whoever names them, for their answers are
        easily believed too much.
        """
        label = None if self.why == MADE_FOR_THEM else label_of(self.model)
        why = None if self.fallback or self.why == GIVEN else self.why
        told = [text for text in (why, label) if text]
        if not told:
            return None
        line = f"{self.title} ({'; '.join(told)})"
        return f"{line}; {BETTER}" if self.model == OFFLINE else line


#: Options that are chosen together.
NAMES = ("model", "weights", "proposals")
NOTHING_BETTER = "nothing is remembered, and no recommended weights are in the cache"
MADE_FOR_THEM = "made for these scenes"
REMEMBERED = "remembered by 'refmask setup'"
CACHED = "found in the Hugging Face cache"


def choose(
    model: str = AUTO, weights: str | None = None, proposals: str = AUTO, *, scenes: bool = False
) -> Choice:
    """The model that answers, and the proposals.

    The model is the one that the arguments name, else ``REFMASK_MODEL``, else the options of the
    configuration file; else, for photographs, what ``refmask setup`` remembered, recommended
    weights in the hub's cache, or the preview; for scenes the model that was made for them.

    Args:
        model: "auto", or a name as ``refmask.load`` takes it.
        weights: of that model.
        proposals: "auto", or a specification as ``refmask.load`` takes it.
        scenes: the images are emoji scenes.

    Raises:
        ConfigurationError: when the environment or the configuration file cannot be used, or
            weights are given without the model that they are of.
        WeightsError: when a file that was remembered is gone or changed, and would be used.
    """
    said = stated({"model": model, "weights": weights, "proposals": proposals}, NAMES)
    named, masks = said["model"], said["proposals"]
    if named.by is None and said["weights"].by is not None:
        alone = said["weights"]
        where = "" if alone.by == GIVEN else f"{alone.by}: "
        raise ConfigurationError(
            f"{where}weights {alone.value} need the model that they are of; name it, too"
        )
    if named.by is not None:
        why = GIVEN if named.by == GIVEN else f"named by {named.by}"
        found = SCENES if scenes else _fitting(named.value, masks)
        weights = said["weights"].value
        name = f"{named.value} {weights}" if weights else named.value
        chosen = Choice(named.value, weights, found, why, name)
    elif scenes:
        chosen = Choice(EMBEDDED, None, SCENES, MADE_FOR_THEM, EMBEDDED)
    else:
        chosen = _usual()
    if masks.by is None:
        return chosen
    return Choice(chosen.model, chosen.weights, masks.value, chosen.why, chosen.title)


def _fitting(model: str, masks: Stated) -> str:
    """Where masks come from for a model that is named, when nobody says."""
    if model == EMBEDDED:
        return SCENES
    remembered = None if model == OFFLINE or masks.by else file.read().remembered
    spec = remembered and remembered.proposals and remembered.checked().proposals
    return spec or PHOTO


def _usual() -> Choice:
    remembered = file.read().remembered
    if remembered is not None:
        known = remembered.checked()
        return Choice(known.model, known.weights, known.proposals or PHOTO, REMEMBERED, known.title)
    found = (_cached(kit) for kit in RECOMMENDED.values())
    return next(filter(None, found), None) or Choice(OFFLINE, None, PHOTO, NOTHING_BETTER, OFFLINE)


def _cached(kit: Kit) -> Choice | None:
    """A kit as far as it is in the hub's cache; None without its CLIP."""
    from huggingface_hub import constants

    name = PUBLISHED[kit.clip.name].repository.replace("/", "--")
    if not Path(constants.HF_HUB_CACHE, f"models--{name}").is_dir():
        return None  # the hub's client, which knows the cache better, takes 0.4 s to import
    from refmask.weights.hub import ready

    weights = ready(kit.clip.name)
    if weights is None:
        return None
    masks = ready(kit.masks.name)
    parts = (kit.clip,) if masks is None else (kit.clip, kit.masks)
    return Choice(
        kit.model,
        str(weights),
        PHOTO if masks is None else kit.proposals(masks),
        CACHED,
        title(parts),
    )
