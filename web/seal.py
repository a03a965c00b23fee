"""Secrets at rest: AES-256-GCM with a random nonce, bound to their purpose and owner. All encryption is here."""

import hashlib
import hmac
import os
from collections.abc import Callable
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
ID_BYTES = 4


class BrokenSeal(Exception):
    """Sealed with another key, for another purpose or owner, or altered."""


class Seal:
    """A sealed value is: 1 (AES-256-GCM), 4 bytes that name the key, 12 bytes of nonce, ciphertext and tag."""

    def __init__(self, key: bytes, token_bytes: Callable[[int], bytes]) -> None:
        self._aead = AESGCM(key)
        self._token_bytes = token_bytes
        self._tag_key = hmac.digest(key, b"tag", hashlib.sha256)
        digest = hashlib.sha256(key).digest()
        self._head = b"\x01" + digest[:ID_BYTES]
        self.fingerprint = digest[:8].hex()

    def close(self, purpose: str, owner: int | str, secret: bytes) -> bytes:
        nonce = self._token_bytes(NONCE_BYTES)
        return self._head + nonce + self._aead.encrypt(nonce, secret, self._bound_to(purpose, owner))

    def open(self, purpose: str, owner: int | str, sealed: bytes) -> bytes:
        """Raises BrokenSeal."""
        head, nonce, secret = sealed[:5], sealed[5 : 5 + NONCE_BYTES], sealed[5 + NONCE_BYTES :]
        if head != self._head:
            raise BrokenSeal(purpose)
        try:
            return self._aead.decrypt(nonce, secret, self._bound_to(purpose, owner))
        except (InvalidTag, ValueError) as broken:  # ValueError: cut short
            raise BrokenSeal(purpose) from broken

    def tag(self, purpose: str, text: str) -> bytes:
        """A digest of `text` that nobody can try words against without the key."""
        return hmac.digest(self._tag_key, f"{purpose}:{text}".encode("utf-8", "replace"), hashlib.sha256)

    def _bound_to(self, purpose: str, owner: int | str) -> bytes:
        return self._head + f"{purpose}:{owner}".encode()

    @classmethod
    def from_file(cls, file: Path, token_bytes: Callable[[int], bytes]) -> Self:
        """Raises OSError, or ValueError when the file does not hold 32 bytes in hexadecimal."""
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
        if len(key) != KEY_BYTES:
            raise ValueError("not 32 bytes")
        return cls(key, token_bytes)


def create_key_file(file: Path, token_bytes: Callable[[int], bytes]) -> None:
    """Write a new key that only this user may read; raises FileExistsError instead of replacing one."""
    descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(token_bytes(KEY_BYTES).hex() + "\n")
        out.flush()
        os.fsync(out.fileno())
