"""Ask for true masks by other words than their category's: the scores in the table's card.

    python training/evaluate_words.py --root DIR

DIR holds ``instances.json`` and ``images/`` in COCO's format. Masks of at least 1 % of the image
count, in images with two categories or more; a word is asked where some of them are right and
others are wrong. The categories' own names are asked as
``refmask evaluate coco --questions categories --proposals instances --model offline`` does.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from refmask.classifier import load_classifier
from refmask.data import load_dataset
from refmask.data.choice import CHOICES
from refmask.methods.class_posterior import ClassPosterior
from refmask.text.parser import PhraseParser

PERSON = ["man", "woman", "lady", "guy", "kid", "boy", "girl", "child", "people", "player", "human"]
#: Other names of COCO's categories.
SYNONYMS = {
    "airplane": ["plane", "jet", "aeroplane"],
    "backpack": ["rucksack", "bag"],
    "baseball bat": ["bat"],
    "baseball glove": ["glove", "mitt"],
    "bed": ["mattress"],
    "bench": ["seat"],
    "bicycle": ["bike", "cycle"],
    "boat": ["ship"],
    "book": ["novel"],
    "bottle": ["flask"],
    "bowl": ["dish"],
    "bus": ["coach"],
    "car": ["automobile", "sedan", "auto"],
    "cat": ["kitty", "kitten"],
    "cell phone": ["phone", "mobile"],
    "chair": ["seat"],
    "clock": ["timepiece"],
    "couch": ["sofa", "settee"],
    "cow": ["cattle", "bull"],
    "cup": ["mug"],
    "dining table": ["table", "desk"],
    "dog": ["puppy", "hound"],
    "donut": ["doughnut"],
    "handbag": ["bag", "purse"],
    "horse": ["pony"],
    "knife": ["blade"],
    "laptop": ["computer", "notebook"],
    "motorcycle": ["motorbike", "bike"],
    "oven": ["stove", "cooker"],
    "potted plant": ["plant", "flower"],
    "refrigerator": ["fridge", "freezer"],
    "remote": ["controller"],
    "sink": ["basin", "washbasin"],
    "sports ball": ["ball"],
    "stop sign": ["sign"],
    "suitcase": ["luggage", "briefcase"],
    "teddy bear": ["teddy", "toy", "stuffed animal"],
    "tennis racket": ["racket"],
    "tie": ["necktie"],
    "traffic light": ["light", "stoplight"],
    "truck": ["lorry", "pickup"],
    "tv": ["television", "monitor", "screen"],
    "umbrella": ["parasol"],
    "vase": ["pot", "urn"],
    "wine glass": ["glass", "goblet"],
}
ANIMALS = ["bear", "bird", "cat", "cow", "dog", "elephant", "giraffe", "horse", "sheep", "zebra"]
VEHICLES = ["airplane", "bicycle", "boat", "bus", "car", "motorcycle", "train", "truck"]
FOOD = ["apple", "banana", "broccoli", "cake", "carrot", "donut", "hot dog", "orange", "pizza"]
#: Words for several categories, each with all that is right.
HYPERNYMS = {
    "animal": ANIMALS,
    "mammal": [name for name in ANIMALS if name != "bird"],
    "pet": ["cat", "dog"],
    "vehicle": VEHICLES,
    "food": [*FOOD, "sandwich"],
    "fruit": ["apple", "banana", "orange"],
    "vegetable": ["broccoli", "carrot"],
    "furniture": ["bed", "bench", "chair", "couch", "dining table"],
    "utensil": ["fork", "knife", "spoon"],
    "appliance": ["microwave", "oven", "refrigerator", "toaster"],
    "container": ["backpack", "bottle", "bowl", "cup", "handbag", "suitcase", "vase"],
}


def questions(there: set[str]) -> dict[str, list[tuple[str, set[str]]]]:
    """Words to ask in an image with these categories, and what is right, by kind of word."""
    return {
        "names": [(name, {name}) for name in sorted(there)],
        "person words": [(word, {"person"}) for word in PERSON if "person" in there],
        "other synonyms": [(w, {name}) for name in sorted(there) for w in SYNONYMS.get(name, ())],
        "hypernyms": [(word, {*right}) for word, right in HYPERNYMS.items() if there & {*right}],
    }


def main() -> None:
    """Print the share of right answers by kind of word."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, required=True, help="with instances.json and images/")
    dataset = load_dataset("coco", root=parser.parse_args().root, questions=CHOICES)
    read, method = PhraseParser(), ClassPosterior(load_classifier())
    right, chance = defaultdict(list), defaultdict(list)
    for image in dataset.ids:
        sample = dataset.sample(image)
        seen = method.encode_image(sample.image, sample.instances)
        classes = sample.instances.details["category"]
        names = np.array([dataset.categories[number] for number in classes])
        for kind, asked in questions({*names}).items():
            for word, wanted in asked:
                good = np.isin(names, [*wanted])
                if not good.all():
                    right[kind].append(
                        good[method.score(seen, method.encode_text(read([word])))[0].argmax()]
                    )
                    chance[kind].append(good.mean())
    for kind, answers in right.items():
        print(
            f"{kind}: {np.mean(answers):.3f} of {len(answers)} (chance {np.mean(chance[kind]):.3f})"
        )


if __name__ == "__main__":
    main()
