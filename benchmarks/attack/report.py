"""The tables at the end, in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from attack.kills import Killed
from attack.work import FAULTS, Fault, Share


class Tally:
    """What came of the cases, by kind."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self.cases: Counter[str] = Counter(dict.fromkeys(kinds, 0))
        self.seconds: Counter[str] = Counter()
        self.faults: Counter[tuple[str, str]] = Counter()

    def add(self, share: Share, seconds: float, faults: Sequence[Fault]) -> None:
        """Count a share."""
        self.cases[share.kind] += len(share.numbers)
        self.seconds[share.kind] += seconds
        self.faults.update((fault.kind, fault.what) for fault in faults)

    @property
    def bad(self) -> bool:
        """Whether anything went wrong."""
        return self.faults.total() > 0


def table(tally: Tally) -> str:
    """Cases and faults by kind."""
    rows = [
        (kind, count, *(tally.faults[kind, what] for what in FAULTS), f"{tally.seconds[kind]:.0f}")
        for kind, count in tally.cases.items()
    ]
    sums = (sum(tally.faults[kind, what] for kind in tally.cases) for what in FAULTS)
    rows.append(("all", tally.cases.total(), *sums, f"{tally.seconds.total():.0f}"))
    return _markdown(("kind", "cases", *FAULTS, "seconds"), rows)


def kills_table(killed: Sequence[Killed]) -> str:
    """Kills by command."""
    if not killed:
        return ""
    rows = []
    for name in dict.fromkeys(one.name for one in killed):
        those = [one for one in killed if one.name == name]
        rows.append((name, len(those), sum(one.right for one in those)))
    return "\n" + _markdown(("command", "kills landed", "ended as unbroken"), rows)


def _markdown(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
