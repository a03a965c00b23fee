"""What a benchmark found: each figure with the limit that was measured beside it in the same run."""

import os
import platform
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """`wanted` is a bound of the ratio to `limit`, or of the figure where there is no limit: `>= 0.30` or `<= 45`."""

    what: str
    figure: float
    unit: str
    beside: str = ""
    limit: float | None = None
    wanted: str = ""

    @property
    def ratio(self) -> float:
        return self.figure / self.limit if self.limit else self.figure

    @property
    def is_met(self) -> bool:
        """Also where nothing is wanted."""
        relation, _, bound = self.wanted.partition(" ")
        return not bound or (self.ratio >= float(bound) if relation == ">=" else self.ratio <= float(bound))

    @property
    def verdict(self) -> str:
        return ("yes" if self.is_met else "**no**") if self.wanted else ""


def table(rows: Iterable[Row]) -> str:
    lines = ["| what | figure | limit beside it | ratio | wanted | met |", "|---|---|---|---|---|---|"]
    for row in rows:
        limit = f"{row.beside}: {number(row.limit)} {row.unit}" if row.limit else row.beside
        ratio = f"{row.ratio:.2f}" if row.limit else ""
        figure = f"{number(row.figure)} {row.unit}"
        lines.append(f"| {row.what} | {figure} | {limit} | {ratio} | {row.wanted} | {row.verdict} |")
    return "\n".join(lines)


def number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def machine() -> str:
    """On what the figures were measured, so far as it matters."""
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    name = cpu[1] if cpu else platform.machine()
    return f"{date.today():%Y-%m-%d}, {os.cpu_count()} × {name}, Python {platform.python_version()}"
