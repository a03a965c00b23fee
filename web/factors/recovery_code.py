"""Recovery codes: ten, each opens one login in place of the app (NIST SP 800-63B-4 §4.2.1.1)."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime

from web.crypto.argon2id import Argon2id
from web.factors import human_code
from web.limits import RECOVERY_BITS, RECOVERY_CODES, RECOVERY_COUNTS_FROM, REHEARSAL_AGAIN, Cost


def new_set(token_bytes: Callable[[int], bytes]) -> list[str]:
    return [new(token_bytes) for _ in range(RECOVERY_CODES)]


def new(token_bytes: Callable[[int], bytes]) -> str:
    return human_code.new(token_bytes, bits=RECOVERY_BITS)


def digest(argon2id: Argon2id, code: str, salt: bytes, cost: Cost, key: bytes) -> bytes:
    """The HMAC, under the key of the set, of the argon2id hash of a normalised code.

    All codes of a set share a salt, so that one try costs one hash. The key is stored sealed for the account.
    """
    return hmac.digest(key, argon2id.digest(code.encode(), salt, cost), hashlib.sha256)


def fingerprint(salt: bytes) -> str:
    """Tells one set from another on paper and on screen, and says nothing about its codes: `nº 4127`."""
    return f"nº {1000 + int.from_bytes(hashlib.sha256(salt).digest()[:8]) % 9000}"


def counts_as_protection(left: int, rehearsed_at: datetime | None, at: datetime) -> bool:
    """Whether the way back in is one: tried out within half a year, with some codes left to use."""
    return left >= RECOVERY_COUNTS_FROM and rehearsed_at is not None and at - rehearsed_at < REHEARSAL_AGAIN


def is_well_formed(code: str) -> bool:
    """Whether a normalised code could be one, told before any hash is spent on it."""
    return len(code) == RECOVERY_BITS // 5 and set(code) <= set(human_code.ALPHABET)
