"""Which expressions a figure shows: rules that leave nothing to choose by hand.

Each rule reads records of runs, breaks ties by the expression's id, and takes at most one
expression of an image, so that a figure shows as many images as examples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from refmask.evaluation.comparing import CORRECT_IOU
from refmask.evaluation.record import Record
from refmask.metrics import iou

#: Records of one system by the expression's id.
Records = Mapping[str, Record]

NO_PROPOSAL = "no good proposal"
WRONG_INSTANCE = "right class, wrong instance"
WRONG_CLASS = "wrong class"
#: What fails, in the order in which it is asked for.
CAUSES = (NO_PROPOSAL, WRONG_INSTANCE, WRONG_CLASS)

#: Shares of expressions that a typical example does better than: good and bad ones alike.
LEVELS = (0.95, 0.75, 0.5, 0.25)


@dataclass(frozen=True)
class Example:
    """An expression to be shown.

    Attributes:
        image: the image's id.
        query: the expression's id.
        note: what it is an example of; "" where all are of the same.
    """

    image: str
    query: str
    note: str = ""


def gaining(answers: Mapping[str, Records], winner: str, count: int) -> list[Example]:
    """Where one system gains most IoU over the best of the others.

    Args:
        answers: records by system, on the same expressions.
        winner: the system that gains.
        count: examples at most; fewer where it gains on fewer images.
    """
    others = [records for name, records in answers.items() if name != winner]
    gains = {
        query: record["iou"] - max(records[query]["iou"] for records in others)
        for query, record in answers[winner].items()
    }
    found = [query for query, gain in gains.items() if gain > 0]
    ordered = sorted(found, key=lambda query: (-gains[query], query))
    return _one_a_image((answers[winner][query] for query in ordered), count, set())


def typical(records: Records, each: int, levels: Sequence[float] = LEVELS) -> list[Example]:
    """The expressions nearest to quantiles of IoU.

    Args:
        records: of one system.
        each: examples at most per level; fewer where there are too few images.
        levels: 0 to 1.
    """
    ordered = sorted(records.values(), key=lambda record: (record["iou"], record["query"]))
    found: list[Example] = []
    seen: set[str] = set()
    for level in levels:
        place = round(level * (len(ordered) - 1))
        nearest = sorted(range(len(ordered)), key=lambda k: (abs(k - place), k))
        note = f"{level:.0%} quantile"
        found += _one_a_image((ordered[k] for k in nearest), each, seen, note)
    return found


def failing(records: Records, each: int) -> list[Example]:
    """The most confident failures of each cause.

    Args:
        records: of one system, with its confidence, None where it could not be told.
        each: examples at most per cause.
    """
    ordered = sorted(
        records.values(), key=lambda record: (-(record["confidence"] or 0), record["query"])
    )
    seen: set[str] = set()
    return [
        example
        for name in CAUSES
        for example in _one_a_image((r for r in ordered if cause(r) == name), each, seen, name)
    ]


def cause(record: Record) -> str | None:
    """Why an answer failed; None when it did not, or when it is for none of ``CAUSES``.

    An answer fails below an IoU of ``CORRECT_IOU``. Where the best proposal does, too, there was nothing
    to choose; else the class and the instance that the answer overlaps most tell. An answer about
    the right instance with a poor mask is for none of the causes, and where the data know no
    classes only the first can be told.
    """
    if record["iou"] >= CORRECT_IOU:
        return None
    if float(iou(record["best_intersection"], record["best_union"])) < CORRECT_IOU:
        return NO_PROPOSAL
    if record["right_class"] == 0:
        return WRONG_CLASS
    wrong = record["right_class"] == 1 and record["right_instance"] == 0
    return WRONG_INSTANCE if wrong else None


def _one_a_image(
    records: Iterable[Record], count: int, seen: set[str], note: str = ""
) -> list[Example]:
    """The first so many of records, leaving out images seen before; adds theirs to ``seen``."""
    found: list[Example] = []
    for record in records:
        if len(found) == count:
            break
        if record["image"] not in seen:
            seen.add(record["image"])
            found.append(Example(record["image"], record["query"], note))
    return found
