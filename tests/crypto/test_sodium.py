"""Hashes by libsodium in worker processes: they equal those of argon2-cffi, and a worker that ends harms nobody."""

import contextlib
import logging
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import argon2
import httpx2
import pytest
from argon2.low_level import Type, hash_secret_raw
from starlette.testclient import TestClient

from tests.support.commands import free_port, started
from tests.support.people import ORIGIN, Person, give_password
from tests.support.priority import nice_and_turn
from tests.support.steady import until
from web.app import create_app
from web.crypto.argon2id import Argon2id, Phc
from web.crypto.sodium import Sodium, Worker
from web.limits import ARGON2, Cost
from web.settings import Settings

pytestmark = pytest.mark.skipif(not find_spec("nacl"), reason="PyNaCl has no wheel for this machine")
only_on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

SALT = b"sixteen bytes !!"
CHEAP = Cost(memory_kib=8, passes=1, lanes=1)
COMPUTED = [CHEAP, Cost(64, 3, 1), Cost(9999, 1, 1), ARGON2]
LEFT = [(SALT, Cost(4096, 2, 2)), (SALT, Cost(9999, 1, 4)), (b"8 bytes!", CHEAP), (b"more than sixteen", CHEAP)]


class Watched(Sodium):
    """Knows the workers that it has started."""

    def __init__(self) -> None:
        super().__init__(self._begin)
        self.workers: list[Worker] = []

    def _begin(self) -> Worker:
        self.workers.append(Worker())
        return self.workers[-1]


@pytest.fixture
def sodium() -> Iterator[Watched]:
    with contextlib.closing(Watched()) as sodium:
        yield sodium


@pytest.mark.parametrize("cost", COMPUTED, ids=str)
def test_libsodium_and_argon2_cffi_accept_each_others_hashes(sodium: Watched, cost: Cost) -> None:
    for secret in ("girafa azul", "", "ç" * 512):
        made = str(Phc(cost, SALT, sodium.digest(secret.encode(), SALT, cost)))
        assert argon2.PasswordHasher().verify(made, secret)
        theirs = argon2.PasswordHasher(cost.passes, cost.memory_kib, cost.lanes).hash(secret)
        read = Phc.read(theirs)
        assert sodium.digest(secret.encode(), read.salt, read.cost) == read.tag
        assert str(read) == theirs
    assert len(sodium.workers) == 1


@pytest.mark.parametrize(("salt", "cost"), LEFT, ids=str)
def test_what_libsodium_cannot_compute_argon2_cffi_does(sodium: Watched, salt: bytes, cost: Cost) -> None:
    made = str(Phc(cost, salt, sodium.digest(b"girafa azul", salt, cost)))
    assert argon2.PasswordHasher().verify(made, "girafa azul")
    assert not sodium.workers


def test_random_hashes_are_those_that_argon2_cffi_makes(sodium: Watched, pytestconfig: pytest.Config) -> None:
    """The same cases each time; a million with `--hashes 1000000`."""
    cases = random.Random(9106)
    for number in range(pytestconfig.getoption("hashes")):
        secret, salt = cases.randbytes(cases.choice((0, 1, 12, 64, 1024))), cases.randbytes(16)
        cost = Cost(memory_kib=cases.randint(8, 64), passes=cases.randint(1, 3), lanes=1)
        tag = hash_secret_raw(secret, salt, cost.passes, cost.memory_kib, cost.lanes, 32, Type.ID)
        assert sodium.digest(secret, salt, cost) == tag, number
    assert len(sodium.workers) == 1


def test_threads_have_a_worker_each_and_get_their_own_hashes(sodium: Watched) -> None:
    secrets = [str(number).encode() for number in range(200)]
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda secret: sodium.digest(secret, SALT, CHEAP), secrets))
    assert made == [Argon2id().digest(secret, SALT, CHEAP) for secret in secrets]
    assert len(sodium.workers) <= 4


class Missing(Worker):
    def __init__(self) -> None:
        raise FileNotFoundError


class Ended(Worker):
    def digest(self, secret: bytes, salt: bytes, cost: Cost) -> bytes:
        os.kill(self.pid, signal.SIGKILL)
        return super().digest(secret, salt, cost)


class Wrong(Worker):
    def digest(self, secret: bytes, salt: bytes, cost: Cost) -> bytes:
        return super().digest(secret, salt, cost._replace(passes=cost.passes + (cost.memory_kib > 64)))


@pytest.mark.parametrize("kind", [Missing, Ended, Wrong])
def test_where_workers_are_missing_or_wrong_hashes_are_made_without_them(
    kind: type[Worker], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "panel")
    sodium = Sodium(kind)
    for _ in range(2):
        assert sodium.digest(b"girafa", SALT, CHEAP) == Argon2id().digest(b"girafa", SALT, CHEAP)
    assert [record.message for record in caplog.records] == ["hash.plain"]
    assert not sodium._idle


