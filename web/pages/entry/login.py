"""Signing in and out: the password step."""

from starlette.responses import JSONResponse, Response

from db import accounts
from db.endings import Cause
from db.errors import DatabaseError
from web.audit import log
from web.audit.events import Event
from web.audit.record import record_event
from web.auth import offers, passkeys, pending_logins
from web.auth.delayed_acts import carry_out_due
from web.auth.endings import SentOut, why_out
from web.auth.outcome import Proof, Reason, Refused
from web.auth.passkeys import Told
from web.auth.passwords import RightPassword, set_password, stored_phc, try_password
from web.auth.people import read_name
from web.auth.sessions import begin_session, sign_out
from web.auth.tries import wait_for_code
from web.crypto.workers import TooBusy
from web.http import forms
from web.http.page import go, is_partial, later, page
from web.http.redirects import HOME, safe_path
from web.http.refusals import sentence, status_of
from web.limits import BUSY_RETRY, ENROL_ONLY_TTL, PENDING_LOGIN_TRIES, PENDING_LOGIN_TTL, SESSIONS_LIVE
from web.visit.cookies import Cookie
from web.visit.visit import Visit, section_of
from web.words.waits import counted, duration

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
NOT_YOU = "Não foi você? {help}"
SENT_OUT = {
    Cause.IDLE: "Sua sessão terminou depois de {idle} sem uso.{way_back}",
    Cause.EXPIRED: "Sua sessão terminou: cada entrada vale por {longest}.{way_back}",
    Cause.UNENROLLED: f"Passaram os {duration(ENROL_ONLY_TTL)} para ativar os dois fatores. Entre de novo.",
    Cause.ELSEWHERE: f"Outro aparelho desta conta encerrou esta sessão. {NOT_YOU}",
    Cause.LOCKED: f"Esta conta foi bloqueada em outro aparelho, e todas as outras sessões terminaram. {NOT_YOU}",
    Cause.PASSWORD: f"A senha desta conta mudou, e sua sessão terminou. Entre com a senha nova. {NOT_YOU}",
    Cause.FACTOR: f"Os dois fatores desta conta mudaram, e sua sessão terminou. Entre de novo. {NOT_YOU}",
    Cause.LIMIT: f"Uma conta fica aberta em até {SESSIONS_LIVE} navegadores. Este era o parado há mais tempo, e saiu.",
    Cause.OPERATOR: "Quem cuida do painel encerrou sua sessão. Entre de novo.",
    Cause.PASSWORD_ERASED: ("Sua senha foi apagada por quem cuida do painel. Peça o link de ativação e escolha outra."),
    Cause.FACTOR_REMOVED: (
        "Seus dois fatores foram desativados por quem cuida do painel. Entre com a senha e ative-os de novo."
    ),
    Cause.LATE: f"A verificação em duas etapas passou de {duration(PENDING_LOGIN_TTL)}. Entre de novo, com a senha.",
    Cause.MISSES: f"Foram {PENDING_LOGIN_TRIES} códigos incorretos, e aquela entrada terminou. Entre de novo.",
}
CHALLENGES = {"code": "two_factor/challenge.html", "recovery": "two_factor/recovery.html"}
COUNTED_AS = {"code": "totp", "recovery": "recovery"}
WAITING = {
    "code": "Outro código é aceito em {}.",
    "recovery": "Outro código de recuperação é aceito em {}.",
}
FOR_RECOVERY = "/login?com=recuperacao"
PLACES = {"/instances": "Instâncias", "/security": "Segurança", "/policy": "Segurança", "/activity": "Atividade"}
PLACES |= {"/people": "Pessoas"}


