import pytest

from bench.report import Row, table


@pytest.mark.parametrize(
    ("row", "is_met"),
    [
        (Row("login", 14.0, "ms", wanted="<= 15"), True),
        (Row("login", 16.0, "ms", wanted="<= 15"), False),
        (Row("logins", 9.0, "a second", "plain", 10.0, ">= 0.95"), False),
        (Row("logins", 9.6, "a second", "plain", 10.0, ">= 0.95"), True),
        (Row("memory", 900.0, "MiB"), True),
    ],
)
def test_a_figure_beyond_its_bound_is_reported(row: Row, is_met: bool) -> None:
    assert row.is_met is is_met
    assert ("**no**" in table([row])) is not is_met
