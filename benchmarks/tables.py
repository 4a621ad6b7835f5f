"""Results as tables, and the tables into the pages of docs/.

    python benchmarks/tables.py

Pages hold one table between each pair of marks; this is how they are brought up to date.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import local_top
import precision
import tables_gpu
import tables_work
from harness import RESULTS

DOCS = Path(__file__).parent.parent / "docs"

Results = dict[str, Any]


def speed(results: Results) -> str:
    """What each work took."""
    lines = [
        "| work | plain | ours | times as fast | asked | of the limit | allowed |",
        "|---|---|---|---|---|---|---|",
    ]
    for told in results["rows"]:
        cells = (
            told["work"],
            spread(told.get("plain")),
            spread(told["ours"]),
            times(told.get("ratio")),
            asked(told),
            f"{told['share']:.0%}" if "share" in told else "",
            times(told.get("allowed")),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def scaling(results: Results) -> str:
    """How each axis grows."""
    lines = [
        "| axis | from | to | grows by | time grows by | fitted exponent | steepest |",
        "|---|---|---|---|---|---|---|",
    ]
    for told in results["axes"]:
        (small, *_, large), seconds = told["sizes"], told["seconds"]
        growth = seconds[-1]["median"] / seconds[0]["median"]
        ends = (f"{size:,}: {spread(s)}" for size, s in ((small, seconds[0]), (large, seconds[-1])))
        cells = (told["name"], *ends, times(large / small), times(growth))
        exponents = (f"{told[name]:.2f}" for name in ("exponent", "steepest"))
        lines.append(f"| {' | '.join((*cells, *exponents))} |")
    return "\n".join(lines)


def freesolo(results: Results) -> str:
    """FreeSOLO alone, per image."""
    lines = ["| FreeSOLO | seconds | times as fast | peak memory |", "|---|---|---|---|"]
    variants = results["variants"]
    for name, told in variants.items():
        ratio = variants["plain"]["wall"]["median"] / told["wall"]["median"]
        cells = (name, spread(told["wall"]), times(ratio), f"{told['gigabytes']:.2f} GB")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def memory(results: Results) -> str:
    """What an evaluation holds at most, and whether that grows."""
    lines = [
        "| model | images | at most | in the second tenth of them | in the last | asked |",
        "|---|---|---|---|---|---|",
    ]
    for told in results["rows"]:
        held = (told["peak"], told["parts"][1], told["parts"][-1])
        cells = (told["model"], f"{told['images']:,}", *(f"{size / 1e9:.2f} GB" for size in held))
        wanted = f"2.5 GB, flat: {'yes' if told['met'] else 'no'}"
        lines.append(f"| {' | '.join((*cells, wanted))} |")
    return "\n".join(lines)


def machine(results: Results) -> str:
    """Where results come from, in a sentence."""
    told = results["machine"]
    others = "".join(f", {name} {results[name]}" for name in ("lancedb", "ray") if name in results)
    return (
        f"{told['processor']} ({', '.join(told['flags'])}), {told['threads']} threads of "
        f"{told['cores']} cores, {told['gigabytes']:.0f} GB; Python {told['python']}, torch "
        f"{told['torch']}, open_clip {told['open_clip_torch']}{others}; commit {told['commit']}, "
        f"{told['date']}."
    )


def rates(results: Results) -> str:
    """What linear layers reach there, in a sentence."""
    fp32, bf16 = (results["rates"][name] / 1e9 for name in ("fp32", "bf16"))
    return (
        f"Its linear layers reach {fp32:.0f} G multiply-adds per second in fp32 and {bf16:.0f} G "
        f"in bf16, {bf16 / fp32:.1f} times as many."
    )


def spread(figures: dict[str, float] | None) -> str:
    """The median, least and most in brackets."""
    if figures is None:
        return ""
    least, median, most = (figures[name] for name in ("least", "median", "most"))
    if median < 0.1:
        return f"{1000 * median:.1f} ms ({1000 * least:.1f} to {1000 * most:.1f})"
    return f"{median:.2f} s ({least:.2f} to {most:.2f})"


def times(ratio: float | None) -> str:
    """A ratio to two or three digits."""
    if ratio is None:
        return ""
    return f"{ratio:.0f}" if ratio >= 20 else f"{ratio:.1f}"


def asked(told: Results) -> str:
    """The target, and whether it is met."""
    target = told.get("target")
    if not target:
        return ""
    words = {
        "ratio": lambda value: f"{value:.0f} times",
        "seconds": lambda value: f"{1000 * value:.0f} ms",
        "share": lambda value: f"{value:.0%} of the limit",
    }
    return f"{', '.join(words[n](v) for n, v in target.items())}: {'yes' if told['met'] else 'no'}"


#: Name of a mark -> the results file and what is made of it.
Marks = dict[str, tuple[str, Callable[[Results], str]]]
PAGES: dict[str, Marks] = {
    "speed.md": {
        "machine": ("speed", machine),
        "speed": ("speed", speed),
        "rates": ("speed", rates),
        "scaling": ("scaling", scaling),
        "precision": ("precision", precision.table),
        "local_top": ("local_top", local_top.table),
        "freesolo": ("freesolo", freesolo),
        "memory": ("memory", memory),
        "card": ("gpu", tables_gpu.card),
        "agreement": ("gpu", tables_gpu.agreement),
        "reachable": ("gpu", tables_gpu.reachable),
    },
    "search.md": {
        "machine": ("index", machine),
        "searched": ("index", tables_work.searched),
        "stored": ("index", tables_work.stored),
        "compared": ("index", tables_work.compared),
        "plans": ("index", tables_work.plans),
        "reranking": ("reranking", tables_work.reranking),
    },
    "serve.md": {
        "machine": ("serve", machine),
        "load": ("serve", tables_work.load),
        "lasting": ("load", machine),
        "mixed": ("load", tables_work.mixed),
        "resident": ("load", tables_work.resident),
    },
    "cluster.md": {
        "machine": ("batch", machine),
        "batch": ("batch", tables_work.batch),
        "billion": ("batch", tables_work.billion),
    },
}


def updated(page: str, marks: Marks, folder: Path = RESULTS) -> str:
    """The page with every table made anew; marks without results stay as they are."""
    for mark, (name, make) in marks.items():
        path = folder / f"{name}.json"
        if path.exists():
            text = make(json.loads(path.read_text()))
            pattern = rf"(<!-- {mark} -->\n).*?(\n<!-- end -->)"
            page = re.sub(pattern, lambda m, t=text: m[1] + t + m[2], page, flags=re.DOTALL)
    return page


def main() -> None:
    """Bring the pages up to date."""
    for name, marks in PAGES.items():
        page = DOCS / name
        page.write_text(updated(page.read_text(), marks))


if __name__ == "__main__":
    main()
