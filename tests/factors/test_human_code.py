from secrets import token_bytes

import pytest

from web.factors import human_code, recovery_code


def test_a_recovery_code_is_80_bits_in_sixteen_characters() -> None:
    codes = recovery_code.new_set(token_bytes)
    assert len(set(codes)) == 10
    assert all(recovery_code.is_well_formed(code) for code in codes)


def test_every_bit_reaches_the_code() -> None:
    assert human_code.new(lambda count: b"\xff" * count, bits=80) == "Z" * 16
    assert human_code.new(lambda count: bytes(count - 1) + b"\x01", bits=120) == "0" * 23 + "1"


@pytest.mark.parametrize(
    "typed",
    [
        "01ab-cdef-gh01-2345",
        "O1AB CDEF GHOI 2345",
        "oLabcdefgh0i2345",
        " 01AB-CDEF\tGH01-2345 ",
        "01AB\u2011CDEF\u00a0GH01\u200b\u20132345\n",
    ],
)
def test_one_code_has_many_spellings(typed: str) -> None:
    assert human_code.read(typed) == "01ABCDEFGH012345"


def test_a_malformed_recovery_code_is_found_before_hashing() -> None:
    assert not recovery_code.is_well_formed("01ABCDEFGH01234")
    assert not recovery_code.is_well_formed("01ABCDEFGH01234U")
