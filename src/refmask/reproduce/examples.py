"""Rules that choose the examples of a figure; nothing is chosen by hand.

Each rule reads records of runs, breaks ties by query id, and takes at most one expression per
image.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from refmask.evaluation.comparing import CORRECT_IOU
from refmask.evaluation.record import Record
from refmask.metrics import iou

#: Records of one system by query id.
Records = Mapping[str, Record]

NO_PROPOSAL = "no good proposal"
WRONG_INSTANCE = "right class, wrong instance"
WRONG_CLASS = "wrong class"
#: Causes of failures, in the order in which they are shown.
CAUSES = (NO_PROPOSAL, WRONG_INSTANCE, WRONG_CLASS)

#: Quantiles of IoU of typical examples, good and bad.
LEVELS = (0.95, 0.75, 0.5, 0.25)


@dataclass(frozen=True)
class Example:
    """An expression to show.

    Attributes:
        image: image id.
        query: query id.
        note: what it is an example of; "" where all are of the same kind.
    """

    image: str
    query: str
    note: str = ""


def gaining(answers: Mapping[str, Records], winner: str, count: int) -> list[Example]:
    """The expressions where one system gains most IoU over the best of the others.

    Args:
        answers: records by system, on the same expressions.
        winner: the system that gains.
        count: most examples; fewer where it gains on fewer images.
    """
    others = [records for name, records in answers.items() if name != winner]
    gains = {
        query: record["iou"] - max(records[query]["iou"] for records in others)
        for query, record in answers[winner].items()
    }
    gained = [query for query, gain in gains.items() if gain > 0]
    ordered = sorted(gained, key=lambda query: (-gains[query], query))
    return _one_per_image((answers[winner][query] for query in ordered), count, set())


def typical(records: Records, each: int, levels: Sequence[float] = LEVELS) -> list[Example]:
    """The expressions nearest to quantiles of IoU.

    Args:
        records: of one system.
        each: most examples per level; fewer where there are too few images.
        levels: quantiles, 0 to 1.
    """
    ordered = sorted(records.values(), key=lambda record: (record["iou"], record["query"]))
    examples: list[Example] = []
    used: set[str] = set()
    for level in levels:
        rank = round(level * (len(ordered) - 1))
        nearest = sorted(range(len(ordered)), key=lambda k: (abs(k - rank), k))
        note = f"{level:.0%} quantile"
        examples += _one_per_image((ordered[k] for k in nearest), each, used, note)
    return examples


def failing(records: Records, each: int) -> list[Example]:
    """The most confident failures of each cause.

    Args:
        records: of one system, with its confidence, None where unknown.
        each: most examples per cause.
    """
    ordered = sorted(
        records.values(), key=lambda record: (-(record["confidence"] or 0), record["query"])
    )
    used: set[str] = set()
    return [
        example
        for name in CAUSES
        for example in _one_per_image((r for r in ordered if cause(r) == name), each, used, name)
    ]


def cause(record: Record) -> str | None:
    """The cause of a failure; None when the answer is right, or has none of ``CAUSES``.

    An answer fails below ``CORRECT_IOU``. If the best proposal does too, no proposal is good
    enough; else the class and the instance that the answer overlaps most decide. An answer on the
    right instance with a poor mask has none of the causes; without known classes, only the first
    applies.
    """
    if record["iou"] >= CORRECT_IOU:
        return None
    if float(iou(record["best_intersection"], record["best_union"])) < CORRECT_IOU:
        return NO_PROPOSAL
    if record["right_class"] == 0:
        return WRONG_CLASS
    wrong = record["right_class"] == 1 and record["right_instance"] == 0
    return WRONG_INSTANCE if wrong else None


def _one_per_image(
    records: Iterable[Record], count: int, used: set[str], note: str = ""
) -> list[Example]:
    """The first ``count`` records of images that are not in ``used``, which is extended."""
    examples: list[Example] = []
    for record in records:
        if len(examples) == count:
            break
        if record["image"] not in used:
            used.add(record["image"])
            examples.append(Example(record["image"], record["query"], note))
    return examples
