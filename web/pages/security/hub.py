"""Segurança: what protects the account, and what to do next."""

from datetime import datetime
from typing import NamedTuple

from starlette.responses import Response

from db import accounts, activity, two_factor
from db.two_factor import Overview
from web.audit.events import Event
from web.auth import passkeys
from web.auth.outcome import Reason, Refused
from web.factors import recovery_code
from web.http.page import page
from web.http.refusals import passkey_obstacle, sentence
from web.limits import HUB_LOOKS_BACK, RECOVERY_COUNTS_FROM, RECOVERY_WARN_AT
from web.pages.security.lockdown import way_back
from web.visit.visit import SignedIn
from web.visit.visitor import SessionEnded

# Who switched the second factor off, and what is left of it elsewhere.
REMOVALS: dict[str, tuple[str, str]] = {
    Event.TOTP_REMOVED: (
        "Você desativou",
        "No aplicativo, apague a entrada antiga: o código dela não vale mais.",
    ),
    Event.PASSKEY_LAST_REMOVED: (
        "Você desativou",
        "Apague a chave antiga do aparelho ou do gerenciador de senhas: ela não vale mais.",
    ),
    Event.CLI_RESET_TWO_FACTOR: (
        "Quem cuida do painel desativou",
        "Apague as entradas antigas, no aplicativo e no gerenciador de senhas: não valem mais.",
    ),
}


class Removal(NamedTuple):
    """How the second factor was switched off."""

    who: str
    at: datetime
    left: str


class Codes(NamedTuple):
    """The recovery codes in force as the page may see them."""

    left: int
    made_at: datetime
    rehearsed_at: datetime | None
    fingerprint: str


async def hub(visit: SignedIn) -> Response:
    return await show_hub(visit)


async def show_hub(
    visit: SignedIn,
    *,
    notice: str = "",
    problem: str = "",
    undo_error: str = "",
    rehearsal: str | None = None,
    has_rehearsed: bool = False,
    status: int = 200,
) -> Response:
    """The section Segurança; in place its first group alone. A `rehearsal` asks for a code there, with its error."""
    found = await _overview(visit)
    said: dict[str, object] = {"notice": notice, "problem": problem, "undo_error": undo_error, "rehearsal": rehearsal}
    said |= {"has_rehearsed": has_rehearsed, "why_app_stays": await _why_app_stays(visit, found)}
    said |= {"has_password": found.has_password, "warn_at": RECOVERY_WARN_AT, "enough": RECOVERY_COUNTS_FROM}
    return page(
        visit,
        "two_factor/hub.html",
        block="card",
        retarget="#two-factor",
        active_since=found.confirmed_at,
        is_last_administrator=found.confirmed_at and not found.passkeys and await _is_last_administrator(visit),
        passkeys=found.passkeys,
        is_protected=_is_protected(found),
        passkey_obstacle=passkey_obstacle(visit),
        is_enrolling=found.is_enrolling,
        codes=_codes(found),
        level=_protections(found, visit.at),
        open_sessions=found.open_sessions,
        undo_until=found.undo_ends_at,
        status=status,
        way_back=await way_back(visit),
        removal=None if _is_protected(found) else await _removal(visit),
        **said,
    )


async def _overview(visit: SignedIn) -> Overview:
    panel, session = visit.panel, visit.session
    found = await two_factor.overview(
        panel.db, session.account_id, session_id=session.id, at=visit.at, idle=panel.settings.session_idle
    )
    if found is None:
        raise SessionEnded
    return found


async def _is_last_administrator(visit: SignedIn) -> bool:
    """Hence keeps the second factor (D18)."""
    session = visit.session
    return session.administers and await accounts.is_last_administrator(visit.panel.db, session.account_id)


async def _why_app_stays(visit: SignedIn, found: Overview) -> str:
    """Beside passkeys of another address alone."""
    if not (found.passkeys and found.confirmed_at) or await passkeys.only_one_here(visit.panel.db, visit) != "totp":
        return ""
    return sentence(Refused(Reason.ONLY_FACTOR_HERE))


async def _removal(visit: SignedIn) -> Removal | None:
    """None when the account had no second factor."""
    found = await activity.recent(
        visit.panel.db, visit.session.account_id, among=tuple(REMOVALS), within=HUB_LOOKS_BACK
    )
    if found is None:
        return None
    who, left = REMOVALS[found.event]
    return Removal(who, found.at, left)


def _codes(found: Overview) -> Codes | None:
    if found.salt is None or found.made_at is None:
        return None
    return Codes(found.codes_left, found.made_at, found.rehearsed_at, recovery_code.fingerprint(found.salt))


def _protections(found: Overview, at: datetime) -> int:
    """How many of three guard the login: the password always, an app or a passkey, and recovery codes that were tried
    out."""
    if not _is_protected(found):
        return 1
    return 3 if recovery_code.counts_as_protection(found.codes_left, found.rehearsed_at, at) else 2


def _is_protected(found: Overview) -> bool:
    return found.confirmed_at is not None or found.passkeys > 0


def sessions_ended(count: int) -> str:
    if not count:
        return ""
    return " A outra sessão foi encerrada." if count == 1 else f" As outras {count} sessões foram encerradas."
