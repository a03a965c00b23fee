"""The invariants: what must hold after every act, whatever came before."""

from collections.abc import Callable, Iterator

from tests.histories.deed import Claim, Deed
from tests.histories.model import Model, identity
from tests.histories.snapshot import Change, Line, Row, Snapshot
from tests.support.people import ORIGIN
from web.audit.events import FACTOR_FAILURES
from web.guards.guard import State
from web.limits import ENROL_ONLY_TTL, STEP_UP_WINDOW
from web.visit.cookies import digest

Rule = Callable[[Deed, Model], Iterator[str]]
TRIES = {"attempts", "rates"}
PASSWORD_ALONE = TRIES | {
    "pending_logins",
    "notices",
    "endings",
}  # what a right password opens where a second factor is owed
BY_PROOF = {  # lines that somebody leaves who proved something, and the factor
    "login.password_ok": {"password"},
    "totp.ok": {"totp"},
    "totp.enabled": {"totp"},
    "totp.replaced": {"totp"},
    "totp.undone": {"totp"},
    "recovery.ok": {"recovery"},
    "recovery.rehearsed": {"recovery"},
    "password.changed": {"password"},
    "stepup.ok": {"password"},
    "account.activated": {"activation"},
}
IN_VAIN = {"totp": {"totp.failed", "totp.repeated"}, "password": {"login.password_failed"}}
JUDGEMENTS = FACTOR_FAILURES | {
    "totp.ok",
    "recovery.ok",
    "stepup.ok",
    "stepup.failed",
    "totp.locked",
    "recovery.locked",
}
# After these nobody but who did it is signed in to the account, half way in it, or trusted by it.
SHUT_OUT = {"totp.enabled", "totp.replaced", "totp.undone", "totp.removed", "password.changed", "account.locked"}
FORGIVE_CODES = {"totp.enabled", "totp.replaced", "totp.undone", "totp.removed", "cli.unlock", "cli.reset_two_factor"}
FORGIVE_CODES |= {"people.unlocked", "people.factor_reset"}
FORGIVE_PASSWORDS = {"password.changed", "account.activated", "cli.unlock", "people.unlocked"}
ENDS_BEGUN = {"demote", "disable"}  # at the terminal: what the one it names began with others
# After these nobody is signed in to the account or half way in it.
SIGN_OUT = {"cli.reset_two_factor", "cli.reset_password", "cli.end_sessions"}
SIGN_OUT |= {"people.factor_reset", "people.password_link", "people.sessions_ended"}
SIGN_OUT |= {"people.promoted", "people.demoted", "people.disabled"}


def a_session_begins_with_every_factor(deed: Deed, model: Model) -> Iterator[str]:
    for row in deed.begun:
        account = row["account_id"]
        is_completed = bool(deed.pending_login and model.challenges.get(deed.pending_login["digest"]) == account)
        if not (is_completed or deed.has_right(account, "password", "activation")):
            yield f"a session of {model.secrets[account].name} began without the password"
        owes_second = deed.before.has_app(account) and not deed.is_reset(account)
        if owes_second and not deed.has_right(account, "totp", "recovery"):
            yield f"a session of {model.secrets[account].name} began without the second factor"
    if len(deed.begun) > 1:
        yield "one thing opened two sessions"


def a_session_is_proved_by_every_factor(deed: Deed, model: Model) -> Iterator[str]:
    """That it was proved, and its cookie, are anew only by a post with that cookie."""
    for change in deed.changes:
        if change.row.table != "sessions" or not (change.before and change.after):
            continue
        account = change.row["account_id"]
        if not deed.session or deed.session.key != change.row.key or deed.method != "POST":
            if change.columns != {"last_seen_at"} or not deed.session:
                yield f"{change} by somebody without its cookie, or by reading"
        elif "verified_at" in change.columns:
            has_second = not deed.before.has_app(account) or deed.has_right(account, "totp", "recovery")
            if not (has_second and deed.has_right(account, "password")):
                yield "a session counts as proved without every factor"


def nothing_of_another_is_touched(deed: Deed, model: Model) -> Iterator[str]:
    for change in deed.changes:
        if not _may_touch(deed, change):
            yield f"{change}, of {model.secrets[change.row.owner or 0].name}, by an act of somebody else"
    for line in deed.lines:
        if not _may_note(deed, line):
            yield f"{line.event} was noted for {model.secrets[line.account_id or 0].name} by an act of somebody else"


