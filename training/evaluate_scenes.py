"""Measure the shipped CLIP on freshly composed scenes, with refmask itself, and fill its card.

    python training/evaluate_scenes.py --scenes 900

Proposals are ground-truth masks: every object, every surface, and one half of every object.
Nothing here was seen while training or while choosing alpha and k.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import refmask
from clip_card import write_card
from emoji_scenes import (
    KINDS,
    ComposedScene,
    Item,
    Layout,
    Sprites,
    compose,
    is_held_out,
    render,
    with_surface,
)
from refmask.metrics import (
    PairedGain,
    intersection_and_union,
    iou,
    mean_iou,
    overall_iou,
    paired_bootstrap,
)
from refmask.types import MaskProposals, TargetPhrase
from scene_scoring import propose

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

TEST_SEED = 20_230_618
#: Name -> share of the global visual feature (None: the model's own alpha), of the sentence.
VISUAL = {"global": 1.0, "local": 0.0, "both": None}
TEXT = {"sentence": 1.0, "noun phrase": 0.0, "both": 0.5}
OURS = ("both", "both")


@dataclass
class Tally:
    """What was chosen, query by query, under each name.

    Attributes:
        scenes: number of the scene of each query.
        kinds: kind of each query.
        held_out: whether the target's noun and colour never occurred together in training.
        chance: one over the number of proposals.
        inter: name -> intersection of the chosen mask with the target.
        union: name -> their union.
        told: name -> (kind, right): whether the target scores above the one other object of its
            class and colour, where there is exactly one.
    """

    scenes: list[int] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    held_out: list[bool] = field(default_factory=list)
    chance: list[float] = field(default_factory=list)
    inter: dict[Any, list[float]] = field(default_factory=dict)
    union: dict[Any, list[float]] = field(default_factory=dict)
    told: dict[Any, list[tuple[str, bool]]] = field(default_factory=dict)

    def add(self, name: Any, inter: float, union: float) -> None:
        """Note one answer."""
        self.inter.setdefault(name, []).append(inter)
        self.union.setdefault(name, []).append(union)

    def pair(self, name: Any) -> tuple[FloatArray, FloatArray]:
        """Intersections and unions (Q,) under a name."""
        return np.array(self.inter[name]), np.array(self.union[name])


def systems(segmenter: refmask.Segmenter) -> dict[tuple[str, str], refmask.Segmenter]:
    """The segmenter with each visual and each text feature alone and with both."""
    found = {}
    for visual, alpha in VISUAL.items():
        for text, beta in TEXT.items():
            method: Any = segmenter.method
            alone = replace(method, alpha=method.alpha if alpha is None else alpha, beta=beta)
            found[visual, text] = replace(segmenter, method=alone)
    return found


def rivals_of(items: tuple[Item, ...], target: int) -> list[int]:
    """Other objects of the target's class and colour."""
    own = (items[target].noun, items[target].colour)
    return [k for k, item in enumerate(items) if k != target and (item.noun, item.colour) == own]


def noun_only(phrases: list[TargetPhrase], nouns: list[str]) -> list[TargetPhrase]:
    """The same queries reduced to "the duck"."""
    return [
        replace(phrase, text=f"the {noun}", noun_phrase=f"the {noun}")
        for phrase, noun in zip(phrases, nouns, strict=True)
    ]


def without_surfaces(layout: Layout) -> Layout:
    """The scene with every surface erased."""
    for index in range(len(layout.items)):
        layout = with_surface(layout, index, None)
    return layout


def tally(
    scenes: Iterator[ComposedScene], segmenter: refmask.Segmenter, sprites: Sprites, seed: int
) -> Tally:
    """Ask every expression of every scene under every system."""
    found, rng = Tally(), np.random.default_rng(seed)
    variants = systems(segmenter)
    for scene in scenes:
        items, image = scene.layout.items, scene.rendered
        masks = MaskProposals(propose(image.objects, image.surfaces, rng))
        looked = segmenter.look(image.image, masks)
        targets = [item for item, _, _ in scene.expressions]
        phrases = segmenter.parser([sentence for _, sentence, _ in scene.expressions])
        inter, union = intersection_and_union(masks.masks[None], image.objects[targets][:, None])
        found.scenes += [scene.number] * len(targets)
        found.kinds += [kind for _, _, kind in scene.expressions]
        found.held_out += [is_held_out(items[t].noun, items[t].colour) for t in targets]
        found.chance += [1 / len(masks)] * len(targets)
        asked: dict[Any, tuple[refmask.Segmenter, list[TargetPhrase]]] = {
            name: (system, phrases) for name, system in variants.items()
        }
        asked["noun only"] = variants[OURS], noun_only(phrases, [items[t].noun for t in targets])
        for name, (system, said) in asked.items():
            answers = replace(looked, segmenter=system).find_phrases(said)
            for row, answer in enumerate(answers):
                found.add(name, inter[row, answer.best], union[row, answer.best])
        tell_apart(found, scene, segmenter, variants, phrases, sprites)
    return found


