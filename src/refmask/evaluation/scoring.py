"""Masks of any other system, under the same figures.

The file is JSON: a list of objects with ``sentence_id`` (or ``sent_id``, or ``query``) and
``segmentation``, or an object of segmentations by sentence id. A segmentation is a COCO run-length
encoding or a list of polygons; an empty list of polygons is an empty mask.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from refmask.compat import Compat
from refmask.errors import InputError
from refmask.evaluation.record import Record, query_record
from refmask.fingerprint import Fingerprint, of_versions
from refmask.metrics import ImageOverlaps
from refmask.ops.reading import parse_json, read_bytes
from refmask.ops.segmentations import decode_segmentation
from refmask.types import BoolArray, MaskProposals, Sample

IDS = ("sentence_id", "sent_id", "query")


@dataclass(frozen=True)
class Predictions:
    """Masks by sentence id.

    Attributes:
        path: the file they came from, for messages.
        segmentations: by id.
        sha256: of the file.
        compat: the rules of the evaluation.
    """

    path: Path
    segmentations: Mapping[str, Any] = field(repr=False)
    sha256: str
    compat: Compat

    @cached_property
    def configuration(self) -> Fingerprint:
        """The file's SHA-256, the rules and versions."""
        rules = {name: value for name, value in self._rules().items() if value}
        told = {"system": "predictions", "predictions_sha256": self.sha256, **rules}
        return Fingerprint(told) | of_versions()

    def answer(self, sample: Sample) -> list[Record]:
        """One record per query; without a prediction, of an empty mask.

        Raises:
            MaskError: when a prediction cannot be read or is of another size than the image.
        """
        return [self._record(sample, number) for number in range(len(sample.queries))]

    def check_asked(self, queries: Iterable[str]) -> None:
        """Refuse predictions about sentences that were not asked.

        Raises:
            InputError: naming the first few.
        """
        known = set(queries)
        foreign = [name for name in self.segmentations if name not in known]
        if foreign:
            raise InputError(
                f"expected predictions about sentences of the split, {len(foreign)} of "
                f"{len(self.segmentations)} in {self.path} are about others (first: "
                f"{', '.join(foreign[:3])}); choose the split they were made for"
            )

    def _rules(self) -> dict[str, bool]:
        """Those fields of the compatibility record that concern masks made elsewhere."""
        return {
            "compat.skip_without_proposals": self.compat.skip_without_proposals,
            "compat.overlap_is_background": self.compat.overlap_is_background,
        }

    def _record(self, sample: Sample, number: int) -> Record:
        query = sample.queries[number]
        height, width = sample.image.shape[:2]
        told = self.segmentations.get(query.id)
        # The one proposal is the prediction itself; there is none where none was predicted.
        proposals, chosen = MaskProposals.empty(height, width), None
        mask: BoolArray = np.zeros((height, width), np.bool_)
        if told is not None:
            where = f"the prediction of sentence {query.id} in {self.path}"
            mask = decode_segmentation(told, where, height, width)
            proposals, chosen = MaskProposals(mask[None]), 0
        overlaps = ImageOverlaps(proposals, sample.instances)
        row = overlaps.row(query.target, chosen, query.instance, query.also_right)
        silent = dict.fromkeys(("noun_phrase", "head", "confidence", "margin"))
        return query_record(sample, number, silent | {"chosen": chosen, "scores": []}, row, mask)


def read_predictions(path: Path, compat: Compat) -> Predictions:
    """The predictions of a file; its segmentations are decoded when their image is scored.

    Args:
        path: of the file.
        compat: the rules of the evaluation.

    Raises:
        InputError: when it cannot be read, is of another form, or tells of a sentence twice.
    """
    content = read_bytes(path, "predictions")
    told = parse_json(content, path)
    pairs = list(told.items()) if isinstance(told, dict) else _entries(path, told)
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise InputError(f"expected one prediction a sentence in {path}, {twice} has several")
    return Predictions(path, found, hashlib.sha256(content).hexdigest(), compat)


def _entries(path: Path, told: Any) -> list[tuple[str, Any]]:
    """Ids and segmentations of a list of objects."""
    if not isinstance(told, list):
        raise InputError(
            f"expected a list or an object of predictions in {path}, got {type(told).__name__}"
        )
    pairs = []
    for number, entry in enumerate(told):
        ids = [entry[name] for name in IDS if name in entry] if isinstance(entry, dict) else []
        if not ids or not isinstance(ids[0], int | str) or "segmentation" not in entry:
            raise InputError(
                f"expected 'sentence_id' and 'segmentation' in entry {number} of {path}, got "
                f"{str(entry)[:60]}"
            )
        pairs.append((str(ids[0]), entry["segmentation"]))
    return pairs
