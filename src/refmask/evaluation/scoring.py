"""Score the masks of another system by the same metrics.

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
        path: the file, for messages.
        segmentations: by sentence id.
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
        # The fields of the compatibility record that concern masks of other systems.
        names = ("skip_without_proposals", "overlap_is_background")
        rules = {f"compat.{name}": True for name in names if getattr(self.compat, name)}
        settings = {"system": "predictions", "predictions_sha256": self.sha256, **rules}
        return Fingerprint(settings) | of_versions()

    def answer(self, sample: Sample) -> list[Record]:
        """One record per query; a query without a prediction has an empty mask.

        Raises:
            MaskError: when a prediction cannot be read or is of another size than the image.
        """
        return [self._record(sample, number) for number in range(len(sample.queries))]

    def check_asked(self, queries: Iterable[str]) -> None:
        """Check that every prediction is about one of these queries.

        Raises:
            InputError: when some are not; it names the first few.
        """
        known = set(queries)
        foreign = [name for name in self.segmentations if name not in known]
        if foreign:
            raise InputError(
                f"{len(foreign)} of {len(self.segmentations)} predictions in {self.path} are about "
                f"sentences of another split (first: {', '.join(foreign[:3])}); choose the split "
                "they were made for"
            )

    def _record(self, sample: Sample, number: int) -> Record:
        query = sample.queries[number]
        height, width = sample.image.shape[:2]
        segmentation = self.segmentations.get(query.id)
        # The prediction itself is the only proposal; without one there is no proposal.
        proposals, chosen = MaskProposals.empty(height, width), None
        mask: BoolArray = np.zeros((height, width), np.bool_)
        if segmentation is not None:
            where = f"the prediction of sentence {query.id} in {self.path}"
            mask = decode_segmentation(segmentation, where, height, width)
            proposals, chosen = MaskProposals(mask[None]), 0
        overlaps = ImageOverlaps(proposals, sample.instances)
        if query.targets is None:
            row = overlaps.row(query.target, chosen, query.instance, query.also_right)
        else:
            # One mask for all things: which is which is unknown, and an empty one is no answer.
            answers = (0,) if mask.any() else ()
            row = overlaps.row_of_set(query.target, answers, query.targets)[0] | {"matched": None}
        unknown = dict.fromkeys(("noun_phrase", "head", "confidence", "margin"))
        return query_record(sample, number, unknown | {"chosen": chosen, "scores": []}, row, mask)


def read_predictions(path: Path, compat: Compat) -> Predictions:
    """Read predictions; segmentations are decoded when their image is scored.

    Args:
        path: of the file.
        compat: the rules of the evaluation.

    Raises:
        InputError: when it cannot be read, has another form, or has a sentence twice.
    """
    content = read_bytes(path, "predictions")
    data = parse_json(content, path)
    pairs = list(data.items()) if isinstance(data, dict) else _entries(path, data)
    segmentations = dict(pairs)
    if len(segmentations) < len(pairs):
        duplicate, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise InputError(
            f"{path} has several predictions for sentence {duplicate}; give one a sentence"
        )
    return Predictions(path, segmentations, hashlib.sha256(content).hexdigest(), compat)


def _entries(path: Path, data: Any) -> list[tuple[str, Any]]:
    """Ids and segmentations of a list of objects."""
    if not isinstance(data, list):
        raise InputError(
            f"{path} does not hold predictions; give a list or an object of them, not "
            f"{type(data).__name__}"
        )
    pairs = []
    for number, entry in enumerate(data):
        ids = [entry[name] for name in IDS if name in entry] if isinstance(entry, dict) else []
        if not ids or not isinstance(ids[0], int | str) or "segmentation" not in entry:
            raise InputError(
                f"entry {number} of {path} lacks 'sentence_id' or 'segmentation': "
                f"{str(entry)[:60]}; add it"
            )
        pairs.append((str(ids[0]), entry["segmentation"]))
    return pairs
