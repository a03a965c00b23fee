"""argon2id (RFC 9106), the one thing in this program that takes time, on purpose. Every hash is made here.

A hash fills one large block of memory. When the system has to find and clear small pages for it each time, a third of
the time goes there: so it is asked for in huge pages, where the system has them, and kept for the next hash. argon2
wipes a block before it lets go of it, and blocks that nobody needs for a while are given back.
"""

import base64
import contextlib
import mmap
from dataclasses import dataclass
from typing import Any, Self

from web.limits import Cost

TAG_BYTES = 32
HUGE_PAGE = 2 * 1024 * 1024
PROBES = (Cost(memory_kib=64, passes=2, lanes=1), Cost(memory_kib=3000, passes=1, lanes=1))


@dataclass(frozen=True)
class Phc:
    """What is stored of a password, in the PHC string format."""

    cost: Cost
    salt: bytes
    tag: bytes

    def __str__(self) -> str:
        salt, tag = (base64.b64encode(part).rstrip(b"=").decode("ascii") for part in (self.salt, self.tag))
        return f"$argon2id$v=19${self.cost}${salt}${tag}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises ValueError for anything but what `str` makes."""
        kind, cost, salt, tag = text.removeprefix("$").replace("$v=19$", "-19$", 1).split("$")
        if kind != "argon2id-19":
            raise ValueError(kind)
        return cls(Cost.read(cost), _decoded(salt), _decoded(tag))


class Argon2id:
    """Made for several threads: each hash that runs has a block of its own."""

    def __init__(self, *, keeps_memory: bool = True) -> None:
        self._idle: list[_Block] = []
        self._keeps_memory, self._uses_blocks = keeps_memory, False

    def use_blocks(self) -> bool:
        """From here on, if `PasswordHasher` takes what is made in them; False when it does not."""
        self._uses_blocks = all(self._is_right(cost) for cost in PROBES for _ in ("a fresh block", "a used one"))
        return self._uses_blocks

    def digest(self, secret: bytes, salt: bytes, cost: Cost) -> bytes:
        return (self._in_block if self._uses_blocks else _plain)(secret, salt, cost)

    def rest(self) -> None:
        """Give the blocks back to the system."""
        self._idle.clear()

    def _in_block(self, secret: bytes, salt: bytes, cost: Cost) -> bytes:
        try:
            block: _Block | None = self._idle.pop()
        except IndexError:  # every other one is in use
            block = None
        if block is None or block.size != cost.memory_kib * 1024:
            block = _Block(cost.memory_kib * 1024)
        tag = block.digest(secret, salt, cost)
        if self._keeps_memory:
            self._idle.append(block)
        return tag

    def _is_right(self, cost: Cost) -> bool:
        import argon2

        secret, salt = "girafa à noite", b"a salt of 16 byt"
        try:
            tag = self._in_block(secret.encode(), salt, cost)
            return argon2.PasswordHasher().verify(str(Phc(cost, salt, tag)), secret)
        except Exception:  # whatever goes wrong with memory of our own, there is the plain way
            return False


class _Block:
    def __init__(self, size: int) -> None:
        from argon2.low_level import ffi  # argon2 loads with the first hash, not with the program

        self.size = size
        self._memory = mmap.mmap(-1, size + HUGE_PAGE, access=mmap.ACCESS_COPY)  # private, or no huge pages
        with contextlib.suppress(AttributeError, OSError):  # no huge pages here
            self._memory.madvise(mmap.MADV_HUGEPAGE)
        self._view = ffi.from_buffer("uint8_t[]", self._memory)
        first = self._view + -int(ffi.cast("uintptr_t", self._view)) % HUGE_PAGE

        def allocate(place: Any, wanted: int) -> int:
            if wanted > size:
                return -1
            place[0] = first
            return 0

        self._allocate = ffi.callback("int(uint8_t **, size_t)", allocate)
        self._free = ffi.callback("void(uint8_t *, size_t)", lambda *_: None)

    def digest(self, secret: bytes, salt: bytes, cost: Cost) -> bytes:
        from argon2.exceptions import HashingError
        from argon2.low_level import ARGON2_VERSION, Type, core, error_to_str, ffi

        tag = ffi.new("uint8_t[]", TAG_BYTES)
        context = ffi.new(
            "argon2_context *",
            {
                "out": tag,
                "outlen": TAG_BYTES,
                "pwd": ffi.from_buffer("uint8_t[]", secret),
                "pwdlen": len(secret),
                "salt": ffi.from_buffer("uint8_t[]", salt),
                "saltlen": len(salt),
                "t_cost": cost.passes,
                "m_cost": cost.memory_kib,
                "lanes": cost.lanes,
                "threads": cost.lanes,
                "version": ARGON2_VERSION,
                "allocate_cbk": self._allocate,
                "free_cbk": self._free,
            },
        )
        if code := core(context, Type.ID.value):
            raise HashingError(error_to_str(code))
        return bytes(ffi.buffer(tag))


def _plain(secret: bytes, salt: bytes, cost: Cost) -> bytes:
    from argon2.low_level import Type, hash_secret_raw

    return hash_secret_raw(secret, salt, cost.passes, cost.memory_kib, cost.lanes, TAG_BYTES, Type.ID)


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
