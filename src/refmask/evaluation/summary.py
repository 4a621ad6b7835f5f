"""A run's metrics with intervals: over all its expressions, by kind and by length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from refmask.compat import Compat
from refmask.fingerprint import commit
from refmask.metrics import QueryResults, by_kind, by_length, intervals
from refmask.metrics.rows import MATCHED_IOU

#: The content of ``summary.json``.
Summary = dict[str, Any]

RESAMPLES, LEVEL, SEED = 2000, 0.95, 0
#: Prefixes of metrics over all proposals; they mean nothing for predictions, one mask a query.
PROPOSAL_METRICS = ("upper ", "chance")


def summarise(
    results: QueryResults,
    configuration: Mapping[str, Any],
    compat: Compat,
    missing: Sequence[str],
) -> Summary:
    """The summary of a run.

    Args:
        results: of all queries that were answered.
        configuration: what they depend on.
        compat: the rules.
        missing: ids of images that could not be read.
    """
    included = counted(results, compat)
    chooses = configuration["system"] != "predictions"
    return {
        "rules": [*rules(compat, chooses), *_number_rules(results)],
        "expressions": len(results),
        "images": len(np.unique(results.image)),
        "without_proposals": int((results.proposals == 0).sum()),
        "left_out": len(results) - len(included),
        "missing_images": {"count": len(missing), "ids": list(missing)},
        "figures": _figures(included, chooses),
        "by_kind": {name: _group(part, chooses) for name, part in by_kind(included).items()},
        "by_length": {name: _group(part, chooses) for name, part in by_length(included).items()},
        "configuration": dict(configuration),
        "commit": commit(),
    }


def counted(results: QueryResults, compat: Compat) -> QueryResults:
    """The queries that the metrics include under these rules."""
    return results[results.proposals > 0] if compat.skip_without_proposals else results


def rules(compat: Compat, chooses: bool) -> list[str]:
    """The rules of an evaluation as sentences.

    Args:
        compat: the rules.
        chooses: the system chooses among proposals; False for another system's masks.
    """
    without = "about an image without proposals" if chooses else "without a prediction"
    long_text = [
        "a text longer than the model's context is an error"
        if compat.long_text_error
        else "a text longer than the model's context is cut"
    ]
    return [
        f"an expression {without} is left out of the figures"
        if compat.skip_without_proposals
        else f"an expression {without} counts as IoU 0",
        "pixels where polygons of a target overlap are outside of it"
        if compat.overlap_is_background
        else "a target is the union of its polygons",
        *(long_text if chooses else []),
        "expressions are ordered by image, then by ref, then by sentence",
        "an empty union counts as IoU 0; Pr@X is the share with an IoU of at least X",
        f"intervals cover {LEVEL:.0%}: quantiles over {RESAMPLES} resamples of the images, "
        f"seed {SEED}",
    ]


def _number_rules(results: QueryResults) -> list[str]:
    """The rules about any number of things, where expressions may refer to that."""
    if not np.isfinite(results.targets).any():
        return []
    return [
        "no mask for an expression about nothing counts as IoU 1 in gIoU and any mask as 0; in "
        "mIoU both count as 0",
        f"an answer is a thing at an IoU of at least {MATCHED_IOU}, one to one; instance F1 is "
        "over expressions about several things",
    ]


def _group(results: QueryResults, chooses: bool) -> dict[str, Any]:
    return {"expressions": len(results), "figures": _figures(results, chooses)}


def _figures(results: QueryResults, chooses: bool) -> dict[str, dict[str, float]]:
    """Value, low and high of each metric, 0 to 1."""
    metrics = intervals(results, resamples=RESAMPLES, level=LEVEL, seed=SEED)
    return {
        name: asdict(interval)
        for name, interval in metrics.items()
        if chooses or not name.startswith(PROPOSAL_METRICS)
    }
