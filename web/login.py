"""Signing in and out: the password step, and the only place where a session begins."""

import sqlite3

from starlette.requests import Request
from starlette.responses import Response

from db import accounts, half_logins, notices, policy, sessions
from db.accounts import Account
from db.database import Transaction
from db.sessions import Former
from web import cookies, forms, log, trusted_devices
from web.accounts import Tried, read_name, set_password, stored_phc, try_password
from web.activity import note
from web.cookies import Cookie
from web.hash_pool import TooBusy
from web.limits import BUSY_RETRY, HALF_LOGIN_TTL, HALF_LOGINS_LIVE, SESSIONS_LIVE
from web.notices import tell, tell_of_login, tell_of_password
from web.page import go, is_partial, later, page
from web.panel import Panel
from web.redirects import HOME, safe_path
from web.visitor import network, user_agent

WRONG = "Usuário ou senha incorretos."
BUSY = "O painel está ocupado. Tente de novo em alguns segundos."


NOT_WRITTEN_DOWN = "gravar"
REASONS = {
    "cookie": "O que você digitou estava certo, mas o navegador não devolveu o cookie que o painel deu. Permita "
    "cookies para este endereço, confira se ele começa com https:// e entre de novo.",
    "duplicado": "Outro site deste mesmo endereço gravou um cookie com o nome do cookie do painel, e não dá para saber "
    "quem é você. O painel tentou removê-lo. Se isto voltar, apague no navegador os cookies deste endereço.",
    NOT_WRITTEN_DOWN: "Você saiu deste navegador, mas o servidor não conseguiu registrar o fim da sessão: ela só acaba "
    "por falta de uso. Se mais alguém mexe neste aparelho, avise quem cuida do painel.",
}


async def form(request: Request) -> Response:
    """With a reason why somebody is here again, it leads nowhere by itself: what it leads to may lead back."""
    is_doubled = any(cookies.jar_of(request).is_doubled(one) for one in (Cookie.SESSION, Cookie.HALF_LOGIN))
    reason = REASONS.get("duplicado" if is_doubled else request.query_params.get("motivo", ""), "")
    if request.state.session and not reason:
        return go(request, "/")
    if request.state.half_login and not reason:
        return go(request, "/login/code")
    response = show_form(request, safe_path(request.query_params.get("next")), error=reason)
    for one in (Cookie.SESSION, Cookie.HALF_LOGIN):
        cookies.jar_of(request).remove_planted(response, one)
    return response


async def enter(request: Request) -> Response:
    """The password step. With a second factor it leads to the challenge, else into the panel."""
    typed = await forms.read(request, "name", "password", optional=("next",))
    name, next = read_name(typed["name"]), safe_path(typed["next"])
    account = await accounts.find(Panel.of(request).db, name)
    try:
        async with try_password(request, name, account, typed["password"]) as tried:
            if tried.wait:
                return later(show_form(request, next, name, tried.refusal, 429), tried.wait)
            if account is None or not tried.is_right:
                return show_form(request, next, name, WRONG, 422)
            return await _pass(request, account, next, tried)
    except TooBusy:
        return later(show_form(request, next, name, BUSY, 503), BUSY_RETRY)


async def leave(request: Request) -> Response:
    """Sign out, or give up a login half way; the cookie is worthless from here on.

    Where that cannot be written down, the browser forgets its cookies all the same, and the person is told.
    """
    await forms.read(request)
    try:
        await _end(request)
        response = go(request, "/login")
    except sqlite3.OperationalError as refused:
        log.trouble("session.unended", refused)
        response = go(request, f"/login?motivo={NOT_WRITTEN_DOWN}")
    for one in (Cookie.SESSION, Cookie.HALF_LOGIN, Cookie.TYPED):
        cookies.jar_of(request).owe(one, None)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'  # "cookies" would reach sibling sites too
    return response


async def _end(request: Request) -> None:
    half_login = request.state.half_login
    async with Panel.of(request).db.transaction() as tx:
        if session := request.state.session or await _former_session(tx, request):
            await sessions.end(tx, session.id, owner=session.account_id)
            await note(tx, request, session.account_id, "session.ended")
        if half_login:
            await half_logins.end(tx, half_login.digest)


