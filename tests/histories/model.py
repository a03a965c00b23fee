"""The model of a history: which secrets are right, what was proved in a session, and which notices are due.

It follows what the panel records, and never asks the panel whether something is right.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime

from tests.histories.deed import Deed
from tests.histories.snapshot import Row, Snapshot
from tests.support.people import code_for, codes_on, key_on, link_on
from web.audit.events import FACTOR_FAILURES
from web.limits import FAILURES_TOLD, PENDING_LOGIN_TRIES, PENDING_LOGIN_TTL, RESET_TTL
from web.visit.cookies import digest
from web.words.devices import device

STEP = 30  # seconds


@dataclass
class Secrets:
    """Of one account, in force now."""

    name: str
    password: str | None
    key: str = ""
    recovery_codes: list[str] = field(default_factory=list)
    spent_codes: list[str] = field(default_factory=list)
    last_code: str = "000000"


@dataclass(frozen=True)
class Due:
    """A notice that the owner must find, from `shows_by` on at the latest, unless what it waits for is completed."""

    account: int
    kind: str
    at: int
    shows_by: int
    attempt: bytes | str = b""  # the digest of a pending login, or the id of a session

    def __str__(self) -> str:
        return f"the notice {self.kind}"


FOLLOWS = {  # a notice follows at once on what these lines tell
    "recovery.ok": "recovery_used",
    "recovery.renewed": "codes_renewed",
    "recovery.replaced": "code_replaced",
    "totp.enabled": "two_factor_on",
    "totp.replaced": "app_replaced",
    "totp.undone": "app_restored",
    "totp.removed": "two_factor_off",
    "cli.reset_two_factor": "two_factor_off",
    "password.changed": "password_changed",
    "totp.repeated": "code_repeated",
    "people.demoted": "demoted",
    "people.enabled": "account_enabled",
    "people.factor_reset": "factor_was_reset",
    "people.password_link": "link_made",
    "people.promoted": "promoted",
    "people.released": "two_factor_released",
    "people.reminded": "two_factor_reminder",
    "people.required": "two_factor_required",
    "people.sessions_ended": "sessions_ended",
    "people.unlocked": "unlocked",
}


class Model:
    def __init__(
        self, secrets: dict[int, Secrets], places: dict[int, set[tuple[str, str]]], spent: dict[str, set[int]]
    ):
        self.secrets, self.places = secrets, places
        self.spent = defaultdict[str, set[int]](set, spent)
        self.proved_at: dict[str, int] = {}  # sessions: when every factor was proved in them, the last time
        self.challenges: dict[bytes, int] = {}  # logins half way, and whose right password began them
        self.misses = defaultdict[bytes, int](int)
        self.in_vain = defaultdict[int, int](int)  # wrong factors of an account since its last login
        self.pending: dict[str, str] = {}  # keys that wait to be confirmed, by session
        self.replaced: dict[int, str] = {}
        self.former: dict[bytes, tuple[str, int]] = {}  # what a cookie stood for, until a moment
        self.invited: list[tuple[str, int, int]] = []  # activation codes ever made: of whom, until when
        self.activations: set[str] = set()  # those that are good
        self.gone: set[tuple[str, str]] = set()
        self.due: list[Due] = []

    def begin(self, now: Snapshot) -> None:
        """With the sessions that are there."""
        self.proved_at = {row["id"]: row["verified_at"] for row in now.of("sessions")}

    def invite(self, code: str, account: int, ends_at: int) -> None:
        self._drop_activations(account)
        self.activations.add(code)
        self.invited.append((code, account, ends_at))

    def _drop_activations(self, account: int) -> None:
        self.activations -= {code for code, owner, _ in self.invited if owner == account}

    def activation(self, pick: int) -> tuple[str, int, int]:
        """One of those that were ever made; before there was one, a code that nobody made, meant for anybody."""
        return self.invited[pick % len(self.invited)] if self.invited else ("0" * 24, 1, 0)

    def account(self, name: str) -> int:
        return next(number for number, one in self.secrets.items() if one.name == name)

    def is_password(self, account: int | None, typed: str) -> bool:
        return account is not None and self.secrets[account].password == typed

    def step_of(self, key: str, code: str, at: datetime) -> tuple[str, int] | None:
        """The step that a code is good for at a moment: within one of now, and later than any spent."""
        now, last = int(at.timestamp()) // STEP, max(self.spent[key], default=-1)
        steps = [step for step in (now - 1, now, now + 1) if step > last]
        wanted = [step for step in steps if code_for(key, datetime.fromtimestamp(step * STEP, at.tzinfo)) == code]
        return (key, wanted[0]) if wanted else None

    def follow(self, deed: Deed) -> None:
        """Learn from what was done, once it is known to be in order."""
        self.due += self._newly_due(deed)
        self._settle_due(deed)
        self._spend(deed)
        self._follow_sessions(deed)
        self._follow_challenge(deed)
        for line in deed.lines:
            if not line.is_of_actor:
                self._follow_secrets(deed, line.event, line.account_id)
        self._count(deed)

    def _spend(self, deed: Deed) -> None:
        for claim in deed.judged:
            if claim.step:
                self.spent[claim.step[0]].add(claim.step[1])
            if claim.is_right and claim.recovery_code and claim.place != "rehearsal":
                self.secrets[claim.account].recovery_codes.remove(claim.recovery_code)
                self.secrets[claim.account].spent_codes.insert(0, claim.recovery_code)

    def _follow_sessions(self, deed: Deed) -> None:
        for row in deed.begun:
            self.proved_at[row["id"]] = deed.now
            self.places[row["account_id"]].add((row["network"], device(row["user_agent"])))
        for change in deed.changes:
            table, row = change.row.table, change.row
            if change.before and not change.after and table in ("sessions", "trusted_devices", "pending_logins"):
                self.gone.add(identity(row))
            if table == "sessions" and change.before and change.after and "digest" in change.columns:
                self.former[change.before["digest"]] = row["id"], deed.now + 5 * 60
        if deed.session and "stepup.ok" in deed.events(deed.session["account_id"]):
            self.proved_at[deed.session["id"]] = deed.now

    def _follow_challenge(self, deed: Deed) -> None:
        for change in deed.changes:
            if change.row.table == "pending_logins" and change.after and not change.before:
                self.challenges[change.after["digest"]] = change.after["account_id"]

    def _follow_secrets(self, deed: Deed, event: str, account: int | None) -> None:
        if account is None:
            return
        secrets, page = self.secrets[account], deed.answer.text if deed.answer else ""
        if event == "totp.started":
            assert deed.session
            self.pending[deed.session["id"]] = key_on(page)
        elif event in ("totp.enabled", "totp.replaced"):
            assert deed.session
            self.replaced[account], secrets.key = secrets.key, self.pending.pop(deed.session["id"])
        elif event == "totp.undone":
            secrets.key = self.replaced.pop(account)
        elif event in ("totp.removed", "cli.reset_two_factor", "people.factor_reset"):
            secrets.key, secrets.recovery_codes = "", []
        elif event in ("password.changed", "account.activated"):
            secrets.password = deed.may_change_password_to
            if event == "account.activated":
                self._drop_activations(account)
        elif event in ("cli.reset_password", "people.password_link"):
            secrets.password = None
            if event == "people.password_link":
                self.invite(link_on(page), account, deed.now + int(RESET_TTL.total_seconds()))
        elif event in ("people.disabled", "people.link_revoked", "people.promoted"):
            self._drop_activations(account)
        if event in ("totp.enabled", "recovery.renewed"):
            secrets.recovery_codes = codes_on(page)
        elif event == "recovery.replaced":
            secrets.recovery_codes.append(page.partition('id="replacement">')[2][:19])

    def _newly_due(self, deed: Deed) -> list[Due]:
        """What the owners of accounts have to be told of because of this."""
        attempt = deed.pending_login["digest"] if deed.pending_login else b""
        due = [
            Due(line.account_id, FOLLOWS[line.event], deed.now, deed.now, attempt if "repeated" in line.event else b"")
            for line in deed.lines
            if line.event in FOLLOWS and line.account_id and not line.is_of_actor
        ]
        return due + self._of_passwords(deed) + self._of_logins(deed) + self._of_activation(deed)

    def _of_passwords(self, deed: Deed) -> list[Due]:
        """A right password whose second factor is owed, where it was not proved with the same request."""
        claims = [c for c in deed.judged if c.kind == "password" and c.is_right and c.place in ("login", "step-up")]
        if claims and deed.is_reset(claims[0].account):
            return []
        if not claims or not deed.before.has_app(claims[0].account) or "stepup.ok" in deed.events(claims[0].account):
            return []
        account, shows_by = claims[0].account, deed.now + int(PENDING_LOGIN_TTL.total_seconds())
        if claims[0].place == "login":
            return [Due(account, "password_known", deed.now, shows_by, _given(deed, "pre"))]
        assert deed.session
        return [Due(account, "password_known", deed.now, shows_by, deed.session["id"])]

    def _of_logins(self, deed: Deed) -> list[Due]:
        due = []
        for row in deed.begun:
            account, place = row["account_id"], (row["network"], device(row["user_agent"]))
            tokens = [digest(token) for token in deed.sent.get("disp", "").split(".")]
            trusts = [
                one for one in deed.before.of("trusted_devices", account_id=account) if not deed.before.is_over(one)
            ]
            is_known = place in self.places[account] or any(one["digest"] in tokens for one in trusts)
            if not is_known and self.places[account]:
                due.append(Due(account, "new_device", deed.now, deed.now))
            if self.in_vain[account] >= FAILURES_TOLD:
                due.append(Due(account, "many_failures", deed.now, deed.now))
        return due

    def _of_activation(self, deed: Deed) -> list[Due]:
        changed = [line.account_id for line in deed.lines if line.event == "account.activated" and line.account_id]
        due = [Due(one, "password_changed", deed.now, deed.now) for one in changed if self.places[one]]
        shows_by = deed.now + int(PENDING_LOGIN_TTL.total_seconds())
        half_way = [one for one in changed if deed.before.has_app(one)]
        return due + [Due(one, "password_known", deed.now, shows_by, _given(deed, "pre")) for one in half_way]

    def _settle_due(self, deed: Deed) -> None:
        """Drop notices of what was completed in time; after five misses a notice is due at once."""
        if deed.pending_login and any(row["account_id"] == deed.pending_login["account_id"] for row in deed.begun):
            self.due = [one for one in self.due if one.attempt != deed.pending_login["digest"]]
        if deed.path in ("/login", "/activate") and deed.pending_login and (given := _given(deed, "pre")):
            self._carry(
                deed.pending_login["digest"], given, deed.after.of("pending_logins", digest=given)[0]["account_id"]
            )
        if deed.session and "stepup.ok" in deed.events(deed.session["account_id"]):
            mine = deed.session["id"]
            self.due = [one for one in self.due if one.attempt != mine or one.shows_by <= deed.now]
        self._hasten(deed)

    def _carry(self, pending_login: bytes, to: bytes, owner: int) -> None:
        is_carried = [one.attempt == pending_login and one.account == owner for one in self.due]
        self.due = [replace(one, attempt=to) if is_so else one for one, is_so in zip(self.due, is_carried, strict=True)]

    def _hasten(self, deed: Deed) -> None:
        """After five misses of a pending login, or five right passwords of a session without their code."""
        wrong = next((claim for claim in deed.judged if not claim.is_right and claim.kind != "password"), None)
        if wrong and wrong.place == "login" and deed.pending_login:
            pending_login = deed.pending_login["digest"]
            self.misses[pending_login] += 1
            if self.misses[pending_login] >= PENDING_LOGIN_TRIES:
                self._tell_now(pending_login, deed.now)
        elif wrong and wrong.place == "step-up" and deed.session:
            mine = deed.session["id"]
            if sum(one.attempt == mine for one in self.due) >= PENDING_LOGIN_TRIES:
                self._tell_now(mine, deed.now)

    def _tell_now(self, attempt: bytes | str, now: int) -> None:
        is_waiting = [one.attempt == attempt and one.shows_by > now for one in self.due]
        self.due = [
            replace(one, shows_by=now) if is_so else one for one, is_so in zip(self.due, is_waiting, strict=True)
        ]

    def _count(self, deed: Deed) -> None:
        for line in deed.lines:
            if line.account_id and line.event == "session.started":
                self.in_vain[line.account_id] = 0
            elif line.account_id and line.event in FACTOR_FAILURES:
                self.in_vain[line.account_id] += 1


def identity(row: Row) -> tuple[str, str]:
    return row.table, str(row.values.get("id", row.values.get("digest")))


def _given(deed: Deed, kind: str) -> bytes:
    """The digest of a cookie that the answer gave."""
    found = deed.given.get(kind)
    return digest(found) if found else b""
