"""argon2id (RFC 9106), a hash that is slow on purpose, and the string in which one is stored."""

import base64
from typing import NamedTuple, Self

from web.limits import Cost

TAG_BYTES = 32


class Phc(NamedTuple):
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
    """Computes with argon2-cffi, in the calling thread."""

    def digest(self, secret: bytes, salt: bytes, cost: Cost) -> bytes:
        from argon2.low_level import Type, hash_secret_raw  # argon2 loads with the first hash, not with the program

        return hash_secret_raw(secret, salt, cost.passes, cost.memory_kib, cost.lanes, TAG_BYTES, Type.ID)

    def close(self) -> None:
        """End the processes that compute hashes; this class starts none."""


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