def _may_touch(deed: Deed, change: Change) -> bool:
    row, owner = change.row, change.row.owner
    if owner is None or (change.before and not change.after and deed.before.is_over(row)) or _goes_with(deed, row):
        return True
    if deed.command == "rotate-key":
        return all(column.startswith("sealed") for column in change.columns)
    if deed.command == "prune":  # why what it removes had ended, and what is due
        return row.table in ("endings", "notices") or deed.is_reset(owner)
    if deed.command == "end-sessions" and deed.named is None:
        return row.table == "endings" or bool(change.before and not change.after)
    return owner in _whole(deed) or row.table in _by_name(deed, owner)


def _whole(deed: Deed) -> set[int | None]:
    """The accounts that the person who acts has proved to be theirs."""
    if deed.command:
        return {deed.named}
    if deed.path in ("/login/code", "/login/recovery"):
        return {deed.pending_login["account_id"]} if deed.pending_login and deed.is_right else set()
    if deed.path in ("/login", "/activate", "/setup"):
        owes_second = deed.named and deed.before.has_app(deed.named) and not deed.is_reset(deed.named)
        is_enough = deed.is_right and not (deed.path == "/login" and owes_second)
        return {deed.named} if is_enough else set()
    return {deed.session["account_id"], *_looked_after(deed)} if deed.session and deed.path != "/logout" else set()


def _looked_after(deed: Deed) -> set[int | None]:
    """Whom somebody who administers the panel, and has a second factor, acts for."""
    demand, session = deed.demand, deed.session
    is_allowed = demand and demand.admin_only and session and deed.is_admitted
    return {deed.named} if is_allowed and session and deed.before.has_app(session["account_id"]) else set()


def _by_name(deed: Deed, owner: int) -> set[str]:
    """The tables in which the act may change rows of an account that it names without proving anything, or that
    administers the panel too, or with which whoever is looked after began something."""
    if (
        deed.named in _looked_after(deed)
        or deed.path.startswith("/security/delayed-acts/stop")
        or deed.command in ENDS_BEGUN
    ):
        return {"notices", "activations", "delayed_acts"}
    if deed.is_reset(deed.named) and owner != deed.named:
        return {"notices"}
    if deed.path == "/login" and deed.named == owner:
        return PASSWORD_ALONE if deed.is_right else TRIES
    if deed.path.startswith("/login/") and deed.pending_login and deed.pending_login["account_id"] == owner:
        is_signed_in = deed.session is not None and deed.session["account_id"] == owner
        return PASSWORD_ALONE | {"totp_told"} if is_signed_in else PASSWORD_ALONE  # how far off the phone's clock is
    return set()


def _goes_with(deed: Deed, row: Row) -> bool:
    """Whether the row belongs to a cookie that was sent: the next person at this browser may end it."""
    if deed.path not in ("/login", "/activate", "/login/code", "/login/recovery", "/logout"):
        return row.table == "sessions" and deed.session is not None and row.key == deed.session.key
    ids = {deed.session["id"]} if deed.session else set()
    former = deed.before.of("former_cookies", digest=digest(deed.sent.get("sid", "")))
    ids |= {one["session_id"] for one in former}
    if row.table == "pending_logins":
        return bool(deed.pending_login and row.key == deed.pending_login.key)
    return row.table != "notices" and (row.values.get("session_id") or row.values.get("id")) in ids


def _may_note(deed: Deed, line: Line) -> bool:
    account = line.account_id
    if account is None or account in _whole(deed) or _by_name(deed, account):
        return True
    if deed.command == "end-sessions" and deed.named is None:
        return True
    if deed.command == "prune" and line.event.startswith("people.factor_reset"):
        return True
    return line.event == "session.ended"  # the session that went is looked at as a row


def what_is_judged_leaves_its_line(deed: Deed, model: Model) -> Iterator[str]:
    for claim in deed.judged:
        events, wanted = set(deed.events(claim.account)), _line_for(claim)
        if wanted and not events & wanted:
            verdict = "right" if claim.is_right else "wrong"
            yield f"a {verdict} {claim.kind} of {model.secrets[claim.account].name} left no line of {sorted(wanted)}"
    wrong = [claim for claim in deed.judged if not claim.is_right]
    if wrong and wrong[0].place in ("step-up", "change") and "stepup.failed" not in deed.events(wrong[0].account):
        yield "Confirme que é você was refused without a line"


def _line_for(claim: Claim) -> set[str]:
    """Of which there must be one; none where a right password waits for the second factor."""
    if not claim.is_right:
        if claim.kind == "recovery":
            return {"recovery.rehearsal_failed" if claim.place == "rehearsal" else "recovery.failed"}
        return IN_VAIN.get(claim.kind, set())
    if claim.kind == "password":
        return {"login.password_ok"} if claim.place == "login" else set()
    return {event for event, kinds in BY_PROOF.items() if claim.kind in kinds}


