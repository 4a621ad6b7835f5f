"""The program: see ``attack``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from attack import work
from attack.all_kinds import all_kinds
from attack.kills import COMMANDS, kill_all
from attack.report import Tally, kills_table, table

#: Cases that a worker is given at a time.
SHARE = 250


def main() -> int:
    """Attack; 1 when anything went wrong."""
    args = _arguments()
    if args.again:
        return _again(args.again, args.seed)
    kinds = all_kinds(Path("canary"))
    chosen = [kind for kind in kinds if not args.kinds or kind.name in args.kinds]
    unknown = set(args.kinds) - {kind.name for kind in kinds}
    if unknown:
        sys.exit(
            f"no kinds {', '.join(sorted(unknown))}; there are {', '.join(k.name for k in kinds)}"
        )
    tally = Tally([kind.name for kind in chosen])
    if args.cases:
        each = -(-args.cases // max(1, len(chosen)))
        shares = [
            work.Share(kind.name, range(first, min(each, first + SHARE)))
            for kind in chosen
            for first in range(0, each, SHARE)
        ]
        for share, seconds, faults in work.attack(shares, args.seed, args.workers):
            tally.add(share, seconds, faults)
            for fault in faults:
                print(f"{fault.kind}:{fault.number} {fault.what}\n{fault.told}", file=sys.stderr)
    landed = kill_all(args.commands, args.kills, args.seed) if args.kills else []
    print(table(tally))
    print(kills_table(landed))
    return int(tally.bad or any(not one.right for one in landed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("attack", description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000, help="altogether (default 100000)")
    parser.add_argument("--kinds", nargs="*", default=[], metavar="KIND", help="only these")
    parser.add_argument("--seed", type=int, default=0, help="of everything (default 0)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    parser.add_argument(
        "--kills", type=int, default=30, help="landed, of each command (default 30)"
    )
    parser.add_argument("--commands", nargs="*", default=[*COMMANDS], choices=COMMANDS)
    parser.add_argument("--again", metavar="KIND:NUMBER", help="run one case, show what it raises")
    return parser.parse_args()


def _again(case: str, seed: int) -> int:
    name, _, number = case.rpartition(":")
    work.prepare()
    watched = work.Watched(seed)
    faults = watched.run(name, int(number))
    print(*watched.kinds[name].case(seed, int(number))[:1])
    for fault in faults:
        print(f"{fault.what}\n{fault.told}")
    watched.close()
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
