"""Sessions: where they begin, get another cookie and end."""

from db import accounts, pending_logins, policy, sessions, totp
from db.database import Transaction
from db.endings import Cause
from db.sessions import Former
from web.audit.events import Event, NoticeKind
from web.audit.notices import notify, notify_unusual_login
from web.audit.record import record_event
from web.auth import trusted_devices
from web.auth.endings import because
from web.auth.outcome import Accepted, Proof
from web.limits import FORMER_COOKIE_TTL, SESSIONS_LIVE
from web.visit import cookies
from web.visit.cookies import Cookie
from web.visit.visit import SignedIn, Visit
from web.visit.visitor import SessionEnded, find_session

# The proofs that begin a session, and the method that is stored with it.
METHODS = {
    Proof.PASSWORD: "password",
    Proof.SETUP_CODE: "password",
    Proof.ACTIVATION_CODE: "password",
    Proof.CODE: "totp",
    Proof.PASSKEY: "passkey",
    Proof.RECOVERY_CODE: "recovery",
}


async def begin_session(tx: Transaction, visit: Visit, account_id: int, accepted: Accepted) -> str:
    """Begin a session; the only place where one begins. Returns its token for `signed_in`."""
    panel, at, method = visit.panel, visit.at, METHODS[accepted.proof]
    if old := visit.session:
        await sessions.end(tx, old.id, owner=old.account_id)
        await record_event(tx, visit, old.account_id, Event.SESSION_ENDED, "login")
    token, session_id = cookies.new_token(panel), panel.token_bytes(8).hex()
    await sessions.begin(
        tx,
        account_id,
        cookies.digest(token),
        id=session_id,
        method=method,
        network=visit.network,
        user_agent=visit.user_agent,
        at=at,
        ends_at=at + panel.settings.session_max,
    )
    await notify_unusual_login(tx, visit, account_id, session_id)
    if method == "recovery":
        await notify(tx, visit, account_id, NoticeKind.RECOVERY_USED, session_id=session_id)
    if method != "password" or not (await policy.of_account(tx, account_id)).requires_two_factor(at):
        await trusted_devices.trust(tx, visit, account_id)  # every factor that was asked for was proved
    await record_event(tx, visit, account_id, Event.SESSION_STARTED, method, session_id=session_id)
    await accounts.note_login(tx, account_id, at=at)
    crowded = because(panel, Cause.LIMIT)
    for _ in range(await sessions.end_beyond(tx, account_id, crowded, newest=session_id, keep=SESSIONS_LIVE)):
        await record_event(tx, visit, account_id, Event.SESSION_ENDED, "limit")
    return token


async def renew_session(tx: Transaction, visit: SignedIn) -> None:
    """Give this session another cookie and read it anew; the door sends the cookie with any answer (ASVS V7.2.4).

    Raises SessionEnded when it has ended or got another cookie meanwhile, which undoes the transaction.
    """
    panel, token = visit.panel, cookies.new_token(visit.panel)
    former_ends_at = panel.now() + FORMER_COOKIE_TTL
    await sessions.renew(tx, visit.session.digest, to=cookies.digest(token), former_ends_at=former_ends_at)
    session = await find_session(tx, panel, cookies.digest(token), at=panel.now())
    if session is None:
        raise SessionEnded
    visit.arrival.session = session
    tx.on_commit.append(lambda: visit.jar.queue(Cookie.SESSION, token))


async def sign_out(visit: Visit) -> None:
    """End the session and the pending login of this browser."""
    pending_login = visit.pending_login
    async with visit.panel.db.transaction() as tx:
        if session := visit.session or await _former_session(tx, visit):
            await sessions.end(tx, session.id, owner=session.account_id)
            await record_event(tx, visit, session.account_id, Event.SESSION_ENDED)
        if pending_login:
            await pending_logins.end(tx, pending_login.digest)


async def _former_session(tx: Transaction, visit: Visit) -> Former | None:
    """The session of a cookie that was renewed a moment ago, by a step-up in another tab, say."""
    token = visit.jar.read(Cookie.SESSION)
    return await sessions.find_former(tx, token, at=visit.at) if token else None


async def end_elsewhere(tx: Transaction, visit: SignedIn, cause: Cause) -> int:
    """After a change of the password or of a factor: keep the account signed in and trusted in this browser alone.

    The session gets another cookie (ASVS V7.4.3, V7.2.4), and a factor that was begun before is begun anew. Returns how
    many other sessions ended.
    """
    session = visit.session
    ended = await sessions.end_others(tx, session.account_id, because(visit.panel, cause), keep=session.id)
    if ended:
        await record_event(tx, visit, session.account_id, Event.SESSION_OTHERS_ENDED, str(ended))
    await pending_logins.end_all(tx, session.account_id)
    await totp.cancel_enrolment(tx, session.account_id, session_id=session.id)
    await trusted_devices.trust_only_this(tx, visit, session.account_id)
    await renew_session(tx, visit)
    return ended
