from datetime import timedelta

from web.limits import CODE_BACKOFF, PASSWORD_BACKOFF_PAIR


def test_codes_wait_a_minute_after_five_and_never_longer_than_an_hour() -> None:
    waits = [CODE_BACKOFF.wait_after(failures) for failures in (4, 5, 6, 7, 50)]
    assert waits == [timedelta(minutes=minutes) for minutes in (0, 1, 2, 4, 60)]


def test_the_hundredth_code_is_the_last_one_judged() -> None:
    assert not CODE_BACKOFF.is_closed(100)
    assert CODE_BACKOFF.is_closed(101)


def test_passwords_wait_half_a_minute_after_five_and_never_longer_than_fifteen() -> None:
    waits = [PASSWORD_BACKOFF_PAIR.wait_after(failures) for failures in (4, 5, 6, 5000)]
    assert waits == [timedelta(seconds=seconds) for seconds in (0, 30, 60, 900)]
