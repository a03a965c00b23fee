"""What the database holds at a moment, row by row, each with whose it is."""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from web.limits import ENROL_ONLY_TTL, PASSWORD_FAILURES_KEPT
from web.settings import Settings
from web.visit.cookies import digest

Key = tuple[Any, ...]
Values = dict[str, Any]
# Tables whose rows are the panel's, or a network's; `rates` are an account's where they count for one.
OF_NOBODY = {"panel", "policy", "sub_keys", "findings", "activity_pruned", "setup_codes"}
BY_KEY = {"attempts", "rates"}
IDENTITY = {"sessions": "id", "trusted_devices": "id"}  # what stays when the digest of a cookie changes
SESSION_IDLE = Settings().session_idle


@dataclass(frozen=True)
class Row:
    table: str
    key: Key
    owner: int | None
    values: Values = field(compare=False)

    def __getitem__(self, column: str) -> Any:
        return self.values[column]


@dataclass(frozen=True)
class Line:
    """Of the activity."""

    id: int
    account_id: int | None
    session_id: str | None
    event: str
    detail: str

    @property
    def is_of_actor(self) -> bool:
        """Of somebody who administers the panel and did this to another person, who has the same line; the terminal
        leaves that alone, and says nobody's name."""
        return self.event.startswith("people.") and bool(self.detail) and not self.detail.startswith("por ")


@dataclass(frozen=True)
class Change:
    """A row that came (no `before`), went (no `after`) or is another one now."""

    before: Row | None
    after: Row | None

    @property
    def row(self) -> Row:
        row = self.after or self.before
        assert row
        return row

    @property
    def columns(self) -> set[str]:
        if not (self.before and self.after):
            return set(self.row.values)
        return {name for name, value in self.after.values.items() if self.before[name] != value}

    def __str__(self) -> str:
        how = (
            "came" if not self.before else "went" if not self.after else f"changed ({', '.join(sorted(self.columns))})"
        )
        return f"a row of {self.row.table} {how}"


class Snapshot:
    def __init__(self, rows: Mapping[tuple[str, Key], Row], at: datetime) -> None:
        self.rows, self.at, self.now = rows, at, int(at.timestamp())

    def at_another_time(self, at: datetime) -> "Snapshot":
        """The same rows."""
        return Snapshot(self.rows, at)

    def of(self, table: str, **wanted: object) -> list[Row]:
        """The rows of a table in which these columns hold this."""
        rows = (row for (name, _), row in self.rows.items() if name == table)
        return [row for row in rows if all(row[column] == value for column, value in wanted.items())]

    def session(self, digest: bytes | None) -> Row | None:
        """The live session of a cookie."""
        return next((row for row in self.of("sessions", digest=digest) if self.is_live(row)), None)

    def pending_login(self, digest: bytes | None) -> Row | None:
        return next((row for row in self.of("pending_logins", digest=digest) if row["ends_at"] > self.now), None)

    def has_app(self, account: int) -> bool:
        return bool(self.of("totp", account_id=account))

    def is_of_recovery(self, session: Row) -> bool:
        """It began with a recovery code, and since then nothing was proved in it and no app confirmed."""
        is_new = session["method"] == "recovery" and session["verified_at"] == session["created_at"]
        apps = self.of("totp", account_id=session["account_id"])
        return is_new and all(app["confirmed_at"] <= session["created_at"] for app in apps)

    def is_disabled(self, account: int) -> bool:
        return self.of("accounts", id=account)[0]["disabled_at"] is not None

    def required_at(self, account: int) -> int | None:
        """From when on a second factor is required: of everybody, or earlier of this person alone."""
        rules = [self.of("policy")[0], self.of("accounts", id=account)[0]]
        return min((row["two_factor_required_at"] for row in rules if row["two_factor_required_at"]), default=None)

    def enrols_only(self, session: Row) -> bool:
        required_at = self.required_at(session["account_id"])
        return required_at is not None and required_at <= self.now and not self.has_app(session["account_id"])

    def is_live(self, session: Row) -> bool:
        idle = self.now - session["last_seen_at"] >= SESSION_IDLE.total_seconds()
        over = session["ends_at"] <= self.now or idle
        if over or not self.enrols_only(session):
            return not over
        began = max(session["created_at"], self.required_at(session["account_id"]) or 0)
        return bool(self.now - began < ENROL_ONLY_TTL.total_seconds())

    def is_over(self, row: Row) -> bool:
        """Whether its time has passed, so that anybody may take it away."""
        if row.table == "sessions":
            return not self.is_live(row)
        if row.table in BY_KEY:
            since = row["opens_at"] if row.table == "attempts" else row["begins_at"]
            return bool(since <= self.now - PASSWORD_FAILURES_KEPT.total_seconds())
        if "session_id" in row.values and row["session_id"] and row.table != "notices":
            return row.values.get("ends_at", self.now) <= self.now or self._ended(row["session_id"])
        return "ends_at" in row.values and row["ends_at"] <= self.now

    def _ended(self, session_id: str) -> bool:
        return not any(self.is_live(row) for row in self.of("sessions", id=session_id))


def changes(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    for place in sorted({*before.rows, *after.rows}, key=repr):
        was, now = before.rows.get(place), after.rows.get(place)
        if was is None or now is None or was.values != now.values:
            yield Change(was, now)


class Book:
    """Reads them from outside the panel."""

    def __init__(self, file: str, keys: Mapping[bytes, int]) -> None:
        """`keys` tell with which bytes the counters of an account begin."""
        self._connection = sqlite3.connect(file, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._keys, self._sessions = dict(keys), dict[str, int]()
        listed = self._ask("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        self._tables = {name: self._identity(name) for (name,) in listed if name != "activity"}

    def close(self) -> None:
        self._connection.close()

    def _ask(self, sql: str, *values: object) -> list[Any]:
        return self._connection.execute(sql, values).fetchall()

    def _identity(self, table: str) -> list[str]:
        """The columns that tell a row from the others."""
        primary = [row["name"] for row in self._ask(f"PRAGMA table_info({table})") if row["pk"]]
        return [IDENTITY[table]] if table in IDENTITY else primary

    def read(self, at: datetime) -> Snapshot:
        found: dict[tuple[str, Key], Row] = {}
        tables = {name: [dict(row) for row in self._ask(f"SELECT * FROM {name}")] for name in self._tables}  # noqa: S608
        for kind, table in (("session", "sessions"), ("device", "trusted_devices")):
            self._keys |= {digest(f"{kind} {row['id']}"): row["account_id"] for row in tables[table]}
        self._sessions |= {row["id"]: row["account_id"] for row in tables["sessions"]}
        for table, rows in tables.items():
            for values in rows:
                key = tuple(values[name] for name in self._tables[table])
                found[table, key] = Row(table, key, self._owner(table, values), values)
        return Snapshot(found, at)

    def lines(self, after: int) -> list[Line]:
        sql = "SELECT id, account_id, session_id, event, detail FROM activity WHERE id > ? ORDER BY id"
        return [Line(**dict(row)) for row in self._ask(sql, after)]

    def _owner(self, table: str, values: Values) -> int | None:
        if table in OF_NOBODY:
            return None
        if table in BY_KEY:
            return self._keys.get(values["key"][:32])
        if table == "accounts":
            return int(values["id"])
        if table == "former_cookies":
            return self._sessions[values["session_id"]]
        return int(values["account_id"])  # a new table says whose its rows are, or joins those of nobody
