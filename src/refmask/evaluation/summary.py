"""A run's figures: over all its expressions, by kind and by length, with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from refmask.compat import Compat
from refmask.fingerprint import commit
from refmask.metrics import QueryResults, by_kind, by_length, intervals

#: What JSON can hold.
Summary = dict[str, Any]

RESAMPLES, LEVEL, SEED = 2000, 0.95, 0
#: How figures of all proposals begin; they mean nothing where there is one for each query.
OF_PROPOSALS = ("upper ", "chance")


def summarise(
    outcomes: QueryResults,
    configuration: Mapping[str, Any],
    compat: Compat,
    missing: Sequence[str],
) -> Summary:
    """Everything that is reported of a run.

    Args:
        outcomes: of all queries that were answered.
        configuration: what they depend on.
        compat: the rules.
        missing: ids of images that could not be read.
    """
    counted = count(outcomes, compat)
    chooses = configuration["system"] != "predictions"
    return {
        "rules": rules(compat, chooses),
        "expressions": len(outcomes),
        "images": len(np.unique(outcomes.image)),
        "without_proposals": int((outcomes.proposals == 0).sum()),
        "left_out": len(outcomes) - len(counted),
        "missing_images": {"count": len(missing), "ids": list(missing)},
        "figures": _figures(counted, chooses),
        "by_kind": {name: _group(part, chooses) for name, part in by_kind(counted).items()},
        "by_length": {name: _group(part, chooses) for name, part in by_length(counted).items()},
        "configuration": dict(configuration),
        "commit": commit(),
    }


def count(outcomes: QueryResults, compat: Compat) -> QueryResults:
    """The queries that the figures are over."""
    return outcomes[outcomes.proposals > 0] if compat.skip_without_proposals else outcomes


def rules(compat: Compat, chooses: bool) -> list[str]:
    """What was counted how, in words.

    Args:
        compat: the rules.
        chooses: whether the system chose among proposals, or its masks were given.
    """
    without = "about an image without proposals" if chooses else "without a prediction"
    read = [
        "a text longer than the model's context is an error"
        if compat.long_text_error
        else "a text longer than the model's context is cut"
    ]
    return [
        f"an expression {without} is left out of the figures"
        if compat.skip_without_proposals
        else f"an expression {without} counts as IoU 0",
        "where polygons of a target overlap is outside of it"
        if compat.overlap_is_background
        else "a target is the union of its polygons",
        *(read if chooses else []),
        "expressions come image by image, within one in the order of refs, then of sentences",
        "an empty union counts as IoU 0; Pr@X is the share with an IoU of at least X",
        f"intervals cover {LEVEL:.0%}: quantiles over {RESAMPLES} resamples of the images, "
        f"seed {SEED}",
    ]


def _group(outcomes: QueryResults, chooses: bool) -> dict[str, Any]:
    return {"expressions": len(outcomes), "figures": _figures(outcomes, chooses)}


def _figures(outcomes: QueryResults, chooses: bool) -> dict[str, dict[str, float]]:
    """Value, low and high of each figure, 0 to 1."""
    found = intervals(outcomes, resamples=RESAMPLES, level=LEVEL, seed=SEED)
    return {
        name: asdict(interval)
        for name, interval in found.items()
        if chooses or not name.startswith(OF_PROPOSALS)
    }
