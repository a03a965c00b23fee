"""People: their names and passwords."""

import re

from starlette.requests import Request

from db import accounts, attempts
from db.accounts import Account
from db.database import Transaction
from web.activity import network
from web.cookies import digest
from web.factors import password as rules
from web.factors.password import Refusal
from web.limits import PASSWORD_BACKOFF_PAIR
from web.panel import Panel

TOO_MANY_PASSWORDS = "Foram muitas senhas erradas. Tente de novo em"
RESERVED = {"root", "system", "sistema", "terminal", "painel", "security", "seguranca", "suporte"}
NAME_RULE = (
    "Use de 3 a 32 letras minúsculas sem acento, números, ponto, hífen ou sublinhado; comece por letra ou número."
)
REASONS = {
    Refusal.BROKEN_TEXT: "A senha tem um caractere que chegou quebrado. Digite-a de novo.",
    Refusal.TOO_SHORT: "A senha precisa de pelo menos {minimum} caracteres. Três ou quatro palavras já bastam.",
    Refusal.TOO_LONG: "A senha passa de 256 caracteres.",
    Refusal.COMMON: "Esta senha está nas listas das mais usadas. Escolha outra.",
    Refusal.CONTEXT: "Esta senha se apoia no nome da conta ou do painel. Escolha outras palavras.",
    Refusal.GUESSABLE: "Esta senha é fácil de adivinhar. Junte mais uma ou duas palavras.",
}


def read_name(typed: str) -> str:
    """One spelling: lower case. What surrounds it stays, so that a blank is refused instead of lost."""
    return typed.lower()


def name_refusal(name: str) -> str:
    """Why this cannot name an account, or "" when it can."""
    if name in RESERVED:
        return "Este nome é reservado. Escolha outro."
    return "" if re.fullmatch(r"[a-z0-9][a-z0-9._-]{2,31}", name) else NAME_RULE


def password_refusal(panel: Panel, password: str, repeated: str, *, name: str) -> dict[str, str]:
    """What is wrong with a new password, a sentence per field."""
    minimum = panel.settings.password_min
    if reason := rules.refusal(password, minimum=minimum, context=(name, *panel.settings.name.split())):
        return {"password": REASONS[reason].format(minimum=minimum)}
    return {} if password == repeated else {"repeated": "As duas senhas não são iguais."}


async def hash_password(panel: Panel, password: str) -> str:
    """A PHC string, made off the event loop; raises TooBusy."""
    return await panel.hashes.run(rules.hash_password, password, panel.settings.hash_cost, panel.token_bytes)


async def set_password(tx: Transaction, panel: Panel, account_id: int, phc: str) -> None:
    await accounts.set_password(tx, account_id, panel.seal.close("password", account_id, phc.encode("ascii")))


async def knows_password(panel: Panel, account: Account | None, password: str) -> bool:
    """Whether it is the account's password. Somebody unknown costs the same hash; raises TooBusy."""
    if not rules.is_hashable(password):
        return False
    if account is None or account.sealed_password is None:
        await panel.hashes.run(rules.hash_password, password, panel.settings.hash_cost, panel.token_bytes)
        return False
    phc = panel.seal.open("password", account.id, account.sealed_password).decode("ascii")
    if not await panel.hashes.run(rules.matches, phc, password):
        return False
    if rules.is_outdated(phc, panel.settings.hash_cost):
        fresh = await hash_password(panel, password)
        async with panel.db.transaction() as tx:
            await set_password(tx, panel, account.id, fresh)
    return True


def password_key(request: Request, name: str) -> bytes:
    """Whose password is being tried from where, as the attempts table knows it: two digests, the name's first."""
    return digest(name) + digest(network(request))


async def charge_password(tx: Transaction, request: Request, name: str) -> attempts.Attempts:
    """Count one try at this name from this network (known or not, names cost alike)."""
    return await attempts.charge(
        tx,
        "password",
        password_key(request, name),
        at=Panel.of(request).now(),
        wait_after=PASSWORD_BACKOFF_PAIR.wait_after,
    )


async def forgive_password(tx: Transaction, request: Request, name: str) -> None:
    await attempts.forgive(tx, "password", password_key(request, name))