def tell_apart(
    found: Tally,
    scene: ComposedScene,
    segmenter: refmask.Segmenter,
    variants: dict[tuple[str, str], refmask.Segmenter],
    phrases: list[TargetPhrase],
    sprites: Sprites,
) -> None:
    """Between objects of one class and colour: which scores best, with surfaces and without."""
    rows = [
        (row, target, rivals_of(scene.layout.items, target), kind)
        for row, (target, _, kind) in enumerate(scene.expressions)
    ]
    rows = [entry for entry in rows if entry[2]]
    if not rows:
        return
    bare = render(without_surfaces(scene.layout), sprites, len(scene.rendered.image))
    for state, image in (("", scene.rendered), (" erased", bare)):
        looked = segmenter.look(image.image, MaskProposals(image.objects))
        for visual in VISUAL:
            system = replace(looked, segmenter=variants[visual, "both"])
            answers = system.find_phrases([phrases[row] for row, *_ in rows])
            for (_, target, rivals, kind), answer in zip(rows, answers, strict=True):
                right = answer.scores[target] > answer.scores[rivals].max()
                # Among three alike a coin has three sides; only pairs are counted.
                if len(rivals) == 1:
                    found.told.setdefault(visual + state, []).append((kind, bool(right)))


def report(found: Tally) -> dict[str, Any]:
    """All numbers of the card, in percent where they are shares."""
    names = [(visual, text) for visual in VISUAL for text in TEXT]
    kinds, held_out = np.array(found.kinds), np.array(found.held_out)
    ours = found.pair(OURS)
    right = iou(*ours) > 0.999
    seen = [kind for kind in KINDS if (kinds == kind).any()]
    plain = np.isin(kinds, ("class", "colour"))
    gains = {
        "local": ("local", "both"),
        "global": ("global", "both"),
        "sentence": ("both", "sentence"),
        "noun phrase": ("both", "noun phrase"),
        "local and noun phrase": ("local", "noun phrase"),
        "noun only": "noun only",
    }
    return {
        "scenes": len(set(found.scenes)),
        "queries": len(kinds),
        "chance": 100 * float(np.mean(found.chance)),
        "oiou": {f"{a}/{b}": 100 * overall_iou(*found.pair((a, b))) for a, b in names},
        "miou": {f"{a}/{b}": 100 * mean_iou(*found.pair((a, b))) for a, b in names},
        "noun_only_oiou": 100 * overall_iou(*found.pair("noun only")),
        "gains": {
            name: _percent(paired_bootstrap(ours, found.pair(other), found.scenes))
            for name, other in gains.items()
        },
        "kinds": {kind: _by_kind(found, kinds == kind, right) for kind in seen},
        "held_out_right": 100 * float(right[plain & held_out].mean()),
        "told": {
            name: {kind: _told(entries, kind) for kind in seen if _told(entries, kind)[1]}
            for name, entries in found.told.items()
        },
    }


def _by_kind(found: Tally, chosen: BoolArray, right: BoolArray) -> dict[str, float]:
    def picked(name: Any) -> tuple[FloatArray, FloatArray]:
        inter, union = found.pair(name)
        return inter[chosen], union[chosen]

    return {
        "queries": int(chosen.sum()),
        "right": 100 * float(right[chosen].mean()),
        "chance": 100 * float(np.array(found.chance)[chosen].mean()),
        "oiou": 100 * overall_iou(*picked(OURS)),
        "oiou_local": 100 * overall_iou(*picked(("local", "both"))),
        "oiou_global": 100 * overall_iou(*picked(("global", "both"))),
        "oiou_noun_only": 100 * overall_iou(*picked("noun only")),
    }


def _told(entries: list[tuple[str, bool]], kind: str) -> tuple[float, int]:
    """Percent right and number of the queries of a kind."""
    rights = [right for of, right in entries if of == kind]
    return (100 * float(np.mean(rights)) if rights else 0.0), len(rights)


def _percent(gain: PairedGain) -> list[float]:
    return [100 * gain.gain, 100 * gain.low, 100 * gain.high]


def with_grouping(count: int, seed: int, sprites: Sprites, model: str) -> dict[str, float]:
    """Mean IoU on class and colour with masks from ``grouping``, and its upper bound."""
    segmenter = refmask.load(model, proposals="grouping")
    chosen: list[float] = []
    bound: list[float] = []
    for scene in compose(count, seed, sprites=sprites):
        said = [entry for entry in scene.expressions if entry[2] in ("class", "colour")]
        looked = segmenter.look(scene.rendered.image)
        for (target, _, _), answer in zip(said, looked.find([s for _, s, _ in said]), strict=True):
            truth = scene.rendered.objects[target]
            chosen.append(float(iou(*intersection_and_union(answer.mask, truth))))
            each = iou(*intersection_and_union(looked.proposals.masks, truth))
            bound.append(float(each.max(initial=0)))
    return {
        "scenes": count,
        "queries": len(chosen),
        "miou": 100 * float(np.mean(chosen)),
        "bound": 100 * float(np.mean(bound)),
    }


def main() -> None:
    """Measure and write the card beside the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=900)
    parser.add_argument("--grouped", type=int, default=150, help="scenes for grouping")
    parser.add_argument("--seed", type=int, default=TEST_SEED)
    parser.add_argument("--model", type=Path, default=Path(str(files("refmask") / "assets/clip")))
    parser.add_argument("--numbers", type=Path, help="also write all numbers here, as JSON")
    options = parser.parse_args()
    sprites = Sprites()
    segmenter = refmask.load(str(options.model), proposals="grouping")
    scenes = compose(options.scenes, options.seed, sprites=sprites)
    numbers = report(tally(scenes, segmenter, sprites, options.seed))
    numbers["seed"] = options.seed
    numbers["grouping"] = with_grouping(
        options.grouped, options.seed + 1, sprites, str(options.model)
    )
    if options.numbers:
        options.numbers.write_text(json.dumps(numbers, indent=2) + "\n")
    write_card(options.model, numbers)
    print(json.dumps(numbers, indent=2))


if __name__ == "__main__":
    main()
