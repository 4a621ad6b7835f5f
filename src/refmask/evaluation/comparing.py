"""Two runs on the same expressions: what one gains over the other, and where."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refmask.errors import ConfigurationError, RefmaskWarning
from refmask.evaluation.record import Record, outcomes
from refmask.evaluation.run import images, read_configuration
from refmask.evaluation.summary import LEVEL, OF_PROPOSALS, RESAMPLES, SEED
from refmask.fingerprint import Fingerprint
from refmask.metrics import PairedGain, QueryResults, compare, compute_metrics

#: From this IoU on an answer counts as right.
RIGHT = 0.5
#: What two runs must have in common.
DATA = ("data", "split", "split_by", "subset", "questions")

#: Settings that every run has, as texts.
NEEDED = ("system", "data", "split")


@dataclass(frozen=True)
class RunRecords:
    """A run to be compared.

    Attributes:
        folder: where it is.
        configuration: what its records depend on.
        records: by query id, without their scores.
    """

    folder: Path
    configuration: Fingerprint
    records: dict[str, Record]

    def counts(self, query: str) -> bool:
        """Whether a query is in this run and its rules count it."""
        record = self.records.get(query)
        skips = self.configuration.get("compat.skip_without_proposals", False)
        return record is not None and (record["proposals"] > 0 or not skips)


@dataclass(frozen=True)
class Change:
    """One expression whose IoU differs between the runs."""

    first: Record
    second: Record

    @property
    def gain(self) -> float:
        """IoU of the second minus that of the first, -1 to 1."""
        return float(self.second["iou"] - self.first["iou"])

    @property
    def turn(self) -> str:
        """ "wrong -> right", "right -> wrong", or "" where that stays as it is."""
        before, after = self.first["iou"] >= RIGHT, self.second["iou"] >= RIGHT
        if before == after:
            return ""
        return "wrong -> right" if after else "right -> wrong"


@dataclass(frozen=True)
class Comparison:
    """What the second run gains over the first.

    Attributes:
        settings: by name, what the two configurations say differently.
        expressions: number of expressions compared.
        images: that they are about.
        left_out: number of expressions that only one run has or counts.
        figures: of the first and the second run, on the expressions compared.
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
        """Number of changes of a kind."""
        return sum(change.turn == turn for change in self.changes)

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; each change by ids, expression and both IoUs."""
        return {
            "settings": {name: list(pair) for name, pair in self.settings.items()},
            "expressions": self.expressions,
            "images": self.images,
            "left_out": self.left_out,
            "figures": {
                name: {"first": one, "second": two} | asdict(self.gains[name])
                for name, (one, two) in self.figures.items()
            },
            "wrong_to_right": self.turns("wrong -> right"),
            "right_to_wrong": self.turns("right -> wrong"),
            "changes": [_listed(change) for change in self.changes],
        }


def read_run(folder: Path) -> RunRecords:
    """A run's records, as far as its images are done.

    Raises:
        ConfigurationError: when the folder is no run or holds no record.
    """
    configuration = read_configuration(folder)
    lacking = [name for name in NEEDED if not isinstance(configuration.get(name), str)]
    if lacking:
        raise ConfigurationError(
            f"expected settings of a run in {folder}, {', '.join(lacking)} is missing or no text; "
            "evaluate anew"
        )
    records = {
        record["query"]: {name: value for name, value in record.items() if name != "scores"}
        for some, _ in images(folder)
        for record in some
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
            f"expected expressions that {first.folder} and {second.folder} both answered, there "
            "are none"
        )
    pairs = [(first.records[query], second.records[query]) for query in common]
    foreign = next((a for a, b in pairs if a["expression"] != b["expression"]), None)
    if foreign is not None:
        raise ConfigurationError(
            f"expected the same expressions in both runs, sentence {foreign['query']} "
            f"({foreign['expression']!r}) differs; compare runs on the same data"
        )
    one, two = outcomes(a for a, _ in pairs), outcomes(b for _, b in pairs)
    names, gains = _gains(one, two, (first.configuration, second.configuration))
    return Comparison(
        settings=settings,
        expressions=len(common),
        images=len(np.unique(one.image)),
        left_out=len(first.records.keys() | second.records.keys()) - len(common),
        figures=names,
        gains=gains,
        changes=_changes(pairs),
    )


def _check_data(
    first: RunRecords, second: RunRecords, settings: Mapping[str, tuple[Any, Any]]
) -> None:
    wrong = [name for name in DATA if name in settings]
    if wrong:
        told = "; ".join(f"{name}: {settings[name][0]} and {settings[name][1]}" for name in wrong)
        raise ConfigurationError(
            f"expected two runs on the same data, {first.folder} and {second.folder} are not "
            f"({told})"
        )
    if "fingerprint" in settings:
        warnings.warn(
            f"{first.folder} and {second.folder} read their targets from other files or by other "
            "rules, so targets may differ, too",
            RefmaskWarning,
            stacklevel=3,
        )


def _gains(
    first: QueryResults, second: QueryResults, configurations: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, tuple[float, float]], dict[str, PairedGain]]:
    """Both values and the gain of every figure that means something in both runs."""
    # compare() gives first minus second.
    gains = compare(second, first, resamples=RESAMPLES, level=LEVEL, seed=SEED)
    values, others = compute_metrics(first), compute_metrics(second)
    chosen = all(told["system"] != "predictions" for told in configurations)
    names = [name for name in gains if chosen or not name.startswith(OF_PROPOSALS)]
    return {name: (values[name], others[name]) for name in names}, gains


def _changes(pairs: Sequence[tuple[Record, Record]]) -> list[Change]:
    found = [Change(*pair) for pair in pairs if pair[0]["iou"] != pair[1]["iou"]]
    return sorted(found, key=lambda change: -abs(change.gain))


def _listed(change: Change) -> dict[str, Any]:
    told = {name: change.first[name] for name in ("image", "query", "expression")}
    return told | {
        "first": change.first["iou"],
        "second": change.second["iou"],
        "turn": change.turn,
    }
