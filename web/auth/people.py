"""Accounts: what they may be called."""

import re
from enum import Enum, auto

from web.words.characters import trim

RESERVED = {"root", "system", "sistema", "terminal", "painel", "security", "seguranca", "suporte"}


class NameRefusal(Enum):
    """Why nobody gets this name. Each has its sentence in web/http/refusals.py."""

    RESERVED = auto()
    MALFORMED = auto()


def read_name(typed: str) -> str:
    """One spelling: lower case, without the blank that a phone's keyboard adds."""
    return trim(typed).lower()


def name_refusal(name: str) -> NameRefusal | None:
    """Why this cannot name an account; None when it can."""
    if name in RESERVED:
        return NameRefusal.RESERVED
    return None if re.fullmatch(r"[a-z0-9][a-z0-9._-]{2,31}", name) else NameRefusal.MALFORMED
