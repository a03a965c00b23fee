""" "Confirme que é você": every enrolled factor again, in place, before something sensitive goes on by itself.

The form posts to the interrupted action with what was typed there, so one request both proves and acts.
"""

import base64
import re
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode

from starlette.responses import Response

from db import accounts, instances, passkeys
from web.audit import log
from web.auth import offers
from web.auth.outcome import Accepted, Outcome, Proof, Reason, Refused
from web.auth.step_up import Typed, verify, verify_passkey
from web.crypto.vault import BrokenSeal
from web.guards import throttle
from web.http import forms
from web.http.page import later, page
from web.http.redirects import page_above
from web.http.refusals import sentence, status_of
from web.limits import FIELD_MAX
from web.visit.visit import SignedIn

PASSWORD, CODE, RECOVERY, KEPT = "step_up_password", "step_up_code", "step_up_recovery", "step_up_kept"
PASSKEY = "step_up_passkey"


async def demand(visit: SignedIn, *, within: timedelta) -> Accepted | Response:
    """Accepted once every factor is proved: by this request or, not longer ago than `within`, by one before."""
    session = visit.session
    proof = await forms.pop(visit, PASSWORD, CODE, RECOVERY, PASSKEY, KEPT)
    await forms.put_back(visit, _open(visit, proof.pop(KEPT, "")))
    if not proof:
        age = visit.panel.now() - session.verified_at  # below zero when the clock went back since
        return Accepted(Proof.EARLIER) if timedelta(0) <= age < within else await _ask(visit)
    if refused := await throttle.charge(visit, throttle.AUTH):
        return refused
    name, outcome = await _judge(visit, proof)
    match outcome:
        case Accepted():
            visit.arrival.has_typed_password = outcome.proof is not Proof.PASSKEY
            return outcome
        case Refused():
            return await _ask_again(visit, f"step_up_{name}", outcome)


async def _judge(visit: SignedIn, proof: dict[str, str]) -> tuple[str, Outcome]:
    """A passkey proves everything at once; whatever was typed beside it is not looked at."""
    if PASSKEY in proof:
        return "passkey", await verify_passkey(visit, proof[PASSKEY])
    return await verify(visit, Typed(proof.get(PASSWORD, ""), proof.get(CODE, ""), proof.get(RECOVERY, "")))


async def _ask_again(visit: SignedIn, field: str, refused: Refused) -> Response:
    errors, is_dated = {field: sentence(refused)}, refused.reason is Reason.WRONG_CODE_OR_CLOCK
    is_recovering = field == RECOVERY
    response = await _ask(visit, errors, status_of(refused), is_recovering=is_recovering, is_dated=is_dated)
    await throttle.count_failure(visit, throttle.AUTH, response)
    return later(response, refused.wait)


async def _ask(
    visit: SignedIn,
    errors: dict[str, str] | None = None,
    status: int = 403,
    *,
    is_recovering: bool = False,
    is_dated: bool = False,
) -> Response:
    readable, secret = await forms.remaining(visit)
    return page(
        visit,
        "step_up/form.html",
        block="form",
        status=status,
        carried=readable | _seal(visit, secret),
        errors=errors or {},
        is_recovering=is_recovering,
        is_dated=is_dated,
        place=_place(visit),
        offer=await offers.at_step_up(visit),
        way_back=page_above(visit, visit.path),
        purpose=visit.arrival.purpose,
        instance=await _instance(visit),
        person=await _person(visit),
        passkey=await _passkey(visit),
        passkeys_left=await _passkeys_left(visit),
    )


async def _instance(visit: SignedIn) -> str:
    """The name of the one that it is asked for, if it is for one."""
    parts = visit.path.split("/")
    if parts[1] != "instances":
        return ""
    found = await instances.find(visit.panel.db, parts[2], owner=visit.session.account_id)
    return found.name if found else ""


async def _person(visit: SignedIn) -> str:
    """The name of whoever it is asked for, if it is for somebody else."""
    told = re.fullmatch(r"/people/([0-9]{1,18})/.+", visit.path, re.ASCII)
    found = await accounts.get(visit.panel.db, int(told[1])) if told else None
    return found.name if found else ""


async def _passkey(visit: SignedIn) -> str:
    """The name of the one that it is asked for, if it is for one."""
    told = re.fullmatch("/security/passkeys/([^/]+)/.+", visit.path)
    found = await passkeys.get(visit.panel.db, told[1], owner=visit.session.account_id) if told else None
    return found.name if found else ""


async def _passkeys_left(visit: SignedIn) -> int:
    """How many still open the account when its app is removed."""
    is_removal = visit.path == "/security/totp/remove"
    return await passkeys.count(visit.panel.db, visit.session.account_id) if is_removal else 0


def _seal(visit: SignedIn, secret: dict[str, str]) -> dict[str, str]:
    """Secrets that were typed wait in the page, sealed for this session and this action; too long, they do not."""
    if not secret:
        return {}
    kept = _sealed_text(visit, "step-up", visit.path, urlencode(secret).encode("ascii"))
    return {KEPT: kept} if len(kept) <= FIELD_MAX else {}


def _open(visit: SignedIn, kept: str) -> dict[str, str]:
    if not kept:
        return {}
    try:
        typed = _unsealed(visit, "step-up", visit.path, kept)
    except (BrokenSeal, ValueError):  # another session's, another action's, or made up
        log.denied(visit, "seal")
        return {}
    return dict(parse_qsl(typed.decode("ascii"), keep_blank_values=True))


def password_proof(visit: SignedIn) -> str:
    """That the current password was proved: good for this session, until it has to prove itself again."""
    return _sealed_text(visit, "current-password", _last_proof(visit), b"")


def has_proved_password(visit: SignedIn, proof: str) -> bool:
    """Whether this is such a proof, of this session and what it last proved."""
    try:
        _unsealed(visit, "current-password", _last_proof(visit), proof)
    except (BrokenSeal, ValueError):
        return False
    return True


def _last_proof(visit: SignedIn) -> str:
    return str(int(visit.session.verified_at.timestamp()))


def _sealed_text(visit: SignedIn, purpose: str, scope: str, content: bytes) -> str:
    """For a page to carry: only the same session can unseal it again, for the same purpose and scope."""
    sealed = visit.panel.vault.seal(purpose, f"{visit.session.id} {scope}", content)
    return base64.urlsafe_b64encode(sealed).decode("ascii")


def _unsealed(visit: SignedIn, purpose: str, scope: str, text: str) -> bytes:
    """Raises BrokenSeal or ValueError."""
    return visit.panel.vault.unseal(purpose, f"{visit.session.id} {scope}", base64.urlsafe_b64decode(text))


def _place(visit: SignedIn) -> str:
    """The id of what the form stands in for; htmx names its target as `tag#id`."""
    target = re.fullmatch(r"[a-z]+#([A-Za-z][\w-]{0,63})", visit.request.headers.get("hx-target", ""), re.ASCII)
    return target[1] if target else "step-up"
