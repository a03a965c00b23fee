"""The file format of a copy (a backup): a header with a MAC over the whole file, then the database.

The MAC is checked before SQLite reads any of it. The key of the MAC is in the header too, sealed with secret.key.
"""

import hashlib
import hmac
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from web.crypto.vault import SUB_KEY, BrokenSeal, Vault

MAGIC = b"painel-copia 1\n"
MAC_LINE = hashlib.sha256().digest_size * 2 + 1  # hexadecimal, and the end of the line
LINE = 256  # no line of the header is longer
PIECE = 1 << 20  # bytes in memory at once


class NoProof(Exception):
    """The file has no such header: it is something else, or a copy from before copies had headers."""


class Altered(Exception):
    """The MAC is wrong: the file was changed, damaged or cut short."""


class OtherKey(Exception):
    """Its argument is the fingerprint of the secret.key that the copy needs."""


def write(database: Path, out: BinaryIO, vault: Vault, fingerprint: str) -> None:
    """Write a copy of `database`, whose values are sealed with the key of this fingerprint; raises BrokenSeal when that
    key is no longer in secret.key."""
    sealed = vault.seal(SUB_KEY, "copies", vault.sub_keys.copies, fingerprint=fingerprint)
    header = MAGIC + f"{fingerprint}\n{sealed.hex()}\n".encode("ascii")
    mac = hmac.new(vault.sub_keys.copies, header, hashlib.sha256)
    out.write(header + bytes(MAC_LINE))
    with database.open("rb") as content:
        for piece in _pieces(content):
            mac.update(piece)
            out.write(piece)
    out.seek(len(header))
    out.write(_line(mac))
    out.flush()
    os.fsync(out.fileno())


def extract(file: Path, database: Path, vault: Vault) -> None:
    """Write the database of a copy into the file `database`. When this raises, that file must not be opened.

    Raises NoProof, Altered or OtherKey.
    """
    with file.open("rb") as copy, database.open("wb") as out:
        if copy.readline(LINE) != MAGIC:
            raise NoProof
        fingerprint, sealed, stated_mac = (copy.readline(LINE) for _ in range(3))
        key = _key(fingerprint, sealed, vault)
        mac = hmac.new(key, MAGIC + fingerprint + sealed, hashlib.sha256)
        for piece in _pieces(copy):
            mac.update(piece)
            out.write(piece)
        if not hmac.compare_digest(stated_mac, _line(mac)):
            raise Altered


def _key(fingerprint: bytes, sealed: bytes, vault: Vault) -> bytes:
    try:
        needed, value = fingerprint.decode("ascii").strip(), bytes.fromhex(sealed.decode("ascii"))
        if bytes.fromhex(needed) not in [bytes.fromhex(key.fingerprint) for key in vault.keys]:
            raise OtherKey(needed)
        return vault.unseal(SUB_KEY, "copies", value)
    except (ValueError, BrokenSeal):
        raise Altered from None


def _line(mac: hmac.HMAC) -> bytes:
    return mac.hexdigest().encode("ascii") + b"\n"


def _pieces(content: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: content.read(PIECE), b"")
