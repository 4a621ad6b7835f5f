"""What was measured on a graphics card, as tables."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

Results = dict[str, Any]

#: Parts that compare, and what they are called.
COMPARED = {
    "parity": "methods",
    "offline": "the offline classifier",
    "freesolo": "FreeSOLO's network",
    "sam": "SAM (ViT-B)",
    "sam2": "SAM 2 (Hiera)",
}


def card(results: Results) -> str:
    """Which card, in a sentence."""
    told, host = results["card"], results["machine"]
    return (
        f"{told['name']}, {told['gigabytes']:.0f} GB, CUDA {told['cuda']}; {host['cores']} cores "
        f"of {host['processor']}; Python {host['python']}, torch {host['torch']}, open_clip "
        f"{host['open_clip_torch']}; commit {host['commit']}, {host['date']}."
    )


def agreement(results: Results) -> str:
    """How many comparisons with the processor are within tolerance, and the largest errors."""
    lines = [
        "| of | in | comparisons | within tolerance | largest error |",
        "|---|---|---|---|---|",
    ]
    for part, name in COMPARED.items():
        rows = [row for row in results["parts"][part]["rows"] if "holds" in row]
        for precision in dict.fromkeys(row["precision"] for row in rows):
            some = [row for row in rows if row["precision"] == precision]
            largest = max(max(row["errors"].values()) for row in some)
            held = sum(row["holds"] for row in some)
            cells = (name, precision, str(len(some)), str(held), f"{largest:.1e}")
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def reachable(results: Results) -> str:
    """Images a second of the crop encoder, as it is and as prototypes, at their best."""
    rows = results["parts"]["reachable"]["rows"]
    limit = next(row["teraflops"] for row in rows if "terabytes_per_second" in row)
    lines = [
        "| crop encoder | images at once | images a second | TFLOP/s | of the limit |",
        "|---|---|---|---|---|",
    ]
    for name, told in _by_group(rows):
        cells = (
            name.replace(", crop encoder", ""),
            str(told["images"]),
            f"{told['images_per_second']:.0f}",
            f"{told['teraflops']:.0f}",
            f"{told['teraflops'] / limit:.0%}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _by_group(rows: list[Results]) -> Iterator[tuple[str, Results]]:
    """Of what ran by the number of images at once: the fastest, and the present one's single."""
    for row in rows:
        groups = [told for told in row.get("by_group", []) if math.isfinite(told["seconds"])]
        if groups and row["work"].endswith("as it is"):
            yield row["work"], groups[0]
        if groups:
            yield row["work"], max(groups, key=lambda told: told["images_per_second"])
