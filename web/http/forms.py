"""What a person posted: a few named fields, each once, nothing else."""

import asyncio
import base64
from urllib.parse import parse_qsl, urlencode

from starlette.exceptions import HTTPException
from starlette.responses import Response

from web.limits import BODY_PATIENCE, FIELD_MAX, FIELDS_MAX, TYPED_MAX
from web.visit.cookies import Cookie
from web.visit.visit import SignedIn, Visit

# Posted fields that no answer sends back in readable form.
SECRETS = {"answer", "code", "codes", "current", "current_proved", "password", "repeated"}
SECRETS |= {"step_up_password", "step_up_code", "step_up_recovery", "step_up_passkey", "step_up_kept"}
SECRETS |= {"proof_password", "proof_code", "proof_recovery", "proof_kept"}  # of a page left open across an upgrade
URLENCODED = "application/x-www-form-urlencoded"


async def read(visit: Visit, *names: str, optional: tuple[str, ...] = ()) -> dict[str, str]:
    """The fields `names` and `optional` ("" when absent); 415 for another type, 422 for any other set of fields."""
    form = await _load(visit)
    if set(form) - {*names, *optional} or set(names) - set(form):
        raise HTTPException(422)
    return {name: form.get(name, "") for name in (*names, *optional)}


async def pop(visit: Visit, *names: str) -> dict[str, str]:
    """Take these fields out of the form, before a handler reads the rest."""
    form = await _load(visit)
    return {name: form.pop(name) for name in names if name in form}


async def peek(visit: Visit, name: str) -> str:
    """One field, left where it is; "" when it was not posted."""
    return (await _load(visit)).get(name, "")


async def remaining(visit: Visit) -> tuple[dict[str, str], dict[str, str]]:
    """The posted fields that were not popped: those that may be shown, and the secrets."""
    form = await _load(visit)
    return {n: v for n, v in form.items() if n not in SECRETS}, {n: v for n, v in form.items() if n in SECRETS}


async def put_back(visit: Visit, fields: dict[str, str]) -> None:
    """Add fields that were posted earlier, as if they had come with this request."""
    (await _load(visit)).update(fields)


async def remember(visit: Visit, response: Response, path: str, owner: int) -> None:
    """Let the browser remember what `owner` typed, secrets apart, until `path` is opened again in a few minutes."""
    try:
        readable, _ = await remaining(visit)
    except HTTPException:  # a form that no page of ours has
        return
    hand_on(visit, response, path, owner, readable)


def hand_on(visit: Visit, response: Response, path: str, owner: int, fields: dict[str, str]) -> None:
    """Give the page that `owner` opens next at `path` these fields, once; nothing secret."""
    text = base64.urlsafe_b64encode(f"{owner} {path}?{urlencode(fields)}".encode()).decode("ascii")
    if fields and len(text) <= TYPED_MAX:
        visit.jar.set(response, Cookie.TYPED, text)


def typed_before(visit: SignedIn) -> dict[str, str]:
    """What this person typed on this page after the session had ended, or was handed on to it. It is returned
    once, then deleted."""
    try:
        text = base64.urlsafe_b64decode(visit.jar.value(Cookie.TYPED) or "").decode()
    except ValueError:
        return {}
    address, _, typed = text.partition("?")
    if address != f"{visit.session.account_id} {visit.path}":
        return {}
    visit.jar.queue(Cookie.TYPED, None)
    return dict(parse_qsl(typed))


async def _load(visit: Visit) -> dict[str, str]:
    if visit.request.method != "POST":  # no browser sends a form with a HEAD, so it must not prove anything
        return {}
    if visit.arrival.form is None:
        _check_type(visit)
        try:
            async with asyncio.timeout(BODY_PATIENCE.total_seconds()):
                posted = await visit.request.form(max_files=0, max_fields=FIELDS_MAX, max_part_size=FIELD_MAX)
        except TimeoutError:
            raise HTTPException(408, headers={"Connection": "close"}) from None
        except HTTPException as refused:
            raise HTTPException(413 if refused.status_code == 413 else 422) from refused
        finally:
            visit.arrival.at = visit.panel.now()  # it may have come in slowly
        pairs = posted.multi_items()
        if len(pairs) != len(dict(pairs)):
            raise HTTPException(422)  # the same field twice: which one would count?
        visit.arrival.form = {name: str(value) for name, value in pairs}
    return visit.arrival.form


def _check_type(visit: Visit) -> None:
    kind = visit.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_empty = not kind and visit.request.headers.get("content-length", "0") == "0"
    if kind != URLENCODED and not is_empty:
        raise HTTPException(415)
