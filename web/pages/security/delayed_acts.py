"""Impedir: the person stops what an administrator began with their account, with one code."""

from starlette.responses import Response

from db import delayed_acts
from db.database import Transaction
from db.delayed_acts import Kind
from web.auth.delayed_acts import stop as stop_act
from web.auth.outcome import Accepted, Refused
from web.auth.totp import try_code
from web.http import errors, forms
from web.http.page import later, page
from web.http.refusals import sentence, status_of
from web.visit.visit import SignedIn, VerifiedNow
from web.visit.visitor import session_transaction

STOPPED = "Impedido: nada muda na sua conta. Quem administra o painel foi avisado."
NOTHING_BEGUN = "Nada está marcado para a sua conta."


async def stop(visit: SignedIn) -> Response:
    """All that was begun at once: who did not know of one did not know of the other."""
    typed, account_id = (await forms.read(visit, "code"))["code"], visit.session.account_id
    if not await delayed_acts.about(visit.panel.db, account_id):
        return _show(visit, done=NOTHING_BEGUN)
    async with try_code(visit, account_id, typed) as judge:
        if isinstance(judge, Refused):
            return _show(visit, refused=judge)
        async with session_transaction(visit) as tx:
            outcome = await judge(tx)
            if not isinstance(outcome, Accepted):
                return _show(visit, refused=outcome)
            return await _stop(tx, visit)


async def stop_proved(visit: VerifiedNow) -> Response:
    """Without the app's code: whoever has a passkey alone, or only the sheet at hand, has proved themselves by it.

    A password alone stops nothing: somebody else may have it, and the link be what takes it from them.
    """
    await forms.read(visit)
    if not visit.session.has_two_factor:
        return errors.deny(visit, 403, "own factor", advice="Ative antes os seus dois fatores, em Segurança.")
    async with session_transaction(visit) as tx:
        return await _stop(tx, visit)


async def _stop(tx: Transaction, visit: SignedIn) -> Response:
    stopped = [await stop_act(tx, visit, visit.session.account_id, kind) for kind in Kind]
    return _show(visit, done=STOPPED if any(stopped) else NOTHING_BEGUN)


def _show(visit: SignedIn, *, done: str = "", refused: Refused | None = None) -> Response:
    response = page(
        visit,
        "delayed_acts/stop.html",
        block="form",
        retarget="#delayed",
        status=status_of(refused) if refused else 200,
        done=done,
        stop_error=sentence(refused) if refused else "",
    )
    return later(response, refused.wait) if refused else response
