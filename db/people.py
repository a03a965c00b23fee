"""People as administrators see them: a list in the order of names, by the page."""

from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import NamedTuple

from db.database import Reader

MANY = 3000  # parts of names; with more, names are walked in their order until a page is full


class State(StrEnum):
    ACTIVE = "active"
    INVITED = "invited"  # never chose a password and was never signed in
    DISABLED = "disabled"


class Person(NamedTuple):
    """The `activation_` fields are None without a code that still counts; its maker is None also for the terminal."""

    id: int
    name: str
    is_admin: bool
    created_at: datetime
    disabled_at: datetime | None
    last_login_at: datetime | None
    two_factor_required_at: datetime | None  # the rule for this person, apart from that for everybody
    has_password: bool
    has_two_factor: bool
    has_app: bool
    passkeys: int
    recovery_codes_left: int
    open_sessions: int
    activation_kind: str | None
    activation_made_at: datetime | None
    activation_ends_at: datetime | None
    activation_made_by: str | None

    @property
    def state(self) -> State:
        if self.disabled_at:
            return State.DISABLED
        return State.ACTIVE if self.has_password or self.last_login_at else State.INVITED


class Counts(NamedTuple):
    all: int
    protected: int
    invited: int
    disabled: int

    @property
    def unprotected(self) -> int:
        return self.all - self.protected


class Filter(Enum):
    """Whom a list shows, in SQL; of the last two an index holds the names."""

    EVERYBODY = "TRUE"
    UNPROTECTED = "NOT EXISTS (SELECT 1 FROM factors_in_force WHERE factors_in_force.account_id = accounts.id)"
    INVITED = "disabled_at IS NULL AND sealed_password IS NULL AND last_login_at IS NULL"
    DISABLED = "disabled_at IS NOT NULL"


class Search(Enum):
    """How a part of a name is looked for, in SQL."""

    NONE = "TRUE"
    RARE = "id IN (SELECT account_id FROM name_parts WHERE part >= :search AND part < :search || '~')"
    COMMON = """EXISTS (SELECT 1 FROM name_parts
        WHERE name_parts.account_id = accounts.id AND part >= :search AND part < :search || '~')"""


_PERSON = """
    SELECT accounts.id, accounts.name, accounts.role = 'admin', accounts.created_at, accounts.disabled_at,
        accounts.last_login_at, accounts.two_factor_required_at, accounts.sealed_password IS NOT NULL,
        EXISTS (SELECT 1 FROM factors_in_force WHERE factors_in_force.account_id = accounts.id),
        EXISTS (SELECT 1 FROM factors_in_force WHERE factors_in_force.account_id = accounts.id AND kind = 'totp'),
        (SELECT count(*) FROM passkeys WHERE passkeys.account_id = accounts.id),
        (SELECT count(*) FROM recovery_codes WHERE recovery_codes.account_id = accounts.id AND used_at IS NULL),
        (SELECT count(*) FROM sessions WHERE sessions.account_id = accounts.id
            AND sessions.ends_at > :at AND last_seen_at > :idle_since),
        activations.kind, activations.made_at, activations.ends_at, makers.name
    FROM accounts
        LEFT JOIN activations ON activations.account_id = accounts.id AND activations.ends_at > :at
        LEFT JOIN accounts AS makers ON makers.id = activations.made_by
"""
PAGES = {
    (whom, search): f"""{_PERSON} WHERE accounts.id IN (
        SELECT id FROM accounts WHERE {whom.value} AND {search.value} AND name > :after ORDER BY name LIMIT :limit)
        ORDER BY accounts.name
    """  # noqa: S608, constants
    for whom in Filter
    for search in Search
}


async def page_of(
    db: Reader,
    whom: Filter = Filter.EVERYBODY,
    *,
    search: str = "",
    after: str = "",
    at: datetime,
    idle: timedelta,
    limit: int,
) -> list[Person]:
    """At most `limit` of them whose names hold `search` and come after the name `after`."""
    moments = {"at": at, "idle_since": at - idle}
    sql = PAGES[whom, await _way_to(db, search)]
    return await db.all(Person, sql, search=search, after=after, limit=limit, **moments)


async def _way_to(db: Reader, search: str) -> Search:
    if not search:
        return Search.NONE
    sql = """
        SELECT count(*) FROM (
            SELECT 1 FROM name_parts WHERE part >= :search AND part < :search || '~' LIMIT :limit)
    """
    found = await db.all(int, sql, search=search, limit=MANY)
    return Search.RARE if found[0] < MANY else Search.COMMON


async def one(db: Reader, account_id: int, *, at: datetime, idle: timedelta) -> Person | None:
    return await db.one(Person, _PERSON + "WHERE accounts.id = :id", id=account_id, at=at, idle_since=at - idle)


async def chosen(db: Reader, ids: tuple[int, ...], *, at: datetime, idle: timedelta) -> list[Person]:
    """Those of them that exist, in the order of names."""
    sql = _PERSON + "WHERE accounts.id IN (:ids) ORDER BY accounts.name"
    return await db.all(Person, sql, ids=ids, at=at, idle_since=at - idle)


async def counts(db: Reader) -> Counts:
    """Factors stand for accounts, but for passkeys, of which somebody may have several, or one beside an app."""
    sql = f"""
        SELECT (SELECT count(*) FROM accounts),
            (SELECT count(*) FROM factors_in_force) - (SELECT count(*) FROM passkeys)
                + (SELECT count(DISTINCT account_id) FROM passkeys WHERE NOT EXISTS (
                    SELECT 1 FROM factors_in_force
                    WHERE factors_in_force.account_id = passkeys.account_id AND kind = 'totp')),
            (SELECT count(*) FROM accounts WHERE {Filter.INVITED.value}),
            (SELECT count(*) FROM accounts WHERE {Filter.DISABLED.value})
    """  # noqa: S608, constants
    return (await db.all(Counts, sql))[0]
