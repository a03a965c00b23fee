"""One act of a history: what was sent and proved, what the panel answered, and what that changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from httpx2 import Response

from tests.histories.snapshot import Change, Line, Row, Snapshot, changes
from web.guards.guard import Demand, State
from web.visit.cookies import digest

JUDGED = {200, 303, 422}  # what is answered to whom is let in; others wait, or are sent away before they are judged


@dataclass(frozen=True)
class Claim:
    """A factor of an account that was sent somewhere, and whether it is the right one as far as anybody knows."""

    place: str  # "login", "step-up", "change", "rehearsal", "undo", "enrolment"
    account: int
    kind: str  # "password", "totp", "recovery"
    is_right: bool
    step: tuple[str, int] | None = None  # the key and the step of a right code
    recovery_code: str = ""


@dataclass
class Deed:
    said: str
    before: Snapshot
    claims: Sequence[Claim] = ()  # in the order in which they are judged; after a wrong one none is
    path: str = ""  # of a route
    method: str = ""
    demand: Demand | None = None
    browser: str = ""
    sent: dict[str, str] = field(default_factory=dict)  # cookies: kind and value
    named: int | None = None  # whom a form, a code or a command names
    command: str = ""  # at the terminal
    may_change_password_to: str = ""
    answer: Response | None = None
    after: Snapshot = field(init=False)
    lines: list[Line] = field(default_factory=list)

    @property
    def at(self) -> datetime:
        return self.after.at

    @property
    def now(self) -> int:
        return self.after.now

    @property
    def status(self) -> int:
        return self.answer.status_code if self.answer else 0

    @cached_property
    def session(self) -> Row | None:
        """The live session of the cookie that was sent, as it was before."""
        return self.before.session(_digest(self.sent.get("sid")))

    @cached_property
    def pending_login(self) -> Row | None:
        return self.before.pending_login(_digest(self.sent.get("pre")))

    @cached_property
    def changes(self) -> list[Change]:
        return list(changes(self.before, self.after))

    def is_reset(self, account: int | None) -> bool:
        """Whether an administrator's reset of the second factor had become due, and was done now."""
        begun = self.before.of("delayed_acts", account_id=account, kind="factor_reset")
        is_done = any(line.account_id == account and line.event == "people.factor_reset" for line in self.lines)
        return is_done and any(act["due_at"] <= self.now for act in begun)

    @cached_property
    def begun(self) -> list[Row]:
        """Sessions that were not there before."""
        return [one.after for one in self.changes if one.row.table == "sessions" and one.after and not one.before]

    @property
    def judged(self) -> list[Claim]:
        """Up to the first that is wrong. Whoever has to wait is not judged, nor known to be."""
        is_over = self.status in JUDGED or any(line.event == "stepup.ok" for line in self.lines)
        if not (is_over and self.is_admitted):
            return []
        wrong = next((number for number, claim in enumerate(self.claims) if not claim.is_right), len(self.claims))
        return list(self.claims[: wrong + 1])

    @property
    def given(self) -> dict[str, str]:
        """Cookies that the answer gave; "" for one that it took."""
        return cookies_given(self.answer) if self.answer else {}

    @property
    def is_right(self) -> bool:
        """Whether something was proved, and nothing in vain."""
        return bool(self.claims) and all(claim.is_right for claim in self.claims)

    def has_right(self, account: int | None, *kinds: str) -> bool:
        return any(claim.account == account and claim.kind in kinds for claim in self.claims if claim.is_right)

    @property
    def is_admitted(self) -> bool:
        """Whether the door is open to this cookie, whatever it asks then."""
        demand = self.demand
        if demand is None or demand.door is State.ANYONE:
            return True
        if demand.door is State.PENDING_LOGIN:
            return self.pending_login is not None
        if self.session is None or (self.before.enrols_only(self.session) and not demand.allows_enrolment):
            return False
        return not demand.admin_only or self._administers

    @property
    def _administers(self) -> bool:
        assert self.session
        return bool(self.before.of("accounts", id=self.session["account_id"])[0]["role"] == "admin")

    def events(self, account: int | None) -> list[str]:
        return [line.event for line in self.lines if line.account_id == account]


def _digest(cookie: str | None) -> bytes | None:
    return digest(cookie) if cookie else None


def cookies_given(answer: Response) -> dict[str, str]:
    """By an answer; "" for one that it takes."""
    pairs = [header.partition(";")[0].partition("=") for header in answer.headers.get_list("set-cookie")]
    return {name.split("-")[1]: value.strip('"') for name, _, value in pairs}
