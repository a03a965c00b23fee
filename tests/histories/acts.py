"""The acts of people who are signed in, one for every POST route: a route without an act fails the tests."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.histories.deed import Claim
from tests.histories.model import Model, Secrets
from tests.histories.players import NO_CODE, PASSWORDS, WRONG_PASSWORD, Hand
from tests.histories.snapshot import Row, Snapshot
from tests.support.people import Person, code_for

RIGHT, WRONG, NONE = "the right", "a wrong", "no"
NOW, NEXT, USED = "the current", "the next", "the last used"
RECOVERY, SPENT = "a recovery", "a spent recovery"


@dataclass(frozen=True)
class Proof:
    """What is typed at Confirme que é você: a password, and a code of the app or one of the sheet."""

    password: str
    second: str

    def __str__(self) -> str:
        return f"{self.password} password and {self.second} code"


@dataclass(frozen=True)
class Turn:
    """Somebody's, at a browser: whose session its cookie stands for, and what they choose."""

    hand: Hand
    model: Model
    before: Snapshot
    at: datetime
    session: Row | None
    pick: int = 0
    password: str = RIGHT
    code: str = NOW

    @property
    def account(self) -> int | None:
        return self.session["account_id"] if self.session else None

    @property
    def known(self) -> Secrets:
        """Of the account that they know something of."""
        return self.model.secrets[self.model.account(self.hand.account)]

    def typed_password(self, kind: str) -> str:
        return self.known.password if kind == RIGHT and self.known.password else WRONG_PASSWORD

    def typed_code(self, kind: str, key: str) -> str:
        """Without the app, codes of the moment are what the owner was last seen typing."""
        if not key:
            return "000000"
        if kind == WRONG:
            return Person("", "", key).wrong_code_at(self.at)
        if kind == USED or not self.hand.has_app:
            return self.known.last_code
        self.known.last_code = code_for(key, self.at + timedelta(seconds=30 if kind == NEXT else 0))
        return self.known.last_code

    def typed_recovery(self, kind: str) -> str:
        """The first of the sheet, which only the owner has; used, one that was spent."""
        sheet = self.known.recovery_codes if kind != USED else self.known.spent_codes
        return sheet[0] if sheet and self.hand.has_app and kind != WRONG else NO_CODE

    def password_claim(self, place: str, account: int, typed: str) -> Claim:
        is_right = self.model.is_password(account, typed) and not self.before.is_disabled(account)
        return Claim(place, account, "password", is_right)

    def code_claim(self, place: str, account: int, typed: str, key: str) -> Claim:
        step = self.model.step_of(key, typed, self.at)
        return Claim(place, account, "totp", step is not None, step)

    def recovery_claim(self, place: str, account: int, typed: str) -> Claim:
        is_right = typed in self.model.secrets[account].recovery_codes
        return Claim(place, account, "recovery", is_right, recovery_code=typed)

    def some(self, table: str) -> Row | None:
        """One of everybody's."""
        rows = sorted(self.before.of(table), key=lambda row: repr(row.key))
        return rows[self.pick % len(rows)] if rows else None

    def waiting(self, table: str) -> Row | None:
        """What this session has begun, while it lasts."""
        mine = self.before.of(table, session_id=self.session["id"]) if self.session else []
        return next((row for row in mine if row["ends_at"] > self.before.now), None)


@dataclass
class Form:
    fields: dict[str, str] = field(default_factory=dict)
    id: str = ""
    claims: list[Claim] = field(default_factory=list)
    may_change_password_to: str = ""
    said: str = ""
    named: int | None = None  # of the people that it is about
    is_incomplete: bool = False  # something is missing, so that it is refused before the rest is judged


Act = Callable[[Turn], Form]


def plain(turn: Turn) -> Form:
    return Form()


def saying(**fields: str) -> Act:
    return lambda _: Form(dict(fields))


def upon(table: str, **fields: str) -> Act:
    def act(turn: Turn) -> Form:
        row = turn.some(table)
        owner = turn.model.secrets[row.owner].name if row and row.owner else "nobody"
        return Form(dict(fields), id=str(row["id"]) if row else "0", said=f"of {owner}")

    return act


def about_somebody(**fields: str) -> Act:
    """One of the people, by somebody who looks after them or would like to."""

    def act(turn: Turn) -> Form:
        row = turn.some("accounts")
        assert row
        return Form(dict(fields), id=str(row["id"]), named=row["id"], said=f"about {row['name']}")

    return act


