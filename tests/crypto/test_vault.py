from pathlib import Path
from secrets import token_bytes

import pytest

from web.crypto.vault import BrokenSeal, Vault, write_keys

OLD, NEW = b"k" * 32, b"n" * 32


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_keys(tmp_path / "secret.key", [OLD])
    return tmp_path / "secret.key"


@pytest.fixture
def vault(file: Path) -> Vault:
    return Vault(file, token_bytes)


def test_a_sealed_secret_opens_for_its_own_purpose_and_owner_only(vault: Vault) -> None:
    sealed = vault.seal("totp", 1, b"secret")
    assert vault.unseal("totp", 1, sealed) == b"secret"
    for purpose, owner in (("totp", 2), ("password", 1)):
        with pytest.raises(BrokenSeal):
            vault.unseal(purpose, owner, sealed)


def test_a_single_flipped_bit_breaks_the_seal(vault: Vault) -> None:
    sealed = vault.seal("totp", 1, b"secret")
    for place in range(len(sealed)):
        with pytest.raises(BrokenSeal):
            vault.unseal("totp", 1, sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :])
    with pytest.raises(BrokenSeal):
        vault.unseal("totp", 1, sealed[:10])


def test_another_key_does_not_open_it(vault: Vault, file: Path) -> None:
    sealed = vault.seal("totp", 1, b"secret")
    write_keys(file, [NEW])
    with pytest.raises(BrokenSeal):
        Vault(file, token_bytes).unseal("totp", 1, sealed)


def test_while_keys_change_the_new_one_seals_and_both_open(vault: Vault, file: Path) -> None:
    old = vault.seal("totp", 1, b"old")
    write_keys(file, [NEW, OLD])
    new = vault.seal("totp", 1, b"new")
    assert new[:5] != old[:5]
    assert [vault.unseal("totp", 1, sealed) for sealed in (old, new)] == [b"old", b"new"]
    write_keys(file, [NEW])
    assert Vault(file, token_bytes).unseal("totp", 1, new) == b"new"


def test_a_running_panel_reads_the_file_again_for_an_unknown_key(vault: Vault, file: Path) -> None:
    write_keys(file, [NEW, OLD])
    sealed = Vault(file, token_bytes).seal("totp", 1, b"new")
    assert vault.unseal("totp", 1, sealed) == b"new"


def test_the_key_file_is_for_its_owner_only(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_key_file_that_is_replaced_keeps_its_mode(file: Path) -> None:
    file.chmod(0o400)
    write_keys(file, [NEW])
    assert (file.stat().st_mode & 0o777, file.read_text()) == (0o400, f"{NEW.hex()}\n")


def test_no_two_seals_are_alike(vault: Vault) -> None:
    assert len({vault.seal("totp", 1, b"secret") for _ in range(10_000)}) == 10_000
