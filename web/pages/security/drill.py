"""Simulado do dia ruim: two minutes that show, before it is needed, that somebody without their phone gets in."""

from datetime import timedelta

from starlette.responses import Response

from db import recovery_codes
from db.recovery_codes import RecoverySet
from web.auth.outcome import Refused
from web.auth.recovery_codes import try_rehearsal
from web.factors import recovery_code
from web.http import forms
from web.http.page import go, later, page
from web.http.refusals import sentence, status_of
from web.limits import REHEARSAL_AGAIN
from web.visit.visit import RecentlyVerified, SignedIn

FRESH = timedelta(minutes=30)  # how long ago a code may have been checked that this drill goes by


async def show(visit: SignedIn) -> Response:
    """The sheet; at the end (`passo=fim`) what was proved, as far as it was."""
    codes = await _codes(visit)
    if visit.request.query_params.get("passo") != "fim":
        return _show(visit, "sheet", codes)
    if codes is None or codes.rehearsed_at is None or visit.at - codes.rehearsed_at > FRESH:
        return go(visit, "/security/drill")
    return _show(visit, "end", codes)


async def check(visit: RecentlyVerified) -> Response:
    """Check one code of the sheet without spending it; without one, ask for it."""
    typed = (await forms.read(visit, optional=("code",)))["code"]
    if not typed:
        return _show(visit, "code", await _codes(visit))
    outcome = await try_rehearsal(visit, typed)
    codes = await _codes(visit)
    return _show(visit, "code", codes, outcome) if isinstance(outcome, Refused) else _show(visit, "order", codes)


async def _codes(visit: SignedIn) -> RecoverySet | None:
    return await recovery_codes.find(visit.panel.db, visit.session.account_id)


def _show(visit: SignedIn, stage: str, codes: RecoverySet | None, refused: Refused | None = None) -> Response:
    stages = ("sheet", "code", "order", "end")
    response = page(
        visit,
        "drill/steps.html",
        block="steps",
        retarget="#drill",
        status=status_of(refused) if refused else 200,
        error=sentence(refused) if refused else "",
        stages=[(one, "done" if at < stages.index(stage) else "later") for at, one in enumerate(stages[:3])],
        stage=stage,
        codes=codes,
        fingerprint=recovery_code.fingerprint(codes.salt) if codes else "",
        level=3 if codes and recovery_code.counts_as_protection(codes.left, codes.rehearsed_at, visit.at) else 2,
        again_at=codes.rehearsed_at + REHEARSAL_AGAIN if codes and codes.rehearsed_at else None,
    )
    return later(response, refused.wait) if refused else response
