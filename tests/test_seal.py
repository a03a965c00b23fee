from secrets import token_bytes

import pytest

from web.seal import BrokenSeal, Seal

SEAL = Seal(b"k" * 32, token_bytes)


def test_a_sealed_secret_opens_for_its_own_purpose_and_owner_only() -> None:
    sealed = SEAL.close("totp", 1, b"secret")
    assert SEAL.open("totp", 1, sealed) == b"secret"
    for purpose, owner in (("totp", 2), ("password", 1)):
        with pytest.raises(BrokenSeal):
            SEAL.open(purpose, owner, sealed)


def test_a_single_flipped_bit_breaks_the_seal() -> None:
    sealed = SEAL.close("totp", 1, b"secret")
    for place in range(len(sealed)):
        with pytest.raises(BrokenSeal):
            SEAL.open("totp", 1, sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :])
    with pytest.raises(BrokenSeal):
        SEAL.open("totp", 1, sealed[:10])


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(BrokenSeal):
        Seal(b"x" * 32, token_bytes).open("totp", 1, SEAL.close("totp", 1, b"secret"))


def test_no_two_seals_are_alike() -> None:
    assert len({SEAL.close("totp", 1, b"secret") for _ in range(10_000)}) == 10_000