def what_is_proved_was_right(deed: Deed, model: Model) -> Iterator[str]:
    """Nothing is accepted twice, or wrong: a code, a recovery code, a challenge, an activation code."""
    for line in deed.lines:
        kinds = BY_PROOF.get(line.event, set())
        is_first = line.event in ("stepup.ok", "totp.ok", "recovery.ok")  # what comes after it may be wrong
        is_proved = deed.has_right(line.account_id, *kinds) and (deed.is_right or is_first)
        if kinds and not is_proved:
            yield f"{line.event}, with nothing right for it"
    opened = [row for row in deed.begun if deed.path.startswith("/login/")]
    if opened and (not deed.pending_login or identity(deed.pending_login) in model.gone):
        yield "a challenge opened a second session"
    if opened and deed.pending_login and deed.after.of("pending_logins", digest=deed.pending_login["digest"]):
        yield "a challenge that opened a session is still open"


def what_is_wrong_is_counted(deed: Deed, model: Model) -> Iterator[str]:
    for claim in deed.judged:
        if claim.is_right or claim.kind == "activation":
            continue
        if not any(_has_grown(change, "count") for change in _counters(deed, "rates", "panel failure")):
            yield f"a wrong {claim.kind} did not feed the alarm"
        family = ("password",) if claim.kind == "password" else ("totp",) if claim.kind == "totp" else ("rec", "reh")
        grown = [one for one in _counters(deed, "attempts", *family) if one.row.owner == claim.account]
        if claim.place != "enrolment" and not any(_has_grown(change, "failures") for change in grown):
            yield f"a wrong {claim.kind} of {model.secrets[claim.account].name} was not counted"


def _counters(deed: Deed, table: str, *kinds: str) -> list[Change]:
    return [one for one in deed.changes if one.row.table == table and one.row["kind"].startswith(kinds)]


def _has_grown(change: Change, column: str) -> bool:
    was = change.before[column] if change.before else 0
    return bool(change.after and (change.after[column] > was or change.after[column] == 1))


def counters_fall_by_success_or_the_terminal(deed: Deed, model: Model) -> Iterator[str]:
    for change in _counters(deed, "attempts", ""):
        row, owner = change.row, change.row.owner
        if owner is None or _has_grown(change, "failures") or not change.before:
            continue
        if change.after and change.after["failures"] == change.before["failures"]:
            continue
        is_password = row["kind"].startswith("password")
        kinds = ("password",) if is_password else ("totp",) if row["kind"] == "totp" else ("recovery",)
        by_line = set(deed.events(owner)) & (FORGIVE_PASSWORDS if is_password else FORGIVE_CODES)
        is_forgotten = row["kind"] == "password" and deed.before.is_over(row)
        if not (by_line or is_forgotten or deed.has_right(owner, *kinds)):
            yield f"the {row['kind']} counter of {model.secrets[owner].name} fell without a success of theirs"


def what_has_to_be_told_is_told(deed: Deed, model: Model) -> Iterator[str]:
    """Looked at once the model knows of this deed, again and again until it is completed or the history ends."""
    for due in model.due:
        found = deed.after.of("notices", account_id=due.account, kind=due.kind, at=due.at)
        name = model.secrets[due.account].name
        if not found:
            yield f"{due} to {name} is not there"
        elif min(row["shows_at"] for row in found) > due.shows_by:
            yield f"{due} to {name} comes too late"


def what_was_ended_stays_ended(deed: Deed, model: Model) -> Iterator[str]:
    for change in deed.changes:
        if change.after and not change.before and identity(change.row) in model.gone:
            yield f"{change} that had been ended"
    for line in deed.lines:
        if line.account_id and line.event in SHUT_OUT:
            yield from _others_left(deed, line.account_id)
        if line.account_id and line.event in SIGN_OUT and not line.is_of_actor:
            if deed.after.of("sessions", account_id=line.account_id):
                yield f"a session outlived {line.event}"
            if deed.after.of("pending_logins", account_id=line.account_id):
                yield f"a pending login outlived {line.event}"


def _others_left(deed: Deed, account: int) -> Iterator[str]:
    own = deed.session["id"] if deed.session else ""
    if any(row["id"] != own for row in deed.after.of("sessions", account_id=account)):
        yield "another session is left after what ends them"
    if deed.after.of("pending_logins", account_id=account):
        yield "a pending login is left after what ends them"
    if len(deed.after.of("trusted_devices", account_id=account)) > 1:
        yield "another browser is trusted still"


