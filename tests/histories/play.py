"""Plays histories; from the command line (`python3 run.py histories [N]`) other ones each time."""

import logging
import sys
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.histories.machine import Histories
from tests.histories.scene import Broken
from tests.histories.stage import prepare

STEPS = 25


def play(folder: Path, number: int, *, is_always_the_same: bool) -> None:
    """Raises Broken with the shortest story that was found."""
    Histories.prepared = prepare(folder / "prepared")
    chosen = settings(
        max_examples=number,
        stateful_step_count=STEPS,
        derandomize=is_always_the_same,
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Histories, settings=chosen)


def main(number: int) -> int:
    """The exit status."""
    logging.getLogger("panel").setLevel(logging.CRITICAL)
    try:
        with tempfile.TemporaryDirectory(prefix="histories-") as folder:
            play(Path(folder), number, is_always_the_same=False)
    except Broken as broken:
        print(broken)
        return 1
    print(f"{number} histories, and everything held.")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
