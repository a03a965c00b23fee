from pathlib import Path
from secrets import token_bytes

import pytest

from web.crypto.vault import BrokenSeal, Seal, write_keys

OLD, NEW = b"k" * 32, b"n" * 32


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_keys(tmp_path / "secret.key", [OLD])
    return tmp_path / "secret.key"


@pytest.fixture
def seal(file: Path) -> Seal:
    return Seal(file, token_bytes)


def test_a_sealed_secret_opens_for_its_own_purpose_and_owner_only(seal: Seal) -> None:
    sealed = seal.close("totp", 1, b"secret")
    assert seal.open("totp", 1, sealed) == b"secret"
    for purpose, owner in (("totp", 2), ("password", 1)):
        with pytest.raises(BrokenSeal):
            seal.open(purpose, owner, sealed)


def test_a_single_flipped_bit_breaks_the_seal(seal: Seal) -> None:
    sealed = seal.close("totp", 1, b"secret")
    for place in range(len(sealed)):
        with pytest.raises(BrokenSeal):
            seal.open("totp", 1, sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :])
    with pytest.raises(BrokenSeal):
        seal.open("totp", 1, sealed[:10])


def test_another_key_does_not_open_it(seal: Seal, file: Path) -> None:
    sealed = seal.close("totp", 1, b"secret")
    write_keys(file, [NEW])
    with pytest.raises(BrokenSeal):
        Seal(file, token_bytes).open("totp", 1, sealed)


def test_while_keys_change_the_new_one_seals_and_both_open(seal: Seal, file: Path) -> None:
    old = seal.close("totp", 1, b"old")
    write_keys(file, [NEW, OLD])
    new = seal.close("totp", 1, b"new")
    assert new[:5] != old[:5]
    assert [seal.open("totp", 1, sealed) for sealed in (old, new)] == [b"old", b"new"]
    write_keys(file, [NEW])
    assert Seal(file, token_bytes).open("totp", 1, new) == b"new"


def test_a_running_panel_learns_of_a_key_that_it_meets(seal: Seal, file: Path) -> None:
    write_keys(file, [NEW, OLD])
    sealed = Seal(file, token_bytes).close("totp", 1, b"new")
    assert seal.open("totp", 1, sealed) == b"new"


def test_the_key_file_is_for_its_owner_only(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_key_file_that_is_replaced_keeps_its_mode(file: Path) -> None:
    file.chmod(0o400)
    write_keys(file, [NEW])
    assert (file.stat().st_mode & 0o777, file.read_text()) == (0o400, f"{NEW.hex()}\n")


def test_no_two_seals_are_alike(seal: Seal) -> None:
    assert len({seal.close("totp", 1, b"secret") for _ in range(10_000)}) == 10_000