async def _former_session(tx: Transaction, request: Request) -> Former | None:
    """Another tab may have proved who it is a moment ago, and this one sent the cookie of before."""
    token = cookies.jar_of(request).read(Cookie.SESSION)
    return await sessions.find_former(tx, token, at=Panel.of(request).now()) if token else None


async def complete_login(tx: Transaction, request: Request, account_id: int, method: str) -> str:
    """Begin a session; the only place where one begins. Returns its token for `signed_in`."""
    panel, at = Panel.of(request), Panel.of(request).now()
    if old := request.state.session:
        await sessions.end(tx, old.id, owner=old.account_id)
        await note(tx, request, old.account_id, "session.ended", "login")
    token, session_id = cookies.new_token(panel), panel.token_bytes(8).hex()
    await sessions.begin(
        tx,
        account_id,
        cookies.digest(token),
        id=session_id,
        method=method,
        network=network(request),
        user_agent=user_agent(request),
        at=at,
        ends_at=at + panel.settings.session_max,
    )
    await tell_of_login(tx, request, account_id, session_id)
    if method == "recovery":
        await tell(tx, request, account_id, "recovery_used", session_id=session_id)
    if method != "password" or not (await policy.get(tx)).requires_two_factor(at):
        await trusted_devices.trust(tx, request, account_id)  # everything asked for was given
    await note(tx, request, account_id, "session.started", method, session_id=session_id)
    for _ in await sessions.end_beyond(tx, account_id, newest=session_id, keep=SESSIONS_LIVE):
        await note(tx, request, account_id, "session.ended", "limit")
    return token


def signed_in(request: Request, token: str, path: str) -> Response:
    response = go(request, path)
    cookies.jar_of(request).give(response, Cookie.SESSION, token)
    cookies.jar_of(request).take(response, Cookie.HALF_LOGIN)
    return response


async def _pass(request: Request, known: Account, next: str, tried: Tried) -> Response:
    """The password was right, if it still is the account's: it may have been reset while it was hashed."""
    panel = Panel.of(request)
    async with panel.db.transaction() as tx:
        account = await accounts.get(tx, known.id)
        if account is None or stored_phc(panel, account) != tried.phc:
            await tried.charge.fail(tx, request, known.id, "login.password_failed")
            return show_form(request, next, known.name, WRONG, 422)
        if tried.fresh_phc:
            await set_password(tx, panel, account.id, tried.fresh_phc)
        await tried.charge.accept(tx)
        await note(tx, request, account.id, "login.password_ok")
        if not account.has_two_factor:
            return signed_in(request, await complete_login(tx, request, account.id, "password"), next)
        token = await _begin_half_login(tx, request, account.id, next)
    if is_partial(request):
        response = page(
            request, "two_factor/challenge.html", block="form", account_name=account.name, error="", is_over=False
        )
    else:
        response = go(request, "/login/code")
    cookies.jar_of(request).give(response, Cookie.HALF_LOGIN, token)
    return response


async def _begin_half_login(tx: Transaction, request: Request, account_id: int, next: str) -> str:
    """Returns its token."""
    panel, at = Panel.of(request), Panel.of(request).now()
    token = cookies.new_token(panel)
    digest = cookies.digest(token)
    if old := request.state.half_login:
        await half_logins.end(tx, old.digest)
        await notices.carry(tx, old.digest, owner=account_id, to=digest)
    await tell_of_password(tx, request, account_id, waits_for=digest)
    await half_logins.begin(
        tx,
        account_id,
        digest,
        next=next,
        at=at,
        ends_at=at + HALF_LOGIN_TTL,
        is_trusted=await trusted_devices.recognise(tx, request, account_id) is not None,
        keep=HALF_LOGINS_LIVE,
    )
    return token


def show_form(
    request: Request, next: str = HOME, name: str = "", error: str = "", status: int = 200, *, notice: str = ""
) -> Response:
    return page(
        request, "login/form.html", block="form", status=status, next=next, name=name, error=error, notice=notice
    )
