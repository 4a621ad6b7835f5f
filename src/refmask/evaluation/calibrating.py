"""Fit what a model's scores mean to how often its answers are right.

A confidence is the probability that an answer is right (IoU of at least 0.5): the share of the
answer's drawings in softmax(scores / temperature), times how likely the thing is there. Neither
changes which proposal is chosen. See Guo et al., "On Calibration of Modern Neural Networks", 2017.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from refmask.errors import ConfigurationError
from refmask.evaluation.comparing import CORRECT_IOU
from refmask.evaluation.record import Record
from refmask.evaluation.run import complete_images, read_configuration
from refmask.fingerprint import Fingerprint
from refmask.metrics.reliability import LEAST, Bins
from refmask.metrics.results import Texts
from refmask.selection import LIKELY, Calibration, Likeness
from refmask.types import BoolArray, FloatArray

#: Share of the things that are there that are to be found at least.
PRESENT = 0.95
#: Temperatures that are tried, and how many of them.
COLDEST, HOTTEST, STEPS = 0.05, 50.0, 200
#: Decimals that weights and temperatures are rounded to.
DIGITS = 3
#: Keeps weights finite where evidence separates what is there from what is not.
RIDGE = 1e-3
#: Stands for a proposal that is not there, where rows are of one length.
NOTHING = -1e9


@dataclass(frozen=True, eq=False)
class Answers:
    """What a run's records tell of Q expressions; N and P are the longest, others are filled up.

    Attributes:
        image: text (Q,), ids.
        scores: float64 (Q, N), ``NOTHING`` beyond the proposals of an image.
        drawings: bool (Q, N), proposals that draw the answer.
        chosen: float64 (Q, A, 3), rows of ``Likeness`` of the things that are the answer.
        best: float64 (Q, P, 3), rows of the proposals that none surpasses.
        known: bool (Q,), whether these rows are there.
        right: float64 (Q,), 1 for an IoU of at least 0.5 with what is meant, else 0.
        told: bool (Q,), whether the answer has a confidence.
        there: float64 (Q,), whether something is meant, 1 or 0; NaN where data do not tell.
        found: bool (Q,), whether anything was answered.
        confidence: float64 (Q,), as recorded; 0 without one.
    """

    image: Texts
    scores: FloatArray
    drawings: BoolArray
    chosen: FloatArray
    best: FloatArray
    known: BoolArray
    right: FloatArray
    told: BoolArray
    there: FloatArray
    found: BoolArray
    confidence: FloatArray

    @classmethod
    def of(cls, records: Sequence[Record]) -> Answers:
        """Columns of records.

        Raises:
            KeyError: when one lacks what is needed.
        """
        likeness = [record["likeness"] or {"chosen": [], "best": []} for record in records]
        scores = _filled([record["scores"] for record in records], NOTHING)
        drawings = np.zeros(scores.shape, np.bool_)
        for row, record in zip(drawings, records, strict=True):
            row[record["drawings"]] = True
        there = [record.get("targets") for record in records]
        return cls(
            image=np.array([record["image"] for record in records], np.str_),
            scores=scores,
            drawings=drawings,
            chosen=_filled_rows([one["chosen"] for one in likeness]),
            best=_filled_rows([one["best"] for one in likeness]),
            known=np.array([record["likeness"] is not None for record in records], np.bool_),
            right=np.array([_is_right(record) for record in records], np.float64),
            told=np.array([record["confidence"] is not None for record in records], np.bool_),
            there=np.array([np.nan if one is None else float(one > 0) for one in there]),
            found=np.array([record["chosen"] is not None for record in records], np.bool_),
            confidence=np.array([record["confidence"] or 0 for record in records], np.float64),
        )

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, which: BoolArray) -> Answers:
        """Some of them, by a bool (Q,)."""
        return Answers(**{one.name: getattr(self, one.name)[which] for one in fields(self)})

    @property
    def halves(self) -> tuple[Answers, Answers]:
        """Those of one half of the images, by a hash of their ids, and those of the other."""
        first = [hashlib.sha256(image.encode()).digest()[0] % 2 == 0 for image in self.image]
        chosen = np.array(first, np.bool_)
        return self[chosen], self[~chosen]

    @property
    def tells_absence(self) -> bool:
        """Whether expressions about nothing are among them, and about something."""
        return bool(
            (self.known & (self.there == 0)).any() and (self.known & (self.there == 1)).any()
        )

    def presence(self, calibration: Calibration) -> FloatArray:
        """How likely what is meant is there at all: float64 (Q,), 1 where nothing tells."""
        if calibration.guessed:
            return np.ones(len(self))
        return np.where(self.known, _presence(self.best, calibration).max(axis=1, initial=0), 1.0)

    def share(self, temperature: float) -> FloatArray:
        """What the answer's drawings have of the scores' softmax: float64 (Q,)."""
        top = self.scores.max(axis=1, keepdims=True, initial=NOTHING)
        weights = np.exp((self.scores - top) / temperature)
        of_all = np.maximum(weights.sum(axis=1), 1e-12)
        return np.asarray((weights * self.drawings).sum(axis=1) / of_all)

    def shown(self, calibration: Calibration) -> FloatArray:
        """How likely the answers are what is meant at all: float64 (Q,), 1 where nothing tells."""
        if calibration.guessed:
            return np.ones(len(self))
        filled = self.chosen[..., 2] >= 0
        likely = (_presence(self.chosen, calibration) * filled).sum(axis=1)
        return np.where(self.known, likely / np.maximum(filled.sum(axis=1), 1), 1.0)

    def bins(self, calibration: Calibration) -> Bins:
        """Of the answers that would have a confidence with this calibration."""
        told = self.told & (self.presence(calibration) >= LIKELY)
        likely = self.share(calibration.temperature) * self.shown(calibration)
        return Bins(np.minimum(likely, 1.0)[told], self.right[told])

    @cached_property
    def recorded(self) -> Bins:
        """Of the answers as they are."""
        return Bins(self.confidence[self.told], self.right[self.told])


#: What runs that are fitted together share.
SHARED = ("weights_sha256", "method", "calibration")


def read_answers(folders: Sequence[Path]) -> tuple[list[Fingerprint], Answers]:
    """The settings of runs, and their answers together.

    Args:
        folders: of runs by the same model and method, on any data.

    Raises:
        ConfigurationError: when one is no run of a segmenter, holds no record or records of an
            earlier version, or answers as the released code does; or when they differ in model,
            method or calibration.
    """
    settings, records = [], list[Record]()
    for folder in folders:
        settings.append(_settings(folder))
        found = [record for records, _ in complete_images(folder) for record in records]
        if not found:
            raise ConfigurationError(f"{folder} has no whole record; evaluate again")
        if any(name not in record for record in found for name in ("drawings", "likeness")):
            raise ConfigurationError(
                f"the records of {folder} lack what a calibration needs, as an earlier version "
                "wrote them; evaluate again, into a new folder"
            )
        data = settings[-1].get("data")
        records += [record | {"image": f"{data}/{record['image']}"} for record in found]
    differing = [name for name in SHARED if len({one.get(name) for one in settings}) > 1]
    if differing:
        raise ConfigurationError(
            f"the runs differ in {', '.join(differing)}; calibrate each model and method by itself"
        )
    try:
        return settings, Answers.of(records)
    except (KeyError, TypeError, ValueError, IndexError):
        raise ConfigurationError(
            f"the records of {folders[0]} are damaged; evaluate again, into a new folder"
        ) from None


def calibration_of(settings: Fingerprint) -> Calibration:
    """The calibration of a run; one that was not fitted is a guess."""
    told = settings.get("calibration")
    return Calibration(guessed=True) if told is None else Calibration.parse(told)


def _settings(folder: Path) -> Fingerprint:
    """The settings of a run that can be calibrated."""
    settings = read_configuration(folder)
    if settings.get("system") != "refmask":
        raise ConfigurationError(
            f"{folder} holds masks of another system; name a run of 'refmask evaluate'"
        )
    if settings.get("weights_sha256") is None:
        raise ConfigurationError(
            f"the model of {folder} has no weights file that a calibration could belong to; "
            "evaluate one that has"
        )
    if any(name.startswith("compat.") for name in settings):
        raise ConfigurationError(
            f"{folder} answers as the released code does, whose scores stay as they are; evaluate "
            "without `compat=reference`"
        )
    return settings


@dataclass(frozen=True, eq=False)
class Fit:
    """A calibration and what it is worth.

    Attributes:
        calibration: fitted on all answers.
        expressions: how many were read.
        images: that they are about.
        before: of the half of the images that was not fitted on, as recorded.
        after: of the same, with what the other half gives.
        absence: shares before and after of the things that are there that are found ("there"), and
            of the others that are not ("absent"); empty where the run has no others.
    """

    calibration: Calibration
    expressions: int
    images: int
    before: Bins
    after: Bins
    absence: dict[str, tuple[float, float]]

    def to_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "calibration": asdict(self.calibration),
            "expressions": self.expressions,
            "images": self.images,
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "absence": {name: list(pair) for name, pair in self.absence.items()},
        }


def calibrate(answers: Answers, start: Calibration, present: float = PRESENT) -> Fit:
    """Fit temperature and, where expressions about nothing are among them, presence.

    Args:
        answers: of a run.
        start: the calibration of the run; "fitted" tells on what, for reports.
        present: the share, 0 to 1, of the things that are there that are to be found at least.

    Raises:
        ConfigurationError: when a half of the images has no answer with a confidence, or none that
            is right or none that is wrong.
    """
    if not 0 < present < 1:
        raise ConfigurationError(f"`present` is {present}; give a share between 0 and 1")
    learnt, held_out = answers.halves
    for half in (learnt, held_out):
        right = half.recorded.right
        if not right.any() or right.all():
            raise ConfigurationError(
                f"{len(right)} answers about {len(set(half.image))} images are too few to fit on: "
                "right and wrong ones are needed in each half of the images; evaluate on more"
            )
    learnt_alone = _fitted(learnt, start, present)
    return Fit(
        calibration=_fitted(answers, start, present),
        expressions=len(answers),
        images=len(set(answers.image)),
        before=held_out.recorded,
        after=held_out.bins(learnt_alone),
        absence=_absence(held_out, learnt_alone) if answers.tells_absence else {},
    )


def _fitted(answers: Answers, start: Calibration, present: float) -> Calibration:
    found = fit_presence(answers, start, present) if answers.tells_absence else start
    return replace(found, temperature=fit_temperature(answers, found))


def _absence(answers: Answers, calibration: Calibration) -> dict[str, tuple[float, float]]:
    there, absent = answers.there == 1, answers.there == 0
    found = answers.presence(calibration) >= LIKELY
    return {
        "there": (float(answers.found[there].mean()), float(found[there].mean())),
        "absent": (float(1 - answers.found[absent].mean()), float(1 - found[absent].mean())),
    }


def fit_temperature(answers: Answers, calibration: Calibration) -> float:
    """The temperature at which right and wrong answers are likeliest, ``COLDEST`` to ``HOTTEST``.

    Args:
        answers: of a run.
        calibration: its presence counts as well.
    """

    def loss(temperature: float) -> float:
        return answers.bins(replace(calibration, temperature=temperature)).nll

    return round(likeliest_temperature(loss), DIGITS)


def likeliest_temperature(loss: Callable[[float], float]) -> float:
    """The temperature of the least loss: the best of a grid, refined between its neighbours."""
    from scipy.optimize import minimize_scalar

    grid = np.geomspace(COLDEST, HOTTEST, STEPS // 5)
    best = int(np.argmin([loss(temperature) for temperature in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    return float(minimize_scalar(loss, bounds=(low, high), method="bounded").x)


def fit_presence(answers: Answers, start: Calibration, present: float) -> Calibration:
    """Weights of a noun's similarity and contrast by logistic regression, then the bias.

    What is there and what is not count the same in all. Weights are at least 0. The bias is raised
    as far as the wanted share of things that are there is found, if their colours let.

    Args:
        answers: some about nothing.
        start: its weights are where the search begins.
        present: the share, 0 to 1.
    """
    from scipy.optimize import minimize

    told, start = answers[answers.known & np.isfinite(answers.there)], replace(start, guessed=False)
    there = told.there == 1
    weight = np.where(there, 0.5 / there.sum(), 0.5 / (~there).sum())

    def loss(point: FloatArray) -> float:
        likely = np.clip(told.presence(_at(start, point)), LEAST, 1 - LEAST)
        surprise = -np.log(np.where(there, likely, 1 - likely))
        return float((weight * surprise).sum() + RIDGE * (point[:2] ** 2).sum())

    begin = np.array([start.similarity, start.contrast, start.bias])
    bounds = [(0, None), (0, None), (None, None)]
    result = minimize(loss, begin, method="Nelder-Mead", bounds=bounds, options={"maxiter": 2000})
    found = _at(start, np.round(result.x, DIGITS))
    return replace(found, bias=max(found.bias, _least_bias(told[there], found, present)))


def _at(calibration: Calibration, point: Iterable[float]) -> Calibration:
    similarity, contrast, bias = (float(value) for value in point)
    return replace(calibration, similarity=similarity, contrast=contrast, bias=bias)


def _least_bias(there: Answers, calibration: Calibration, present: float) -> float:
    """The least bias at which so great a share of these is found that have the right colours."""
    rows, coloured = there.best, there.best[..., 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        missing = np.where(coloured > LIKELY, -np.log(coloured / LIKELY - 1), np.inf)
    odds = Likeness(rows[..., 0], rows[..., 1], coloured).odds(replace(calibration, bias=0.0))
    needed = (missing - odds).min(axis=1, initial=np.inf)
    needed = np.sort(needed[np.isfinite(needed)])
    last = min(int(np.ceil(present * len(there))), len(needed)) - 1
    return float(np.ceil(needed[last] * 10**DIGITS) / 10**DIGITS)


def _presence(rows: FloatArray, calibration: Calibration) -> FloatArray:
    """Of rows (..., 3) of ``Likeness``; 0 for those that only fill up."""
    similarity, contrast, coloured = np.moveaxis(rows, -1, 0)
    return Likeness(similarity, contrast, np.maximum(coloured, 0)).presence(calibration)


def _is_right(record: Record) -> bool:
    """Whether the answer is right; about nothing none is that answers with a mask."""
    return bool(record["iou"] >= CORRECT_IOU and record.get("targets") != 0)


def _filled(rows: Sequence[Sequence[float]], value: float) -> FloatArray:
    """Rows of different lengths as one array, filled up with a value."""
    filled = np.full((len(rows), max(map(len, rows), default=0)), value)
    for line, row in zip(filled, rows, strict=True):
        line[: len(row)] = row
    return filled


def _filled_rows(tables: Sequence[Sequence[Sequence[float]]]) -> FloatArray:
    """Rows of ``Likeness`` of each answer, filled up with rows whose colour is -1."""
    filled = np.tile([0.0, 0.0, -1.0], (len(tables), max(map(len, tables), default=0), 1))
    for block, table in zip(filled, tables, strict=True):
        if table:
            block[: len(table)] = table
    return filled
