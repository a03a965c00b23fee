"""Many people at once, at the terminal: a table of everybody, and invitations from a file."""

import argparse
import csv
import json
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from db import people as stored
from db.database import Transaction
from db.people import Person, State
from web.audit.events import Event
from web.auth import people
from web.auth.people import NameRefusal, read_name
from web.cli.people import address, disclose
from web.cli.terminal import CommandRefused
from web.http.refusals import name_sentence
from web.limits import INVITATION_TTL, INVITATIONS_AT_ONCE
from web.panel import Panel
from web.visit.scope import at_terminal
from web.words.moments import full
from web.words.storage import reason
from web.words.waits import duration

STEP = 500  # people read at a time
HEADS = ("NOME", "PAPEL", "FATORES", "ÚLTIMA ENTRADA", "SESSÕES", "ESTADO")
STATES = {State.ACTIVE: "ativa", State.INVITED: "convidada", State.DISABLED: "desativada"}
ONCE = f"Cada link vale uma vez, por {duration(INVITATION_TTL)}."
ROLES = {"": False, "member": False, "admin": True}


async def list_people(panel: Panel, options: argparse.Namespace) -> None:
    everybody = [person async for person in _everybody(panel)]
    if options.json:
        print(json.dumps([_as_json(person) for person in everybody], ensure_ascii=False, indent=1))
        return
    rows = [HEADS, *(_row(panel, person) for person in everybody)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)).rstrip())
    counted = await stored.counts(panel.db)
    print(f"{counted.protected} de {counted.all} protegidas por dois fatores.")


async def _everybody(panel: Panel) -> AsyncIterator[Person]:
    after, now, idle = "", panel.now(), panel.settings.session_idle
    while some := await stored.page_of(panel.db, after=after, at=now, idle=idle, limit=STEP):
        for person in some:
            yield person
        after = some[-1].name


def _row(panel: Panel, person: Person) -> tuple[str, ...]:
    passkeys = "1 chave de acesso" if person.passkeys == 1 else f"{person.passkeys} chaves de acesso"
    known = ["aplicativo"] * person.has_app + [passkeys] * bool(person.passkeys)
    factors = ", ".join([*known, f"{person.recovery_codes_left} códigos"]) if known else "só a senha"
    last = full(person.last_login_at, panel.settings.time_zone) if person.last_login_at else "nunca"
    role = "administra" if person.is_admin else "membro"
    return person.name, role, factors, last, str(person.open_sessions), STATES[person.state]


def _as_json(person: Person) -> dict[str, object]:
    told = {name: _plain(value) for name, value in person._asdict().items()}
    return told | {"state": person.state.value}


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


async def invite_csv(panel: Panel, options: argparse.Namespace) -> None:
    """Everybody in the file, or nobody; each line is reported either way."""
    lines = _read(panel, options.file)
    if len(lines) > INVITATIONS_AT_ONCE:
        raise CommandRefused(f"O arquivo passa de {INVITATIONS_AT_ONCE} linhas. Nenhuma conta foi criada.")
    async with panel.db.transaction() as tx:
        told = [await _invite(tx, panel, line) for line in lines]
        wrong = sum(not line.is_invited for line in told)
        if not wrong:
            disclose(panel, *(line.words for line in told), f"Contas criadas: {len(told)}. {ONCE}")
            return
        for line in told:
            print(line.words if not line.is_invited else f"linha {line.number}: {line.name} poderia ser criada")
        raise CommandRefused(f"Nenhuma conta foi criada. Linhas a corrigir: {wrong}.")


class Line(NamedTuple):
    number: int
    name: str
    role: str


class Told(NamedTuple):
    number: int
    name: str
    words: str
    is_invited: bool


def _read(panel: Panel, file: Path) -> list[Line]:
    """A name, and perhaps a comma and a role, on each line that is not empty."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            rows = csv.reader(text)
            return [Line(rows.line_num, row[0], ",".join(row[1:]).strip()) for row in rows if any(row)]
    except OSError as refused:
        raise CommandRefused(f"Não foi possível ler {file} ({reason(refused, panel.settings.data)}).") from None
    except (UnicodeDecodeError, csv.Error):
        raise CommandRefused(f"{file} não é um arquivo CSV em UTF-8. Nenhuma conta foi criada.") from None


async def _invite(tx: Transaction, panel: Panel, line: Line) -> Told:
    name = read_name(line.name)
    if line.role not in ROLES:
        return _wrong(line, name, f"o papel é member ou admin, não {line.role!r}")
    visit, event = at_terminal(panel), Event.CLI_CREATE_ACCOUNT
    created = await people.create(tx, visit, name, is_admin=ROLES[line.role], event=event)
    if isinstance(created, NameRefusal):
        return _wrong(line, name, name_sentence(created, name))
    words = f"linha {line.number}: {name}: {address(panel)}/activate#{created}"
    return Told(line.number, name, words, is_invited=True)


def _wrong(line: Line, name: str, why: str) -> Told:
    return Told(line.number, name, f"linha {line.number}: {name!r}: {why}", is_invited=False)
