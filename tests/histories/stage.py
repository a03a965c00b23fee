"""One panel with everybody's browsers at it, over a data folder of its own; every history begins with a copy of one
that was prepared."""

import argparse
import contextlib
import io
import random
import re
import shutil
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from anyio.from_thread import BlockingPortal
from httpx2 import Response
from starlette.testclient import TestClient

from tests.conftest import beside
from tests.histories.deed import cookies_given
from tests.histories.model import STEP, Model, Secrets
from tests.histories.players import ADMIN, BROWSERS, CARLA, NAMES, PASSWORDS
from tests.support.clock import Clock
from tests.support.people import ORIGIN, code_for, codes_on, key_on
from tests.support.steady import StillLoop, until
from web.app import create_app
from web.cli import doctor, key_rotation, people
from web.cli.serve import new_setup_code
from web.cli.terminal import Command
from web.limits import HOUSEKEEPING, OPENING_GRACE, Cost
from web.panel import Panel
from web.runtime import housekeeping
from web.settings import Settings
from web.words.devices import device

Jar = dict[str, str]  # cookies by kind


def settings(folder: Path) -> Settings:
    zone, cost = ZoneInfo("America/Sao_Paulo"), Cost(memory_kib=8, passes=1, lanes=1)
    return Settings(data=folder, public_url=ORIGIN, time_zone=zone, hash_cost=cost)


class Stage:
    """The panel, its clock, and the browsers with their cookies."""

    def __init__(self, folder: Path, at: datetime, jars: dict[str, Jar], seed: int) -> None:
        self.clock, self.jars, self.loop = Clock(), jars, StillLoop()
        self.clock.at = at
        app = create_app(settings(folder), now=self.clock, token_bytes=random.Random(seed).randbytes)
        still = {"loop_factory": lambda: self.loop}
        self._client = TestClient(app, backend_options=still, base_url=ORIGIN, headers={"Origin": ORIGIN})

    def open(self) -> None:
        self._client.__enter__()
        until(lambda: self.loop.timers(HOUSEKEEPING, type(None)))  # from here on nothing happens by itself
        self._clients = {name: self._browser(name) for name in BROWSERS}

    def close(self) -> None:
        self._client.__exit__(None, None, None)

    def _browser(self, name: str) -> TestClient:
        address, agent = (BROWSERS[name].address, 1), BROWSERS[name].agent
        return beside(self._client, client=address, headers={"Origin": ORIGIN, "User-Agent": agent})

    @property
    def portal(self) -> BlockingPortal:
        assert self._client.portal
        return self._client.portal

    @property
    def panel(self) -> Panel:
        panel: Panel = self._client.app_state["panel"]
        return panel

    def send(self, browser: str, method: str, address: str, fields: dict[str, str], cookies: Jar) -> Response:
        """What the answer gives stays in the browser, whichever cookies were sent."""
        client, short_id = self._clients[browser], self.panel.short_id
        sent = "; ".join(f"__Host-{kind}-{short_id}={value}" for kind, value in cookies.items())
        answer = client.request(method, address, data=fields or None, headers={"Cookie": sent} if sent else {})
        client.cookies.clear()
        return answer

    def keep(self, browser: str, given: Jar) -> None:
        jar = self.jars[browser] | given
        self.jars[browser] = {kind: value for kind, value in jar.items() if value}

    def at_the_terminal(self, command: Command, name: str) -> str:
        """Returns what it said; raises CommandRefused."""
        with contextlib.redirect_stdout(io.StringIO()) as said:
            done = self.portal.start_task_soon(command, self.panel, argparse.Namespace(name=name, admin=False))
            until(lambda: done.done() or self._wait_no_longer())
            done.result()
        return said.getvalue()

    def _wait_no_longer(self) -> bool:
        if self.loop.timers(OPENING_GRACE, type(None)):
            self.loop.forward(OPENING_GRACE)
        return False


COMMANDS: dict[str, Command] = {
    "reset-password": people.reset_password,
    "reset-two-factor": people.reset_two_factor,
    "end-sessions": people.end_sessions,
    "unlock": people.unlock,
    "promote": people.promote,
    "demote": people.demote,
    "disable": people.disable,
    "enable": people.enable,
    "resync-totp": people.resync_totp,
    "prune": doctor.prune,
    "rotate-key": key_rotation.rotate_key,
}


def activation_in(said: str) -> str:
    found = re.search(r"ativação: (\S+)", said)
    assert found, said
    return found[1]


@dataclass
class Prepared:
    """A data folder that histories begin with, and what everybody holds then."""

    folder: Path
    at: datetime
    jars: dict[str, Jar] = field(default_factory=dict)
    secrets: dict[int, Secrets] = field(default_factory=dict)
    spent: dict[str, set[int]] = field(default_factory=dict)

    def begin(self, folder: Path, seed: int) -> Stage:
        shutil.copytree(self.folder, folder)
        stage = Stage(folder, self.at, deepcopy(self.jars), seed)
        stage.open()
        return stage

    def model(self) -> Model:
        return Model(deepcopy(self.secrets), self._places(), deepcopy(self.spent))

    def _places(self) -> dict[int, set[tuple[str, str]]]:
        at = {n: BROWSERS[f"{one.name}'s browser"] for n, one in self.secrets.items()}
        return {number: {(browser.address, device(browser.agent))} for number, browser in at.items()}


def prepare(folder: Path) -> Prepared:
    """Four people, each signed in at home six minutes ago: all but carla have a second factor."""
    stage = Stage(folder, Clock().at, {name: {} for name in BROWSERS}, seed=1)
    stage.open()
    try:
        prepared = Prepared(folder, stage.clock.at)
        for number, name in enumerate(NAMES, 1):
            prepared.secrets[number] = Secrets(name, PASSWORDS[name][0])
            _move_in(stage, prepared, number)
        prepared.at, prepared.jars = stage.clock.forward(minutes=6), stage.jars
        stage.portal.call(housekeeping.clear, stage.panel)
        return prepared
    finally:
        stage.close()


def _move_in(stage: Stage, prepared: Prepared, number: int) -> None:
    secrets, at_home = prepared.secrets[number], f"{prepared.secrets[number].name}'s browser"

    def post(address: str, **fields: str) -> Response:
        answer = stage.send(at_home, "POST", address, fields, stage.jars[at_home])
        assert answer.status_code in (200, 303), answer.text
        stage.keep(at_home, cookies_given(answer))
        return answer

    if secrets.name == ADMIN:
        code = str(stage.portal.call(new_setup_code, stage.panel))
        post("/setup", setup_code=code, name=ADMIN, password=str(secrets.password), repeated=str(secrets.password))
    else:
        code = activation_in(stage.at_the_terminal(people.create_account, secrets.name))
        post("/activate", activation_code=code, password=str(secrets.password), repeated=str(secrets.password))
    post("/instances", name=f"Loja de {secrets.name}")
    if secrets.name != CARLA:
        secrets.key = key_on(post("/security/totp").text)
        secrets.last_code = code_for(secrets.key, stage.clock())
        secrets.recovery_codes = codes_on(post("/security/totp/confirm", code=secrets.last_code).text)
        prepared.spent[secrets.key] = {int(stage.clock().timestamp()) // STEP}
