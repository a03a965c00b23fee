"""The bad day: one button that shuts everybody else out, then step by step back to safety."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import Response

from db import activity, factors, instances, notices, passkeys, recovery_codes, sessions, trusted_devices
from db.activity import Entry
from db.endings import Cause
from db.instances import Counts
from db.recovery_codes import RecoverySet
from web.audit.events import Event
from web.audit.record import record_event
from web.auth.sessions import end_elsewhere
from web.factors import recovery_code
from web.http import forms
from web.http.page import page
from web.limits import HUB_LOOKS_BACK
from web.visit.visit import RecentlyVerified, SignedIn, VerifiedNow
from web.visit.visitor import find_told, session_transaction

ADDRESS = "/security/bad-day"
LASTS = timedelta(days=7)  # or longer, while a token is paused
FOLLOWED = timedelta(minutes=30)  # after its last step: one that was left out is done after all


class Step(StrEnum):
    """The way back, in this order."""

    DOOR = "door"
    PASSWORD = "password"
    DEVICE = "device"
    CODES = "codes"
    TOKENS = "tokens"


SKIPPABLE = (Step.PASSWORD, Step.DEVICE, Step.CODES)
DOES: dict[str, tuple[Step, ...]] = {
    Event.ACCOUNT_LOCKED: (Step.DOOR,),
    Event.ACCOUNT_ACTIVATED: (Step.PASSWORD,),
    Event.PASSWORD_CHANGED: (Step.PASSWORD,),
    Event.PASSKEY_ENABLED: (Step.DEVICE, Step.CODES),
    Event.TOTP_ADDED: (Step.DEVICE,),
    Event.TOTP_ENABLED: (Step.DEVICE, Step.CODES),
    Event.TOTP_REPLACED: (Step.DEVICE,),
    Event.RECOVERY_RENEWED: (Step.CODES,),
    Event.INSTANCE_TOKEN_CHANGED: (Step.TOKENS,),
    Event.INSTANCE_PAUSED_CHANGED: (Step.TOKENS,),
}
UNDOES: dict[str, tuple[Step, ...]] = {
    Event.TOTP_UNDONE: (Step.DEVICE,),
    Event.PASSKEY_LAST_REMOVED: (Step.DEVICE, Step.CODES),
    Event.TOTP_REMOVED: (Step.DEVICE, Step.CODES),
    Event.CLI_RESET_TWO_FACTOR: (Step.DEVICE, Step.CODES),
}
TELLING = (*DOES, *UNDOES, Event.ACCOUNT_STEP_SKIPPED.value, Event.ACCOUNT_REOPENED.value)


class Stage(NamedTuple):
    """A step as the page shows it: `done` or `skipped` at a moment, `now`, or `later`."""

    step: Step
    status: str
    at: datetime | None


class BadDay(NamedTuple):
    """What the account did about it since everything was locked; without any entry, it was not."""

    entries: list[Entry]

    @property
    def moments(self) -> dict[Step, tuple[str, datetime]]:
        found: dict[Step, tuple[str, datetime]] = {}
        for entry in self.entries:
            if entry.event == Event.ACCOUNT_STEP_SKIPPED and entry.detail in SKIPPABLE:
                found.setdefault(Step(entry.detail), ("skipped", entry.at))
            if entry.event == Event.ACCOUNT_REOPENED:
                found[Step.TOKENS] = ("skipped", entry.at)
            found |= dict.fromkeys(DOES.get(entry.event, ()), ("done", entry.at))
            for step in UNDOES.get(entry.event, ()):
                found.pop(step, None)
        return found

    @property
    def shut(self) -> dict[str, str]:
        """How many sessions ended, tokens paused and devices were forgotten, as far as the entry tells."""
        told = self.entries[0].detail.split(" · ") if self.entries else []
        return dict(zip(("sessions", "tokens", "devices"), told, strict=False))


async def show(visit: SignedIn) -> Response:
    return await _show(visit)


async def lock(visit: RecentlyVerified) -> Response:
    """Bloquear tudo: the other sessions end, other devices lose their trust, tokens pause; all of it or nothing.

    What this session is told of is answered by it: the steps that follow hold the help for every notice.
    """
    session, at = visit.session, visit.at
    await forms.read(visit)
    async with session_transaction(visit) as tx:
        trusted = await trusted_devices.owned_by(tx, session.account_id, at=at)
        await notices.acknowledge_all(tx, owner=session.account_id, session_id=session.id, at=at)
        await recovery_codes.acknowledge(tx, session.account_id, at=at)
        ended = await end_elsewhere(tx, visit, Cause.LOCKED)
        left = await trusted_devices.owned_by(tx, session.account_id, at=at)
        paused = await instances.pause_all(tx, session.account_id, at=at)
        detail = f"{ended} · {paused} · {max(0, len(trusted) - len(left))}"
        await record_event(tx, visit, session.account_id, Event.ACCOUNT_LOCKED, detail)
    await find_told(visit, visit.session)
    return await _show(visit)


async def skip(visit: SignedIn) -> Response:
    """The step whose turn it is does not concern this day, says the owner; it can still be done."""
    step = (await forms.read(visit, "step"))["step"]
    if step not in SKIPPABLE:
        raise HTTPException(422)
    facts = await _facts(visit)
    if Stage(Step(step), "now", None) in _stages(await _bad_day(visit, facts), facts):
        async with session_transaction(visit) as tx:
            await record_event(tx, visit, visit.session.account_id, Event.ACCOUNT_STEP_SKIPPED, step)
    return await _show(visit)


async def reopen(visit: VerifiedNow) -> Response:
    """The tokens can be seen again as they are; whoever fears that one leaked changes it instead."""
    session = visit.session
    await forms.read(visit)
    async with session_transaction(visit) as tx:
        count = await instances.reopen_all(tx, session.account_id)
        await record_event(tx, visit, session.account_id, Event.ACCOUNT_REOPENED, str(count))
    return await _show(visit, notice="Tokens reabertos. Os que podem ter vazado, troque em Instâncias.")


async def is_followed(visit: SignedIn) -> bool:
    """Whether what is done now in Segurança is a step of a bad day, so that it leads back there.

    That is read from the account's own activity, before the step is recorded: no request says where it leads.
    """
    facts = await _facts(visit)
    day = await _bad_day(visit, facts)
    stages = _stages(day, facts)
    ended = [stage.at for stage in stages if stage.at]
    return bool(day.entries) and (len(ended) < len(stages) or visit.at - max(ended) < FOLLOWED)


async def _show(visit: SignedIn, *, notice: str = "") -> Response:
    panel, session = visit.panel, visit.session
    devices = await sessions.owned_by(panel.db, session.account_id, at=visit.at, idle=panel.settings.session_idle)
    facts = await _facts(visit)
    day = await _bad_day(visit, facts)
    stages = _stages(day, facts)
    return page(
        visit,
        "lockdown/steps.html",
        block="steps",
        retarget="#bad-day",
        notice=notice,
        others=len(devices) - 1,
        stages=stages,
        shut=day.shut,
        is_under_way=bool(day.entries),
        is_over=all(stage.status in ("done", "skipped") for stage in stages),
        running=facts.instances.all - facts.instances.paused,
        paused=facts.instances.paused,
        codes_left=facts.codes.left if facts.codes else None,
        level=_protections(visit, facts),
        has_two_factor=session.has_two_factor,
        has_app="totp" in await factors.in_force(panel.db, session.account_id),
        passkeys=await passkeys.owned_by(panel.db, session.account_id),
    )


class WayBack(NamedTuple):
    """How far the account is on the way back."""

    step: int  # whose turn it is, counted from one
    steps: int
    left: int


async def way_back(visit: SignedIn) -> WayBack | None:
    """None without a bad day, and at its end. What pauses no token is looked for among the newest entries alone."""
    facts, owner = await _facts(visit), visit.session.account_id
    locked = (Event.ACCOUNT_LOCKED,)
    if not facts.instances.paused and not await activity.recent(
        visit.panel.db, owner, among=locked, within=HUB_LOOKS_BACK
    ):
        return None
    day = await _bad_day(visit, facts)
    open_steps = [number for number, stage in enumerate(_stages(day, facts), start=1) if stage.at is None]
    return WayBack(open_steps[0], len(_stages(day, facts)), len(open_steps)) if day.entries and open_steps else None


class Facts(NamedTuple):
    instances: Counts
    codes: RecoverySet | None


async def _facts(visit: SignedIn) -> Facts:
    db, owner = visit.panel.db, visit.session.account_id
    return Facts(await instances.counts(db, owner), await recovery_codes.find(db, owner))


def _protections(visit: SignedIn, facts: Facts) -> int:
    """As the hub counts them."""
    if not visit.session.has_two_factor:
        return 1
    codes = facts.codes
    return 3 if codes and recovery_code.counts_as_protection(codes.left, codes.rehearsed_at, visit.at) else 2


async def _bad_day(visit: SignedIn, facts: Facts) -> BadDay:
    """The one under way, if there is one."""
    owner = visit.session.account_id
    entries = await activity.since_latest(visit.panel.db, owner, Event.ACCOUNT_LOCKED, among=TELLING)
    is_past = not facts.instances.paused and bool(entries) and visit.at - entries[0].at >= LASTS
    return BadDay([] if is_past else entries)


def _stages(day: BadDay, facts: Facts) -> list[Stage]:
    """Every step that concerns the account; the turn is that of the first which is neither done nor skipped."""
    moments = day.moments
    if facts.instances.paused:
        moments.pop(Step.TOKENS, None)
    elif day.entries:
        moments.setdefault(Step.TOKENS, ("done", day.entries[0].at))
    absent = {Step.CODES} if facts.codes is None else set()
    absent |= set() if facts.instances.all else {Step.TOKENS}
    steps = [step for step in Step if step not in absent]
    turn = next((step for step in steps if step not in moments), None)
    waiting = {step: ("now" if step == turn else "later", None) for step in steps}
    return [Stage(step, *(waiting | moments)[step]) for step in steps]
