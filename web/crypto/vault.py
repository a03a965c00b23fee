"""Secrets at rest: AES-256-GCM with a random nonce, bound to their purpose and owner. All encryption is here."""

import hashlib
import hmac
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
ID_BYTES = 4
HEAD_BYTES = 1 + ID_BYTES
SUB_KEY = "sub-key"  # the purpose


class BrokenSeal(Exception):
    """Sealed with another key, for another purpose or owner, or altered."""


class Key:
    """Every value that it seals begins with `head`: a byte for the version of the format, then 4 that name the key.

    Version 2 is AES-256-GCM, bound to purpose, row and account. Values of version 1 (`first_head`) were not all bound
    to an account; only the migration opens them.
    """

    def __init__(self, secret: bytes) -> None:
        digest = hashlib.sha256(secret).digest()
        self.secret = secret
        self.head, self.first_head = (version + digest[:ID_BYTES] for version in (b"\x02", b"\x01"))
        self.fingerprint = digest[:8].hex()
        self.first_tag_key = hmac.digest(secret, b"tag", hashlib.sha256)

    @cached_property
    def aead(self) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # loads when something is sealed or opened

        return AESGCM(self.secret)


@dataclass(frozen=True)
class SubKeys:
    """Random keys that outlive a change of secret.key, which seals them: for links of the activity, copies and tags."""

    chain: bytes
    copies: bytes
    tags: bytes


class Vault:
    """A sealed value is the head of its key, 12 bytes of nonce, ciphertext and tag.

    During a change of keys the file holds two: both open values, and the database tells which one seals them
    (`Panel.seal_in`). The file is read again when it changed, so that a running panel follows `rotate-key`.
    """

    sub_keys: SubKeys  # of the database, once it is open

    def __init__(self, file: Path, token_bytes: Callable[[int], bytes]) -> None:
        """Raises OSError, or ValueError when a line of the file does not hold 32 bytes in hexadecimal."""
        self._file = file
        self.token_bytes = token_bytes
        self.reload()

    @property
    def fingerprint(self) -> str:
        return self.keys[0].fingerprint

    @property
    def first_tag_key(self) -> bytes:
        return self.keys[0].first_tag_key

    def seal(self, purpose: str, owner: int | str, secret: bytes, *, fingerprint: str = "") -> bytes:
        """Seal with the first key, or the one that `fingerprint` names; raises BrokenSeal when the file lacks it."""
        if self._file.stat().st_mtime_ns != self._read_at:
            self.reload()
        key = next((key for key in self.keys if key.fingerprint == (fingerprint or self.fingerprint)), None)
        if key is None:
            raise BrokenSeal(purpose)
        nonce = self.token_bytes(NONCE_BYTES)
        return key.head + nonce + key.aead.encrypt(nonce, secret, _bound_to(key.head, purpose, owner))

    close = seal  # as released migrations call it, which are never edited

    def unseal(self, purpose: str, owner: int | str, sealed: bytes) -> bytes:
        """Raises BrokenSeal."""
        if sealed[:HEAD_BYTES] not in [key.head for key in self.keys]:
            self.reload()
        return _unseal({key.head: key for key in self.keys}, purpose, owner, sealed)

    def is_current(self, purpose: str, owner: int | str, sealed: bytes) -> bool:
        try:
            return bool(self.unseal(purpose, owner, sealed))
        except BrokenSeal:
            return False

    def renew(self, purpose: str, owner: int | str, to: int | str, sealed: bytes) -> bytes:
        """Seal a value of the first format in the current one, for the owner `to`; one that does not open is returned
        as it is."""
        try:
            secret = _unseal({key.first_head: key for key in self.keys}, purpose, owner, sealed)
            return self.seal(purpose, to, secret)
        except BrokenSeal:
            return sealed

    def unseal_sub_keys(self, sealed: Mapping[str, bytes]) -> SubKeys:
        """Raises BrokenSeal, also when one is missing."""
        return SubKeys(*(self.unseal(SUB_KEY, name, sealed.get(name, b"")) for name in ("chain", "copies", "tags")))

    def tag(self, purpose: str, text: str) -> bytes:
        """A keyed digest (HMAC-SHA-256) of `text`: without the key nobody can find the text by trying words."""
        return hmac.digest(self.sub_keys.tags, f"{purpose}:{text}".encode("utf-8", "replace"), hashlib.sha256)

    def reload(self) -> None:
        read_at = self._file.stat().st_mtime_ns
        secrets = [bytes.fromhex(line) for line in self._file.read_text(encoding="ascii").split()]
        if not secrets or any(len(secret) != KEY_BYTES for secret in secrets):
            raise ValueError("not 32 bytes")
        self.keys, self._read_at = [Key(secret) for secret in secrets], read_at


def write_keys(file: Path, secrets: Sequence[bytes]) -> None:
    """Write these keys to the file, all or none, in order: the first one seals.

    Owner and mode of an existing file stay as they are, also when root writes it; a new one is for this user only.
    Raises OSError.
    """
    file = file.resolve()  # behind a link, the file itself
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            if os.name == "posix" and file.exists():
                _copy_owner_and_mode(file, descriptor)
            out.write("".join(f"{secret.hex()}\n" for secret in secrets))
            out.flush()
            os.fsync(descriptor)
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)  # left when writing it failed
    if os.name == "posix":  # the name too must outlive a power cut, before any row is sealed with the new key
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _copy_owner_and_mode(file: Path, descriptor: int) -> None:
    found = file.stat()
    os.fchown(descriptor, found.st_uid, found.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(found.st_mode))


def _unseal(keys: Mapping[bytes, Key], purpose: str, owner: int | str, sealed: bytes) -> bytes:
    head, nonce, secret = sealed[:HEAD_BYTES], sealed[HEAD_BYTES:][:NONCE_BYTES], sealed[HEAD_BYTES + NONCE_BYTES :]
    if head not in keys:
        raise BrokenSeal(purpose)
    from cryptography.exceptions import InvalidTag

    try:
        return keys[head].aead.decrypt(nonce, secret, _bound_to(head, purpose, owner))
    except (InvalidTag, ValueError) as broken:  # ValueError: cut short
        raise BrokenSeal(purpose) from broken


def _bound_to(head: bytes, purpose: str, owner: int | str) -> bytes:
    return head + f"{purpose}:{owner}".encode()
