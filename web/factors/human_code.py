"""Codes that people copy by hand: set-up, activation and recovery codes, in Crockford's base32."""

import hashlib
from collections.abc import Callable

from web.words.characters import joined

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O, U: https://www.crockford.com/base32.html
LOOK_ALIKES = str.maketrans("OIL", "011")


def new(token_bytes: Callable[[int], bytes], *, bits: int) -> str:
    """A random code of `bits` bits, a multiple of 40, without separators."""
    number = int.from_bytes(token_bytes(bits // 8))
    return "".join(ALPHABET[number >> shift & 31] for shift in range(bits - 5, -1, -5))


def grouped(code: str) -> str:
    """In groups of four: `ABCD-EFGH-…`."""
    return "-".join(code[i : i + 4] for i in range(0, len(code), 4))


def read(typed: str) -> str:
    """One spelling for all: case, separators of any kind and look-alikes (O, I, L) do not matter."""
    return joined(typed).upper().translate(LOOK_ALIKES)


def digest(code: str) -> bytes:
    """SHA-256; enough for codes of 112 bits and more (ASVS V6.5.2)."""
    return hashlib.sha256(code.encode("utf-8")).digest()
