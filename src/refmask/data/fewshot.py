"""Few-shot training sets: k instances per class (figure 4, right)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from refmask.data import Dataset
from refmask.data.refer import ReferDataset
from refmask.data.refs import Ref
from refmask.errors import ConfigurationError


def few_shot(dataset: Dataset, per_class: int, seed: int) -> tuple[Ref, ...]:
    """Refs of ``per_class`` instances of each class, in the data set's order.

    The seed shuffles the refs of each class on their own, and the first ones are taken: the set
    for k is contained in that for k + 1, and an added class does not change the others. Refs to
    several things or to none, as in gRefCOCO, are of no class and left out.

    Args:
        dataset: a split with refs; for the paper's figure "train" of RefCOCOg.
        per_class: k, 1 or more; a class with fewer refs gives all it has.
        seed: 0 or more.

    Raises:
        ConfigurationError: for numbers out of range, or a data set without refs.
    """
    if not isinstance(dataset, ReferDataset):
        raise ConfigurationError(
            f"{dataset.name} has no refs; name a data set with refs, such as refcocog"
        )
    if per_class < 1 or seed < 0:
        raise ConfigurationError(
            f"give 1 or more instances per class and a seed of 0 or more, not {per_class} and "
            f"{seed}"
        )
    by_class: dict[int, list[int]] = defaultdict(list)
    for row, ref in enumerate(dataset.refs):
        if len(ref.annotations) == 1:
            by_class[ref.category].append(row)
    chosen: list[int] = []
    for category, rows in by_class.items():
        order = np.random.default_rng([seed, category]).permutation(len(rows))
        chosen += [rows[index] for index in order[:per_class]]
    return tuple(dataset.refs[row] for row in sorted(chosen))


def record(dataset: Dataset, refs: tuple[Ref, ...], per_class: int, seed: int) -> dict[str, Any]:
    """A few-shot set as JSON values: its source, its classes and its refs."""
    classes = sorted({ref.category for ref in refs})
    return {
        "data_set": dataset.name,
        "split_by": getattr(dataset, "split_by", None),
        "split": dataset.split,
        "fingerprint": dataset.fingerprint,
        "per_class": per_class,
        "seed": seed,
        "categories": {str(number): dataset.categories.get(number) for number in classes},
        "refs": [
            {
                "ref_id": ref.id,
                "ann_id": ref.annotations[0],
                "image_id": ref.image,
                "category_id": ref.category,
                "sentences": [{"sent_id": s.id, "raw": s.text} for s in ref.sentences],
            }
            for ref in refs
        ],
    }
