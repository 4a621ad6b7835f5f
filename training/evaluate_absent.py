"""Ask for what is not there: the shares of sure answers in the preview's card.

    python training/evaluate_absent.py --root DIR [--store DIR]

DIR holds ``instances.json`` and ``images/`` in COCO's format. In every image twelve categories are
asked for that it does not hold, drawn by a fixed seed; in images without persons also persons,
their clothes and, where there is none, a dog.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import refmask

PERSONS = (
    *("person", "man", "woman", "child", "people", "the man in the red shirt", "boy", "girl"),
    "player",
)
CLOTHES = ("shirt", "jeans", "hat", "shoes", "clothes", "helmet")
#: Categories that are asked for in an image.
EACH = 12


def questions(content: dict[str, Any]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """For each image its file's name, and (kind, expression) of what it does not hold."""
    names = {one["id"]: one["name"] for one in content["categories"]}
    held = defaultdict(set)
    for one in content["annotations"]:
        held[one["image_id"]].add(names[one["category_id"]])
    draw = random.Random(0)
    for image in sorted(content["images"], key=lambda one: one["file_name"]):
        there = held[image["id"]]
        absent = sorted({*names.values()} - there - {"person"})
        asked = [("category", name) for name in draw.sample(absent, EACH)]
        if "person" not in there:
            asked += [("person", word) for word in PERSONS]
            asked += [("clothes", word) for word in CLOTHES]
            asked += [("dog", "dog")] if "dog" in absent else []
        yield image["file_name"], asked


def main() -> None:
    """Ask, and print how many answers of each kind, and to each word of persons, are sure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, required=True, help="instances.json and images/")
    parser.add_argument("--store", help="keep masks and features there")
    args = parser.parse_args()
    segmenter = refmask.load("offline", store=args.store)
    sure = defaultdict(list)
    for name, asked in questions(json.loads((args.root / "instances.json").read_text("utf-8"))):
        scene = segmenter.look(args.root / "images" / name)
        answers = scene.find([expression for _, expression in asked])
        for (kind, expression), answer in zip(asked, answers, strict=True):
            for label in {kind, f"{kind}: {expression}"} - {f"category: {expression}"}:
                sure[label].append(not answer.unsure)
    for label, told in sorted(sure.items()):
        print(f"{label:32} {sum(told):4} of {len(told):4}  {sum(told) / len(told):6.1%}")


if __name__ == "__main__":
    main()
