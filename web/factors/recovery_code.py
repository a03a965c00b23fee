"""Recovery codes: ten, each opens one login in place of the app (NIST SP 800-63B-4 §4.2.1.1)."""

from collections.abc import Callable

import argon2.low_level

from web.factors import written_code
from web.limits import RECOVERY_BITS, RECOVERY_CODES, Cost


def new_set(token_bytes: Callable[[int], bytes]) -> list[str]:
    return [written_code.new(token_bytes, bits=RECOVERY_BITS) for _ in range(RECOVERY_CODES)]


def digest(code: str, salt: bytes, cost: Cost) -> bytes:
    """Argon2id with the salt that a whole set shares, so that one attempt costs one hash. Takes a normalised code."""
    return argon2.low_level.hash_secret_raw(
        code.encode("utf-8"),
        salt,
        time_cost=cost.passes,
        memory_cost=cost.memory_kib,
        parallelism=cost.lanes,
        hash_len=32,
        type=argon2.low_level.Type.ID,
    )


def is_well_formed(code: str) -> bool:
    """Whether a normalised code could be one, told before any hash is spent on it."""
    return len(code) == RECOVERY_BITS // 5 and set(code) <= set(written_code.ALPHABET)
