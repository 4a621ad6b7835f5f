"""Compare two runs on the same expressions: gains with intervals, and which answers changed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refmask.errors import ConfigurationError, RefmaskWarning
from refmask.evaluation.record import Record
from refmask.evaluation.run import complete_images, read_configuration
from refmask.evaluation.summary import LEVEL, PROPOSAL_METRICS, RESAMPLES, SEED
from refmask.fingerprint import Fingerprint
from refmask.metrics import PairedGain, QueryResults, compare, compute_metrics

#: An answer with at least this IoU counts as right.
CORRECT_IOU = 0.5
#: Settings that two comparable runs share.
DATA_SETTINGS = ("data", "split", "split_by", "subset", "questions")
#: Settings that every run has, as texts.
REQUIRED_SETTINGS = ("system", "data", "split")


@dataclass(frozen=True)
class RunRecords:
    """The records of a run.

    Attributes:
        folder: of the run.
        configuration: what the records depend on.
        records: by query id, without their scores.
    """

    folder: Path
    configuration: Fingerprint
    records: dict[str, Record]

    def counts(self, query: str) -> bool:
        """Whether the run has this query and its rules count it."""
        record = self.records.get(query)
        skips = self.configuration.get("compat.skip_without_proposals", False)
        return record is not None and (record["proposals"] > 0 or not skips)


@dataclass(frozen=True)
class Change:
    """The records of one expression whose IoU differs between the runs."""

    first: Record
    second: Record

    @property
    def gain(self) -> float:
        """IoU of the second minus that of the first, -1 to 1."""
        return float(self.second["iou"] - self.first["iou"])

    @property
    def turn(self) -> str:
        """ "wrong -> right" or "right -> wrong" at ``CORRECT_IOU``; "" where neither."""
        before, after = self.first["iou"] >= CORRECT_IOU, self.second["iou"] >= CORRECT_IOU
        if before == after:
            return ""
        return "wrong -> right" if after else "right -> wrong"

    def to_dict(self) -> dict[str, Any]:
        """Ids, expression, both IoUs and the turn, for JSON."""
        return {
            **{name: self.first[name] for name in ("image", "query", "expression")},
            "first": self.first["iou"],
            "second": self.second["iou"],
            "turn": self.turn,
        }


@dataclass(frozen=True)
class Comparison:
    """Gains of the second run over the first.

    Attributes:
        settings: both values of every setting that differs, by name.
        expressions: number of expressions compared.
        images: number of images they belong to.
        left_out: number of expressions that only one run has or counts.
        figures: metrics of the first and the second run, on the expressions compared.
        gains: second minus first, with intervals.
        changes: largest difference of IoU first.
    """

    settings: dict[str, tuple[Any, Any]]
    expressions: int
    images: int
    left_out: int
    figures: dict[str, tuple[float, float]]
    gains: dict[str, PairedGain]
    changes: list[Change]

    def turns(self, turn: str) -> int:
        """Number of changes with this turn."""
        return sum(change.turn == turn for change in self.changes)

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "settings": {name: list(pair) for name, pair in self.settings.items()},
            "expressions": self.expressions,
            "images": self.images,
            "left_out": self.left_out,
            "figures": {
                name: {"first": first, "second": second} | asdict(self.gains[name])
                for name, (first, second) in self.figures.items()
            },
            "wrong_to_right": self.turns("wrong -> right"),
            "right_to_wrong": self.turns("right -> wrong"),
            "changes": [change.to_dict() for change in self.changes],
        }


def read_run(folder: Path) -> RunRecords:
    """The records of a run's complete images; the run need not be finished.

    Raises:
        ConfigurationError: when the folder is no run or holds no record.
    """
    configuration = read_configuration(folder)
    lacking = [n for n in REQUIRED_SETTINGS if not isinstance(configuration.get(n), str)]
    if lacking:
        raise ConfigurationError(
            f"the settings of the run {folder} lack {', '.join(lacking)}; evaluate again, into a "
            "new folder"
        )
    records = {
        record["query"]: {name: value for name, value in record.items() if name != "scores"}
        for image_records, _ in complete_images(folder)
        for record in image_records
    }
    if not records:
        raise ConfigurationError(
            f"{folder} has no whole record: the run has just begun, or its records are damaged; "
            "evaluate again, into a new folder if that does not help"
        )
    return RunRecords(folder, configuration, records)


def compare_runs(first: RunRecords, second: RunRecords) -> Comparison:
    """Compare two runs on the expressions that both answered and count.

    Raises:
        ConfigurationError: when they are not about the same data, or share no expression.
    """
    settings = first.configuration.changes(second.configuration)
    _check_data(first, second, settings)
    common = [query for query in first.records if first.counts(query) and second.counts(query)]
    if not common:
        raise ConfigurationError(
            f"{first.folder} and {second.folder} have no expression in common; compare runs on the "
            "same images"
        )
    pairs = [(first.records[query], second.records[query]) for query in common]
    foreign = next((a for a, b in pairs if a["expression"] != b["expression"]), None)
    if foreign is not None:
        raise ConfigurationError(
            f"the two runs were not asked the same expressions: sentence {foreign['query']} "
            f"({foreign['expression']!r}) differs; compare runs on the same data"
        )
    first_results = QueryResults.of(a for a, _ in pairs)
    second_results = QueryResults.of(b for _, b in pairs)
    # compare() gives first minus second.
    gains = compare(second_results, first_results, resamples=RESAMPLES, level=LEVEL, seed=SEED)
    before, after = compute_metrics(first_results), compute_metrics(second_results)
    chooses = all(run.configuration["system"] != "predictions" for run in (first, second))
    changes = [Change(a, b) for a, b in pairs if a["iou"] != b["iou"]]
    return Comparison(
        settings=settings,
        expressions=len(common),
        images=len(np.unique(first_results.image)),
        left_out=len(first.records.keys() | second.records.keys()) - len(common),
        figures={
            name: (before[name], after[name])
            for name in gains
            if chooses or not name.startswith(PROPOSAL_METRICS)
        },
        gains=gains,
        changes=sorted(changes, key=lambda change: -abs(change.gain)),
    )


def _check_data(
    first: RunRecords, second: RunRecords, settings: Mapping[str, tuple[Any, Any]]
) -> None:
    differing = [
        f"{name}: {settings[name][0]} and {settings[name][1]}"
        for name in DATA_SETTINGS
        if name in settings
    ]
    if differing:
        raise ConfigurationError(
            f"{first.folder} and {second.folder} are not runs on the same data "
            f"({'; '.join(differing)}); compare runs on one split"
        )
    if "fingerprint" in settings:
        warnings.warn(
            f"{first.folder} and {second.folder} read their targets from other files or by other "
            "rules, so their targets may differ",
            RefmaskWarning,
            stacklevel=3,
        )
