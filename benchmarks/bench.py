"""All figures that docs/ quotes from results, measured anew: what ``make bench`` runs.

    python benchmarks/bench.py [PART ...]

Each part is a program of its own, in a process of its own, and writes ``results/PART.json``; at
the end the tables of docs/ are made from those files. All parts take about 90 minutes on two quiet
cores.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from refmask.cli import wait_briefly

HERE = Path(__file__).parent

#: Program -> its options.
PARTS: dict[str, list[str]] = {
    "speed": [],
    "scaling": [],
    "precision": [],
    "local_top": [],
    "memory": [],
    "freesolo": ["--image", "noise"],
    "index": [],
    "reranking": [],
    "serve": [],
    "load": [],
    "batch": [],
}


def main() -> int:
    """Run the parts; 1 when one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    chosen = parser.parse_args().parts or list(PARTS)
    if unknown := sorted(set(chosen) - set(PARTS)):
        parser.error(f"expected parts out of {', '.join(PARTS)}, got {', '.join(unknown)}")
    wait_briefly()  # as the refmask command does, which the programs stand for
    failed = [part for part in [*chosen, "tables"] if not finished(part)]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def finished(part: str) -> bool:
    """Run a program; whether it came to its end."""
    print(f"\n{part}\n", flush=True)
    began = time.perf_counter()
    done = subprocess.run([sys.executable, str(HERE / f"{part}.py"), *PARTS.get(part, [])])
    print(f"\n{part}: {(time.perf_counter() - began) / 60:.1f} minutes", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
