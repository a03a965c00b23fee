"""Passwords: which ones are refused, how they are hashed and checked (NIST SP 800-63B-4 §3.1.1, ASVS V6.2)."""

import hmac
import re
import threading
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto
from functools import cache
from itertools import chain
from typing import NamedTuple

from web.crypto.argon2id import Argon2id, Phc
from web.limits import (
    PASSWORD_JUDGED,
    PASSWORD_MAX,
    PASSWORD_MAX_BYTES,
    PASSWORD_READINGS,
    PASSWORD_SCORE,
    SALT_BYTES,
    Cost,
)

CONTEXT_REST = 6  # code points that must remain once the context words are taken out
CONTEXT_WORDS = ("senha", "admin", "painel", "zapi", "z-api", "whatsapp")
BRAZILIAN_COMMON = frozenset(
    """
    acessoacesso amoreterno12 bemvindo1234 brasil123456 brasilbrasil corinthians1 deusefiel123 deusnocomando
    eusoufeliz12 familia12345 felicidade12 flamengo1234 gremio123456 jesuscristo1 jesusteama12 minhasenha123
    mudar123mudar palmeiras123 saopaulo1234 senha123senha senhasegura12 teamomuito12 trocarsenha1 vascodagama1
    """.split()
)
_one_judgement = threading.Lock()  # zxcvbn puts the context words of a call into a dictionary that all calls share


class Refusal(Enum):
    BROKEN_TEXT = auto()
    TOO_SHORT = auto()
    TOO_LONG = auto()
    COMMON = auto()
    ACCOUNT_NAME = auto()
    PANEL_NAME = auto()  # or its address
    INSTANCE_NAME = auto()
    CONTEXT = auto()  # several of these together
    OBVIOUS = auto()  # words that everybody tries first
    GUESSABLE = auto()
    NOT_REPEATED = auto()  # the second time something else was typed


def is_hashable(password: str) -> bool:
    """False for a password that is too long: it is refused without being hashed, and never cut."""
    password = unicodedata.normalize("NFC", password)
    return len(password) <= PASSWORD_MAX and len(password.encode("utf-8", "replace")) <= PASSWORD_MAX_BYTES


class Judgement(NamedTuple):
    refusal: Refusal | None  # why it may not become a password
    score: int  # zxcvbn's 0 (guessed at once) to 4


def judge(password: str, *, minimum: int, context: Mapping[Refusal, Iterable[str]] | None = None) -> Judgement:
    """`context` are words of the account or the panel, by why they are refused. About 50 ms, whatever was typed."""
    password = unicodedata.normalize("NFC", password)
    names = {why: [word.casefold() for word in words if len(word) > 2] for why, words in (context or {}).items()}
    score = _score(password, [*CONTEXT_WORDS, *chain(*names.values())])
    return Judgement(_refusal(password, minimum, names, score), score)


def _refusal(password: str, minimum: int, names: dict[Refusal, list[str]], score: int) -> Refusal | None:
    if "\ufffd" in password:  # what broken UTF-8 collapses to: many passwords would become one
        return Refusal.BROKEN_TEXT
    if len(password) < minimum:
        return Refusal.TOO_SHORT
    if not is_hashable(password):
        return Refusal.TOO_LONG
    if password.casefold() in BRAZILIAN_COMMON or password.casefold() in _common():
        return Refusal.COMMON
    if leaning := _leaning(names, password.casefold()):
        return leaning
    return Refusal.GUESSABLE if score < PASSWORD_SCORE else None


def _leaning(names: dict[Refusal, list[str]], password: str) -> Refusal | None:
    """Which words it leans on: those of one kind, or else of several."""
    every = list(chain(*names.values()))
    kinds = {**names, Refusal.CONTEXT: every, Refusal.OBVIOUS: [*CONTEXT_WORDS, *every]}
    return next((why for why, words in kinds.items() if _leans_on(words, password)), None)


def _score(password: str, words: list[str]) -> int:
    """zxcvbn's score of the beginning that `_judged` chooses; an empty password scores 0."""
    if not password:
        return 0
    from zxcvbn import zxcvbn  # its word lists take a while to load and are needed only when a password is set

    with _one_judgement:
        return int(zxcvbn(_judged(password), user_inputs=words)["score"])


def _judged(password: str) -> str:
    """The longest beginning that costs zxcvbn no more than PASSWORD_READINGS; the rest could only make it stronger.

    zxcvbn looks up every substring (their number grows with the square of the length) in each reading of its
    characters as letters.
    """
    for length in range(1, min(len(password), PASSWORD_JUDGED) + 1):
        if length**2 * _readings(frozenset(password[:length])) > PASSWORD_READINGS:
            return password[: length - 1]
    return password[:PASSWORD_JUDGED]


def _readings(characters: frozenset[str]) -> int:
    """In how many ways zxcvbn reads characters that may stand for letters (`4` for a, `1` for i): up to hundreds."""
    from zxcvbn.matching import L33T_TABLE, enumerate_l33t_subs, relevant_l33t_subtable

    return 2 + len(enumerate_l33t_subs(relevant_l33t_subtable(sorted(characters), L33T_TABLE)))  # also as typed, twice


def make_phc(argon2id: Argon2id, password: str, cost: Cost, token_bytes: Callable[[int], bytes]) -> str:
    """The PHC string. NFC is the only change made to what was typed."""
    salt = token_bytes(SALT_BYTES)
    return str(Phc(cost, salt, argon2id.digest(_bytes(password), salt, cost)))


def matches(argon2id: Argon2id, phc: str, password: str) -> bool:
    stored = Phc.read(phc)
    try:
        return hmac.compare_digest(argon2id.digest(_bytes(password), stored.salt, stored.cost), stored.tag)
    except UnicodeEncodeError:  # a lone surrogate has no bytes to compare
        return False


def is_outdated(phc: str, cost: Cost) -> bool:
    return Phc.read(phc).cost != cost


def _bytes(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode()


@cache
def _common() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])


def _leans_on(words: list[str], password: str) -> bool:
    """Whether too little is left once these words, digits and punctuation are taken out."""
    rest = password
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "")
    return rest != password and len(re.sub(r"[\W\d_]", "", rest)) < CONTEXT_REST
