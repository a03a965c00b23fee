"""`python3 run.py bench`: measures on this machine what docs/performance.md tells of another; 1 when it falls short."""

import argparse
import sys
import tempfile
from pathlib import Path

from bench import flood, growth, logins, pages, roster, side_by_side, soak, start, timing, wire
from bench.population import populate
from bench.report import Row, machine, table

SCENARIOS = {
    "pages": pages,
    "logins": logins,
    "flood": flood,
    "timing": timing,
    "start": start,
    "wire": wire,
    "growth": growth,
    "roster": roster,
    "soak": soak,
    "peers": side_by_side,
}
PEOPLE = 3000


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser("run.py bench")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args(arguments)
    if set(options.names) - set(SCENARIOS):
        print(f"Medições: {', '.join(SCENARIOS)}.", file=sys.stderr)
        return 2
    print(f"{machine()}; {options.seconds:g} s a load")
    missed: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="panel-bench-") as folder:
        data = Path(folder, "data")
        there = populate(data, accounts=PEOPLE, sessions=PEOPLE, entries=20 * PEOPLE)
        for name in options.names or SCENARIOS:
            print(f"\n## {name}\n\n{SCENARIOS[name].__doc__}\n", flush=True)
            rows = SCENARIOS[name].run(data, there, options.seconds)
            print(table(rows), flush=True)
            missed += [row for row in rows if not row.is_met]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
