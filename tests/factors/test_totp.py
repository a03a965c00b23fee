from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest

from web.factors import totp
from web.settings import Settings, StartRefused

RFC_KEY = b"12345678901234567890"  # RFC 4226 appendix D and RFC 6238 appendix B
NOON = datetime(2026, 11, 24, 12, 0, 5, tzinfo=UTC)


def seconds(count: int) -> datetime:
    return datetime.fromtimestamp(count, UTC)


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_vectors_of_rfc_6238(at: int, code: str) -> None:
    assert totp.matching_step(RFC_KEY, code, seconds(at), window=0) == at // 30


def test_the_vectors_of_rfc_4226() -> None:
    codes = "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489".split()
    steps = [totp.matching_step(RFC_KEY, code, seconds(30 * count), window=0) for count, code in enumerate(codes)]
    assert steps == list(range(10))


def test_a_code_matches_one_step_early_or_late_and_no_further() -> None:
    key, now = totp.new_key(token_bytes), totp.step_at(NOON)
    app = pyotp.TOTP(totp.in_base32(key))
    found = [totp.matching_step(key, app.generate_otp(now + off), NOON) for off in (-2, -1, 0, 1, 2)]
    assert found == [None, now - 1, now, now + 1, None]


def test_a_wrong_clock_is_measured_but_not_accepted() -> None:
    key = totp.new_key(token_bytes)
    ahead = pyotp.TOTP(totp.in_base32(key)).at(NOON + timedelta(minutes=2))
    assert totp.matching_step(key, ahead, NOON) is None
    assert totp.clock_drift(key, ahead, NOON) == timedelta(minutes=2)


@pytest.mark.parametrize("hours", [3, -3, 24, -1])
def test_a_clock_set_by_hand_in_another_zone_is_measured_but_not_accepted(hours: int) -> None:
    key, off = totp.new_key(token_bytes), timedelta(hours=hours, seconds=30)
    code = pyotp.TOTP(totp.in_base32(key)).at(NOON + off)
    assert totp.matching_step(key, code, NOON) is None
    assert totp.clock_drift(key, code, NOON) == off


def test_a_clock_not_a_whole_number_of_hours_off_is_not_measured() -> None:
    app = pyotp.TOTP(totp.in_base32(RFC_KEY))
    for off in (timedelta(hours=3, minutes=30), timedelta(hours=25), timedelta(days=730), timedelta(days=-730)):
        assert totp.clock_drift(RFC_KEY, app.at(NOON + off), NOON) is None


SEPARATORS = (
    " \t\n\r\u00a0\u2009\u202f\u3000\u2028"
    "\u200b\u200d\u2060\ufeff\u00ad\u200e\u2068"
    "-\u2010\u2011\u2013\u2014\u2212\uff0d"
)


@pytest.mark.parametrize("separator", ["", *SEPARATORS])
def test_blanks_hyphens_and_invisible_characters_in_a_code_do_not_matter(separator: str) -> None:
    assert totp.read_code(f"{separator}123{separator}456{separator}") == "123456"


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "+12345", "1e5", "12345a", "１２３４５６", "١٢٣٤٥٦", "123.456", "123\x00456"]
)
def test_anything_but_six_ascii_digits_is_no_code(typed: str) -> None:
    assert totp.read_code(typed) is None


def test_keys_are_160_random_bits() -> None:
    first, second = totp.new_key(token_bytes), totp.new_key(token_bytes)
    assert len(first) == 20
    assert first != second


def test_an_address_names_issuer_and_account_once_whatever_they_hold() -> None:
    """A32."""
    address = totp.otpauth_address(RFC_KEY, account="a.b", issuer="Padaria & Cia?secret=X")
    parts = urlsplit(address)
    assert unquote(parts.path) == "/Padaria & Cia?secret=X:a.b"
    assert parse_qs(parts.query) == {"secret": [totp.in_base32(RFC_KEY)], "issuer": ["Padaria & Cia?secret=X"]}


LONG = ["x" * 64, "xã" * 16, "ã" * 18 + "abcd", "x " * 27 + "abcd", "a/" * 28, "店" * 12 + "abcd", "👩" * 9 + "abcd"]


@pytest.mark.parametrize("issuer", LONG)
def test_the_longest_names_fit_a_phone_at_four_pixels_a_module(issuer: str) -> None:
    """320 pixels, less two for the border of a card whose padding the plate may cover in part."""
    longest = Settings.from_environment({"PANEL_NAME": issuer}).name
    code = totp.qr_code(totp.otpauth_address(RFC_KEY, account="a" * 32, issuer=longest))
    assert code.width >= 4 * code.size
    assert code.width % code.size == 0
    assert code.width <= 320 - 2 * 16 - 2


def test_a_panel_name_too_long_for_the_qr_code_stops_the_start() -> None:
    with pytest.raises(StartRefused, match="ocupa 114 bytes no QR code e cabem 112"):
        Settings.from_environment({"PANEL_NAME": "ã" * 19})
    assert Settings.from_environment({"PANEL_NAME": "ã" * 18 + "abcd"}).name


def test_the_wait_for_the_next_code_is_exact_to_the_second() -> None:
    now = totp.step_at(NOON)
    assert totp.until_new_step(now, NOON) == timedelta(seconds=25)
    assert totp.until_new_step(now + 1, NOON) == timedelta(seconds=55)