@only_on_linux
def test_workers_have_a_lower_priority(sodium: Watched) -> None:
    sodium.digest(b"girafa", SALT, CHEAP)
    nice, turn = nice_and_turn(sodium.workers[0].pid)
    _, shortest = nice_and_turn()
    assert nice == 19
    assert shortest == 0 or turn > shortest  # older kernels tell of no turns


def test_a_worker_finishes_its_hash_when_all_processes_are_told_to_end(sodium: Watched) -> None:
    """As Ctrl-C in a terminal does, and systemd."""
    before = sodium.digest(b"girafa", SALT, CHEAP)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(sodium.workers[0].pid, number)
    assert sodium.digest(b"girafa", SALT, CHEAP) == before
    assert len(sodium.workers) == 1


def test_a_hash_is_lost_with_its_worker_and_the_next_has_another(sodium: Watched) -> None:
    sodium.digest(b"girafa", SALT, CHEAP)
    [worker] = sodium.workers
    os.kill(worker.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(worker.digest, b"girafa", SALT, CHEAP)
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(ChildProcessError):
            asked.result()
    assert sodium.digest(b"girafa", SALT, CHEAP) == Argon2id().digest(b"girafa", SALT, CHEAP)
    assert len(sodium.workers) == 2


def test_a_worker_without_memory_ends_and_says_nothing(sodium: Watched, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ChildProcessError):
        sodium.digest(b"girafa", SALT, Cost(memory_kib=999_999_999, passes=1, lanes=1))
    assert capfd.readouterr().err == ""


class Mortal(Worker):
    is_dying = False

    def digest(self, secret: bytes, salt: bytes, cost: Cost) -> bytes:
        if self.is_dying:
            os.kill(self.pid, signal.SIGKILL)
        return super().digest(secret, salt, cost)


@pytest.mark.parametrize("dies", ["while it computes", "while it is idle"])
def test_a_killed_worker_counts_against_nobody(
    dies: str, alice: Person, client: TestClient, new_client: Callable[..., TestClient], rows: Callable[..., Any]
) -> None:
    """A66: the hash that it computed is lost; another worker computes the next one."""
    browser = new_client(raise_server_exceptions=False)
    with contextlib.closing(Sodium(Mortal)) as sodium:
        browser.app_state["panel"] = replace(browser.app_state["panel"], argon2id=sodium)
        assert browser.post("/login", data={"name": alice.name, "password": "girafa verde"}).status_code == 422
        counted = rows("SELECT kind, key, failures FROM attempts ORDER BY kind, key")
        [worker] = sodium._idle
        assert isinstance(worker, Mortal)
        if dies == "while it computes":
            worker.is_dying = True
            assert give_password(browser, alice).status_code == 500
            assert rows("SELECT kind, key, failures FROM attempts ORDER BY kind, key") == counted
        else:
            os.kill(worker.pid, signal.SIGKILL)
            until(lambda: not worker.is_running)
        assert give_password(browser, alice).status_code == 303


def test_a_panel_that_is_closed_waits_until_its_workers_have_ended(settings: Settings, sodium: Watched) -> None:
    app = create_app(settings, argon2id=sodium)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
        assert client.post("/login", data={"name": "ninguém", "password": "girafa azul"}).status_code == 422
        assert [worker.is_running for worker in sodium.workers] == [True]
    assert [worker.is_running for worker in sodium.workers] == [False]


@only_on_linux
@pytest.mark.parametrize("ends", ["SIGTERM", "SIGKILL"])
def test_workers_begin_with_the_first_hash_and_end_with_the_panel(ends: str, tmp_path: Path) -> None:
    """The password is told to a worker by its input alone."""
    port = free_port()
    with started("serve", "--port", port, "--data", str(tmp_path / "data")) as (panel, _):
        assert not children(panel.pid)
        address, fields = f"http://127.0.0.1:{port}", {"name": "ninguém", "password": "girafa azul"}
        assert httpx2.post(f"{address}/login", data=fields, headers={"Origin": address}).status_code == 422
        [worker] = children(panel.pid)
        assert b"girafa" not in Path(f"/proc/{worker}/cmdline").read_bytes()
        assert b"girafa" not in Path(f"/proc/{worker}/environ").read_bytes()
        panel.send_signal(signal.Signals[ends])
        panel.wait()
        until(lambda: has_ended(worker))


def children(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]


def has_ended(pid: int) -> bool:
    """Also when nobody has asked for its status yet."""
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"
