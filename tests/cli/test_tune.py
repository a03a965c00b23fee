import pytest

from tests.support.commands import run
from web.cli.tune import AIM, MOST_MEMORY_KIB, WANTED, recommend
from web.limits import ARGON2, ARGON2_FLOOR, Cost


@pytest.mark.parametrize("taken", [0.001, 0.010, 0.040, 0.080, 0.135, 0.200, 0.300])
def test_the_recommended_cost_takes_100_to_250_ms(taken: float) -> None:
    """Argon2's time follows memory and passes."""
    cost = recommend(ARGON2, taken)
    expected = taken * cost.memory_kib * cost.passes / (ARGON2.memory_kib * ARGON2.passes)
    assert WANTED[0] <= expected <= WANTED[1], (cost, expected)
    assert cost.memory_kib <= MOST_MEMORY_KIB


def test_never_below_the_floor_however_slow_the_machine() -> None:
    assert recommend(ARGON2, 30.0) == ARGON2_FLOOR


def test_a_dearer_hash_takes_more_memory_first_and_then_more_passes() -> None:
    assert recommend(Cost(65_536, 2, 1), AIM / 2) == Cost(MOST_MEMORY_KIB, 2, 1)
    assert recommend(Cost(65_536, 2, 1), AIM / 8) == Cost(MOST_MEMORY_KIB, 8, 1)


def test_the_command_measures_and_recommends() -> None:
    answer = run("tune", PANEL_HASH_COST="m=19456,t=2,p=1")
    assert answer.returncode == 0
    assert "Hoje: m=19456,t=2,p=1: um hash leva" in answer.stdout
    assert "PANEL_HASH_COST=" in answer.stdout or "Está bom" in answer.stdout