async def form(visit: Visit) -> Response:
    """With a reason why somebody is here again, it leads nowhere by itself: what it leads to may lead back.

    Where nobody could enter yet, it tells how to begin.
    """
    is_doubled = any(visit.jar.is_doubled(one) for one in (Cookie.SESSION, Cookie.PENDING_LOGIN))
    reason = REASONS.get("duplicado" if is_doubled else visit.request.query_params.get("motivo", ""), "")
    next = safe_path(visit.request.query_params.get("next"))
    if visit.session and not reason:
        return go(visit, next)
    if visit.pending_login and not reason:
        return go(visit, "/login/code")
    if not await accounts.exist(visit.panel.db):
        return page(visit, "setup/begin.html")
    if not reason and (sent_out := await why_out(visit)):
        next = sent_out.next or next
        why, waiting = _why(visit, sent_out, next), await _waiting_again(visit, sent_out)
        return show_form(visit, next, sent_out.account_name, why=why, waiting=waiting)
    response = show_form(visit, next, error=reason)
    for one in (Cookie.SESSION, Cookie.PENDING_LOGIN):
        visit.jar.remove_planted(response, one)
    return response


async def enter(visit: Visit) -> Response:
    """The password step. With a second factor it leads to the challenge, else into the panel."""
    typed = await forms.read(visit, "name", "password", optional=("next",))
    name, next = read_name(typed["name"]), safe_path(typed["next"])
    account = await accounts.find(visit.panel.db, name)
    try:
        async with try_password(visit, name, account, typed["password"]) as tried:
            match tried:
                case RightPassword():
                    return await _pass(visit, next, tried)
                case Refused():
                    return _refused(visit, next, name, tried)
    except TooBusy:
        return later(show_form(visit, next, name, BUSY, 503), BUSY_RETRY)


async def passkey_options(visit: Visit) -> Response:
    """What authenticators are asked, anew: a page that stays open outlives what it asked. The same for everybody."""
    return JSONResponse(passkeys.login_options(visit), media_type="application/json; charset=utf-8")


async def enter_by_passkey(visit: Visit) -> Response:
    """The whole login in one gesture: the passkey says whose it is, and no code follows."""
    typed = await forms.read(visit, "answer", optional=("next",))
    next = safe_path(typed["next"])
    match await passkeys.login(visit, typed["answer"]):
        case Refused() as refused:
            return show_form(visit, next, status=status_of(refused), block="passkey", refused_passkey=refused)
        case logged_in:
            signals = await passkeys.signals_of(visit, logged_in.account_id, logged_in.account_name)
            return signed_in(visit, logged_in.token, next, signals)


async def leave(visit: Visit) -> Response:
    """Sign out, or give up a pending login; the cookie is worthless from here on.

    Where that cannot be written down, the browser forgets its cookies all the same, and the person is told.
    """
    await forms.read(visit)
    try:
        await sign_out(visit)
        response = go(visit, "/login")
    except DatabaseError as refused:
        log.trouble("session.unended", refused)
        response = go(visit, f"/login?motivo={NOT_WRITTEN_DOWN}")
    for one in (Cookie.SESSION, Cookie.PENDING_LOGIN, Cookie.TYPED):
        visit.jar.queue(one, None)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'  # "cookies" would reach sibling sites too
    return response


def signed_in(visit: Visit, token: str, path: str, signals: Told | None = None) -> Response:
    response = go(visit, path, signals)
    visit.jar.set(response, Cookie.SESSION, token)
    visit.jar.delete(response, Cookie.PENDING_LOGIN)
    return response


def to_challenge(visit: Visit, token: str, path: str = "/login/code") -> Response:
    response = go(visit, path)
    visit.jar.set(response, Cookie.PENDING_LOGIN, token)
    return response


