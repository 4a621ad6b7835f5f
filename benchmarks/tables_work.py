"""Tables of what refmask does at work: searching, serving, many images."""

from __future__ import annotations

from typing import Any

Results = dict[str, Any]

#: Images that costs are told of.
MANY = 1e9


def searched(results: Results) -> str:
    """An index as it is used."""
    return _rows(
        (
            *("regions", "images", "index made in", "bytes a region", "recall@10"),
            *("query", "95 %", "reading the phrase", "whole search", "95 %"),
        ),
        (
            (
                *(f"{told[name]:,}" for name in ("regions", "images")),
                f"{told['made in s']:.0f} s",
                f"{told['bytes a region']:,.0f}",
                f"{told['recall@10']:.3f}",
                *_times(told["query"]),
                _times(told["reading"])[0],
                *_times(told),
            )
            for told in results["whole"]
        ),
    )


def stored(results: Results) -> str:
    """Ways of storing features, every region compared."""
    return _rows(
        ("stored", "bytes", "search", "95 %", "recall@10", "recall@10 among 100"),
        (
            (
                told["stored"],
                f"{told['bytes']:,}",
                *_times(told),
                f"{told['recall@10']:.4f}",
                f"{told['recall@10 among 100 candidates']:.4f}",
            )
            for told in results["stored"]
        ),
    )


def compared(results: Results) -> str:
    """Searches by number of regions, with and without an approximate index."""
    return _rows(
        ("regions", "every one compared", "95 %", "approximately", "95 %", "recall@10"),
        (
            (
                f"{told['regions']:,}",
                *_times(told["exact"]),
                *_times(told["approximate"]),
                f"{told['approximate']['recall@10']:.3f}",
            )
            for told in results["sizes"]
        ),
    )


def plans(results: Results) -> str:
    """Ways of making and asking an approximate index."""
    lines, made = [], 0.0
    for told in results["plans"]:
        made = told["made in s"] or made
        cells = (
            told["kind"],
            *(str(told.get(name) or "") for name in ("num_bits", "max_iterations")),
            str(told["probes"]),
            str(told["refined"] or ""),
            f"{made:.0f} s",
            f"{told['bytes a region']:,.0f}",
            *_times(told),
            f"{told['recall@10']:.3f}",
        )
        lines.append(cells)
    head = ("kind", "bits", "rounds of training", "probes", "compared exactly", "made in")
    return _rows((*head, "bytes a region", "query", "95 %", "recall@10"), lines)


def reranking(results: Results) -> str:
    """What asking the scenes of the best images changes."""
    return _rows(
        ("images asked", "mean reciprocal rank", "first"),
        (
            (str(told["asked"] or "none"), f"{told['mean']:.3f}", f"{told['first']:.1%}")
            for told in results["rows"]
        ),
    )


def load(results: Results) -> str:
    """Answers of a server under load."""
    rows = [*results["rows"], results["above"]]
    return _rows(
        ("work", "clients", "answers a second", "median", "95 %", "statuses"),
        (
            (
                told["work"],
                str(told["clients"]),
                f"{told['per_second']:.1f}",
                *(f"{1000 * told[name]:.0f} ms" if told[name] else "" for name in ("p50", "p95")),
                ", ".join(f"{n} x {status}" for status, n in sorted(told["statuses"].items())),
            )
            for told in rows
        ),
    )


def mixed(results: Results) -> str:
    """Requests of all kinds to one server."""
    names = ("p50", "p95", "most")
    return _rows(
        ("kind", "requests", "median", "95 %", "longest", "statuses"),
        (
            (
                told["kind"],
                str(told["requests"]),
                *(f"{1000 * told[name]:.0f} ms" for name in names),
                ", ".join(
                    f"{n} x {'no answer awaited' if status == '0' else status}"
                    for status, n in told["statuses"].items()
                ),
            )
            for told in results["rows"]
        ),
    )


def resident(results: Results) -> str:
    """A server's memory as its requests go by."""
    told = results["memory"]
    return _rows(
        ("requests answered", *(str(number) for number, _ in told)),
        [("memory in MB", *(f"{size / 1e6:.0f}" for _, size in told))],
    )


def batch(results: Results) -> str:
    """What an image costs, by engine."""
    return _rows(
        ("model", "engine", "workers", "images a second", "core seconds an image", "start"),
        (
            (
                told["model"],
                told["engine"],
                str(told["workers"]),
                f"{told['rate']:.2f}",
                f"{told['core_seconds']:.2f}",
                f"{told['start']:.0f} s",
            )
            for told in results["rows"]
        ),
    )


def billion(results: Results) -> str:
    """What a billion such images would take."""
    lines = []
    for told in (one for one in results["rows"] if one["engine"] == "ray"):
        rows = MANY * told["expressions"]
        hours = MANY * told["core_seconds"] / 3600
        lines.append(
            (
                told["model"],
                f"{hours:,.0f}",
                f"{hours / (1000 * 24):,.0f} days",
                f"{told['bytes_in']:,.0f}: {MANY * told['bytes_in'] / 1e12:,.0f} TB",
                f"{told['bytes_out']:,.0f}: {rows * told['bytes_out'] / 1e12:,.1f} TB",
                "0",
            )
        )
    head = ("model", "core hours", "on 1,000 cores", "bytes read of an image: all")
    return _rows((*head, "bytes written of a row: all", "shuffled"), lines)


def _times(told: Results) -> tuple[str, str]:
    """Median and 95th percentile, in milliseconds."""
    median, late = (f"{told[name]:.1f} ms" for name in ("p50 ms", "p95 ms"))
    return median, late


def _rows(head: tuple[str, ...], rows: Any) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])