def reset_factor(turn: Turn) -> Form:
    """At once, or in an hour."""
    form = about_somebody(reason="Perdeu o celular", hours="01"[turn.pick // 4 % 2])(turn)
    form.said = f"{form.said}, hours: {form.fields['hours']}"
    return form


def about_several(turn: Turn) -> Form:
    form = about_somebody(act=("end", "require", "remind")[turn.pick % 3], days="0")(turn)
    form.fields["people"] = form.id
    form.said = f"{form.fields['act']} {form.said}"
    return form


def stop(turn: Turn) -> Form:
    typed = turn.typed_code(turn.code, turn.known.key)
    if not (turn.account and turn.before.of("delayed_acts", account_id=turn.account)):
        return Form({"code": typed})
    key = turn.model.secrets[turn.account].key
    if not key:
        return Form({"code": typed})
    return Form({"code": typed}, claims=[turn.code_claim("stop", turn.account, typed, key)], said=turn.code)


def confirm(turn: Turn) -> Form:
    waiting = turn.waiting("totp_enrolments")
    key = turn.model.pending.get(turn.session["id"], "") if turn.session else ""
    typed = turn.typed_code(turn.code, key)
    if not (waiting and turn.account and waiting["misses"] < 5):
        return Form({"code": typed})
    return Form({"code": typed}, claims=[turn.code_claim("enrolment", turn.account, typed, key)], said=turn.code)


def undo(turn: Turn) -> Form:
    key = turn.model.replaced.get(turn.account or 0, "")
    typed = turn.typed_code(turn.code, key)
    if not (turn.account and turn.waiting("totp_replaced")):
        return Form({"code": typed})
    return Form({"code": typed}, claims=[turn.code_claim("undo", turn.account, typed, key)], said=turn.code)


def rehearse(turn: Turn) -> Form:
    typed = turn.typed_recovery(turn.code)
    if not (turn.account and turn.before.of("recovery_sets", account_id=turn.account)):
        return Form({"code": typed})
    return Form({"code": typed}, claims=[turn.recovery_claim("rehearsal", turn.account, typed)], said=turn.code)


def change_password(turn: Turn) -> Form:
    current, fresh = turn.typed_password(turn.password), another_password(turn.known)
    claims = [turn.password_claim("change", turn.account, current)] if turn.account else []
    fields = {"current": current, "password": fresh, "repeated": fresh}
    return Form(fields, claims=claims, may_change_password_to=fresh, said=f"{turn.password} password")


def another_password(secrets: Secrets) -> str:
    return next(one for one in PASSWORDS[secrets.name] if one != secrets.password)


def as_file(turn: Turn) -> Form:
    return Form({"codes": " ".join(turn.known.recovery_codes)})


ACTS: dict[str, Act] = {
    "/theme": saying(theme="dark"),
    "/security/totp": plain,
    "/security/totp/confirm": confirm,
    "/security/totp/cancel": plain,
    "/security/totp/undo": undo,
    "/security/totp/remove": plain,
    "/security/passkeys": plain,
    "/security/passkeys/confirm": saying(answer="{}"),
    "/security/passkeys/{id}/rename": upon("passkeys", name="Chaveiro"),
    "/security/passkeys/{id}/remove": upon("passkeys"),
    "/security/recovery-codes": plain,
    "/security/recovery-codes/replacement": plain,
    "/security/recovery-codes/acknowledge": plain,
    "/security/recovery-codes/rehearsal": rehearse,
    "/security/recovery-codes/file": as_file,
    "/security/password": change_password,
    "/security/password/strength": saying(password=WRONG_PASSWORD),
    "/security/sessions/end-others": plain,
    "/security/sessions/{id}/end": upon("sessions"),
    "/security/trusted-devices/{id}/forget": upon("trusted_devices"),
    "/security/notices/{id:int}/mine": upon("notices"),
    "/security/notices/{id:int}/not-mine": upon("notices"),
    "/security/bad-day/lock": plain,
    "/security/bad-day/skip": saying(step="password"),
    "/security/bad-day/reopen": plain,
    "/security/drill": rehearse,
    "/security/delayed-acts/stop": stop,
    "/security/delayed-acts/stop-proved": plain,
    "/people/invite": saying(name="bruno", role="admin"),
    "/people/chosen": about_several,
    "/people/{id:int}/link": about_somebody(),
    "/people/{id:int}/end-sessions": about_somebody(),
    "/people/{id:int}/unlock": about_somebody(),
    "/people/{id:int}/reset-factor": reset_factor,
    "/people/{id:int}/keep-factor": about_somebody(kind="factor_reset"),
    "/people/{id:int}/release": about_somebody(),
    "/people/{id:int}/promote": about_somebody(),
    "/people/{id:int}/demote": about_somebody(),
    "/people/{id:int}/disable": about_somebody(),
    "/people/{id:int}/enable": about_somebody(),
    "/people/{id:int}/invitation/renew": about_somebody(),
    "/people/{id:int}/invitation/revoke": about_somebody(),
    "/me/zone": saying(zone="Asia/Tokyo"),
    "/me/download": plain,
    "/policy/require": saying(days="0"),
    "/policy/release": plain,
    "/activity/verify": plain,
    "/activity/export": plain,
    "/instances": saying(name="Nova"),
    "/instances/{id}/rename": upon("instances", name="Outra"),
    "/instances/{id}/delete": upon("instances"),
    "/instances/{id}/token/show": upon("instances"),
    "/instances/paused/change": plain,
    "/instances/{id}/token/copy": upon("instances"),
    "/instances/{id}/token/change": upon("instances"),
}


def prove(turn: Turn, proof: Proof) -> Form:
    """The fields of Confirme que é você, and what they claim of the account that is asked."""
    password = turn.typed_password(proof.password)
    form = Form({"step_up_password": password, "step_up_code": "", "step_up_recovery": ""}, said=f"with {proof}")
    account = turn.account
    if account is None:
        return form
    form.claims.append(turn.password_claim("step-up", account, password))
    has_app = turn.before.has_app(account)
    form.is_incomplete = has_app and proof.second == NONE
    if proof.second in (RECOVERY, SPENT):
        form.fields["step_up_recovery"] = typed = turn.typed_recovery(RIGHT if proof.second == RECOVERY else USED)
        if has_app:
            form.claims.append(turn.recovery_claim("step-up", account, typed))
    elif proof.second != NONE:
        form.fields["step_up_code"] = typed = turn.typed_code(proof.second, turn.known.key)
        if has_app:
            form.claims.append(turn.code_claim("step-up", account, typed, turn.model.secrets[account].key))
    return form