def who_signs_out_is_out(deed: Deed, model: Model) -> Iterator[str]:
    """With the cookie of a moment before, too."""
    if deed.path != "/logout" or deed.method != "POST":
        return
    cookie = digest(deed.sent.get("sid", ""))
    stood_for, until = model.former.get(cookie, ("", 0))
    ended = deed.session["id"] if deed.session else stood_for if deed.now < until else ""
    if ended and deed.after.of("sessions", id=ended):
        yield "somebody signed out, and the session goes on"
    if deed.pending_login and deed.after.of("pending_logins", digest=deed.pending_login["digest"]):
        yield "somebody gave up a pending login, and it goes on"


def who_is_not_let_in_does_nothing(deed: Deed, model: Model) -> Iterator[str]:
    if deed.is_admitted or not deed.demand:
        return
    if deed.status not in (303, 401, 403):
        yield f"answered {deed.status} to somebody who must not come in"
    done = [change for change in deed.changes if change.columns != {"last_seen_at"} and not _is_greeting(deed, change)]
    if done or deed.lines:
        yield "something was done by somebody who must not come in"


def reading_changes_nothing(deed: Deed, model: Model) -> Iterator[str]:
    if deed.method in ("", "POST"):
        return
    for change in deed.changes:
        is_use = change.row.table == "sessions" and change.columns == {"last_seen_at"}
        if not (is_use or _is_greeting(deed, change)):
            yield f"{change} by {deed.method}"
    if deed.lines:
        yield f"{deed.lines[0].event} by {deed.method}"


def _is_greeting(deed: Deed, change: Change) -> bool:
    """After a login with both factors one page says, once, that they are on."""
    row, session = change.row, deed.session
    is_told = row.table == "notices" and row["kind"] == "two_factor_on" and change.columns == {"acknowledged_at"}
    return is_told and deed.method == "GET" and session is not None and row.owner == session["account_id"]


def what_is_sensitive_needs_a_proof(deed: Deed, model: Model) -> Iterator[str]:
    demand, done = deed.demand, [line for line in deed.lines if line.event not in JUDGEMENTS]
    if not (
        demand and deed.session and done and demand.door in (State.RECENTLY_VERIFIED, State.VERIFY_NOW, State.BINDING)
    ):
        return
    patience = ENROL_ONLY_TTL if deed.before.enrols_only(deed.session) else STEP_UP_WINDOW
    age = deed.now - model.proved_at[deed.session["id"]]
    has_app = deed.before.has_app(deed.session["account_id"])
    is_of_recovery = deed.before.is_of_recovery(deed.session)
    lasts = demand.door is State.RECENTLY_VERIFIED or (demand.door is State.BINDING and (is_of_recovery or not has_app))
    is_fresh = lasts and age < patience.total_seconds()
    if not (is_fresh or "stepup.ok" in deed.events(deed.session["account_id"])):
        yield f"{done[0].event}, without a proof of who it is"


def somebody_administers_still(deed: Deed, model: Model) -> Iterator[str]:
    """With a password and a second factor, once anybody did, while there is somebody else. The terminal may end that
    for the one it names."""
    if deed.named and deed.command:
        return
    others = [one for one in deed.before.of("accounts") if one["disabled_at"] is None][1:]
    if others and _administrators(deed.before) and not _administrators(deed.after):
        yield "nobody is left who administers the panel with a password and a second factor"


def _administrators(snapshot: Snapshot) -> list[Row]:
    return [
        one
        for one in snapshot.of("accounts", role="admin", disabled_at=None)
        if one["sealed_password"] is not None and snapshot.has_app(one["id"])
    ]


def nobody_sees_what_is_anothers(deed: Deed, model: Model) -> Iterator[str]:
    """Each account has an instance with its name, and so has each token's page."""
    if not deed.answer:
        return
    for account, secrets in model.secrets.items():
        is_owner = deed.session is not None and deed.session["account_id"] == account
        if f"Loja de {secrets.name}" in deed.answer.text and not is_owner:
            yield f"an instance of {secrets.name} was shown to somebody else"
    if deed.answer.headers.get("location", "/").removeprefix(ORIGIN)[:1] != "/":
        yield "somebody was sent away from the panel"


BEFORE_IT_IS_KNOWN: list[Rule] = [
    a_session_begins_with_every_factor,
    a_session_is_proved_by_every_factor,
    nothing_of_another_is_touched,
    what_is_judged_leaves_its_line,
    what_is_proved_was_right,
    what_is_wrong_is_counted,
    counters_fall_by_success_or_the_terminal,
    what_was_ended_stays_ended,
    who_signs_out_is_out,
    who_is_not_let_in_does_nothing,
    reading_changes_nothing,
    what_is_sensitive_needs_a_proof,
    somebody_administers_still,
    nobody_sees_what_is_anothers,
]
AFTERWARDS: list[Rule] = [what_has_to_be_told_is_told]
