from datetime import timedelta

import pytest

from web.limits import (
    CODE_BACKOFF,
    PASSWORD_BACKOFF_ACCOUNT,
    PASSWORD_BACKOFF_DEVICE,
    PASSWORD_BACKOFF_PAIR,
    Backoff,
)


def test_codes_wait_a_minute_after_five_and_never_longer_than_an_hour() -> None:
    waits = [CODE_BACKOFF.wait_after(failures) for failures in (4, 5, 6, 7, 50)]
    assert waits == [timedelta(minutes=minutes) for minutes in (0, 1, 2, 4, 60)]


def test_passwords_wait_half_a_minute_after_five_and_never_longer_than_fifteen() -> None:
    waits = [PASSWORD_BACKOFF_PAIR.wait_after(failures) for failures in (4, 5, 6, 5000)]
    assert waits == [timedelta(seconds=seconds) for seconds in (0, 30, 60, 900)]


def test_strangers_wait_a_minute_after_twenty_passwords_for_one_account_whatever_their_address() -> None:
    waits = [PASSWORD_BACKOFF_ACCOUNT.wait_after(failures) for failures in (19, 20, 21, 50)]
    assert waits == [timedelta(minutes=minutes) for minutes in (0, 1, 2, 60)]


@pytest.mark.parametrize("backoff", [CODE_BACKOFF, PASSWORD_BACKOFF_ACCOUNT, PASSWORD_BACKOFF_DEVICE])
def test_a_hundred_failures_close_the_way(backoff: Backoff) -> None:
    assert backoff.closes_at == 100