async def _pass(visit: Visit, next: str, tried: RightPassword) -> Response:
    """The password was right, if it still is the account's: it may have been reset while it was hashed."""
    panel, known = visit.panel, tried.account
    async with panel.db.transaction() as tx:
        account = await accounts.get(tx, known.id)
        if account is None or account.is_disabled or stored_phc(panel, account) != tried.phc:
            await tried.charge.fail(tx, visit, known.id, Event.LOGIN_PASSWORD_FAILED)
            return _refused(visit, next, known.name, Refused(Reason.WRONG_PASSWORD))
        if tried.fresh_phc:
            await set_password(tx, panel, account.id, tried.fresh_phc)
        asks_second = account.has_two_factor and not await carry_out_due(tx, visit, account.id)
        accepted = await tried.charge.accept(tx, Proof.PASSWORD)
        await record_event(tx, visit, account.id, Event.LOGIN_PASSWORD_OK)
        if not asks_second:
            return signed_in(visit, await begin_session(tx, visit, account.id, accepted), next)
        token, pending = await pending_logins.begin(tx, visit, account.id, next)
    way = "recovery" if _wants_recovery(visit) else "code"
    if is_partial(visit):
        response = page(
            visit,
            CHALLENGES[way],
            block="form",
            account_name=account.name,
            ends_in=PENDING_LOGIN_TTL,
            error="",
            is_wrong=False,
            is_dated=False,
            is_over=False,
            waiting=await waiting_for(visit, way, account.id),
            offer=await offers.at_login(pending),
            passkey_error="",
            is_passkey_gone=False,
        )
        visit.jar.set(response, Cookie.PENDING_LOGIN, token)
        return response
    return to_challenge(visit, token, f"/login/{way}")


async def waiting_for(visit: Visit, way: str, account_id: int) -> str:
    """From when on a code is judged on this way, in words; nothing where it is judged at once."""
    wait = await wait_for_code(visit, COUNTED_AS[way], account_id)
    return counted(WAITING[way], wait) if wait else ""


async def _waiting_again(visit: Visit, sent_out: SentOut) -> dict[str, str]:
    """What somebody who typed wrong codes still has to wait for, by the way."""
    account = await accounts.find(visit.panel.db, sent_out.account_name) if sent_out.cause is Cause.MISSES else None
    if account is None:
        return {}
    told = {way: await waiting_for(visit, way, account.id) for way in CHALLENGES}
    return {way: words for way, words in told.items() if words}


def _why(visit: Visit, sent_out: SentOut, next: str) -> str:
    settings, place = visit.panel.settings, PLACES.get(section_of(next.partition("?")[0]))
    return SENT_OUT[sent_out.cause].format(
        help=settings.help,
        idle=duration(settings.session_idle),
        longest=duration(settings.session_max),
        way_back=f" Entre de novo e você volta para {place}." if place else " Entre de novo.",
    )


def _wants_recovery(visit: Visit) -> bool:
    """Whether somebody signs in again to go on with a recovery code."""
    return visit.request.query_params.get("com") == "recuperacao"


def _refused(visit: Visit, next: str, name: str, refused: Refused) -> Response:
    error = WRONG if refused.reason is Reason.WRONG_PASSWORD else sentence(refused)
    return later(show_form(visit, next, name, error, status_of(refused)), refused.wait)


def show_form(
    visit: Visit,
    next: str = HOME,
    name: str = "",
    error: str = "",
    status: int = 200,
    *,
    block: str = "form",
    why: str = "",
    waiting: dict[str, str] | None = None,
    refused_passkey: Refused | None = None,
) -> Response:
    action = FOR_RECOVERY if _wants_recovery(visit) else "/login"
    return page(
        visit,
        "login/form.html",
        block=block,
        status=status,
        next=next,
        name=name,
        error=error,
        why=why,
        action=action,
        waiting=waiting or {},
        passkey=passkeys.login_options(visit),
        passkey_error=sentence(refused_passkey) if refused_passkey else "",
        is_passkey_gone=is_passkey_gone(visit, refused_passkey),
    )


def is_passkey_gone(visit: Visit, refused: Refused | None) -> bool:
    """Whether a password manager may forget the passkey that it offered, as the account has.

    Never on `localhost`, whose passkeys belong to every program there.
    """
    site = visit.panel.settings.passkey_site
    is_ours = site is not None and site.rp_id != "localhost"
    return is_ours and refused is not None and refused.reason is Reason.PASSKEY_REMOVED
