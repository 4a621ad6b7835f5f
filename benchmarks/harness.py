"""What all timed benchmarks share: taking turns, telling the machine, keeping results."""

from __future__ import annotations

import contextlib
import datetime
import gc
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"

#: Instructions that multiply matrices fast.
FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_tile", "bf16", "i8mm", "sve")
PACKAGES = ("refmask", "torch", "open_clip_torch", "numpy", "pillow", "spacy")

Figures = dict[str, float]


def alternate(
    works: Mapping[str, Callable[[int], Any]], runs: int = 5, warm: int = 1
) -> dict[str, list[float]]:
    """Seconds of several works, each done once per run, one after the other.

    What slows the machine down for a while so falls on all of them.

    Args:
        works: told the number of the run, from 0; the first ``warm`` of them do not count. What
            alone knows which part of it counts gives back seconds, a float.
        runs: that count.
        warm: that do not.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for run in range(warm + runs):
        for name, work in works.items():
            gc.collect()
            began = time.perf_counter()
            counted = work(run)
            taken = time.perf_counter() - began
            if run >= warm:
                seconds[name].append(counted if isinstance(counted, float) else taken)
    return seconds


def figures(values: list[float]) -> Figures:
    """Median, least and most."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def machine() -> dict[str, Any]:
    """Processor, threads, versions, commit and date."""
    described = _processor()
    return {
        "processor": described.get("model name") or platform.processor() or platform.machine(),
        "flags": [flag for flag in FLAGS if flag in described.get("flags", "").split()],
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gigabytes": round(_memory() / 1e9, 1),
        "python": platform.python_version(),
        **_versions(),
        "commit": _commit(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def write(name: str, content: Mapping[str, Any], folder: Path = RESULTS) -> Path:
    """Write results, with the machine they come from, to ``results/NAME.json``."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"machine": machine(), **content}, indent=1) + "\n")
    return path


def _versions() -> dict[str, str]:
    """Of those packages that are installed: a lent machine may have the sources alone."""
    installed = {}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            installed[name] = importlib.metadata.version(name)
    return installed


def _processor() -> dict[str, str]:
    """What Linux tells of the first core; nothing elsewhere."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().split("\n\n")[0].splitlines() if path.exists() else []
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _commit() -> str:
    """The commit of this checkout, "+" behind it when the sources differ from it."""

    def ask(*words: str) -> str:
        command, here = ["git", *words], Path(__file__).parent.parent
        told = subprocess.run(command, cwd=here, check=True, capture_output=True, text=True)
        return told.stdout.strip()

    try:
        changed = ask("status", "--porcelain", "--", "src")
        return ask("rev-parse", "--short", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
