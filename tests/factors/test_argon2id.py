import itertools
import random
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import argon2
import pytest
from argon2.low_level import Type, hash_secret_raw
from starlette.testclient import TestClient

from tests.support.people import ORIGIN
from tests.support.steady import StillLoop, until
from web.app import create_app
from web.factors.argon2id import Argon2id, Phc
from web.limits import ARGON2, Cost
from web.settings import Settings

COSTS = [Cost(8, 1, 1), Cost(64, 3, 1), Cost(4096, 2, 2), Cost(9999, 1, 4), ARGON2]
SALT = b"sixteen bytes !!"


HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.fixture
def keeping() -> Argon2id:
    argon2id = Argon2id()
    assert argon2id.use_blocks()
    return argon2id


@pytest.fixture
def asking_anew() -> Argon2id:
    argon2id = Argon2id(keeps_memory=False)
    assert argon2id.use_blocks()
    return argon2id


def memory(kind: str = "Rss") -> int:
    """KiB of memory of this process that is really there."""
    found = re.search(rf"^{kind}:\s+(\d+) kB", Path("/proc/self/smaps_rollup").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


@pytest.mark.parametrize("cost", COSTS, ids=str)
def test_the_library_takes_what_is_made_in_blocks_and_the_other_way_round(
    keeping: Argon2id, asking_anew: Argon2id, cost: Cost
) -> None:
    for argon2id, secret in itertools.product((keeping, asking_anew), ("girafa azul", "", "ç" * 200)):
        made = str(Phc(cost, SALT, argon2id.digest(secret.encode(), SALT, cost)))
        assert argon2.PasswordHasher().verify(made, secret)
        theirs = argon2.PasswordHasher(cost.passes, cost.memory_kib, cost.lanes).hash(secret)
        read = Phc.read(theirs)
        assert argon2id.digest(secret.encode(), read.salt, read.cost) == read.tag
        assert str(read) == theirs


def test_random_hashes_are_those_that_argon2_cffi_makes(keeping: Argon2id, pytestconfig: pytest.Config) -> None:
    """The same cases each time; a million with `--hashes 1000000`."""
    cases = random.Random(9106)
    for number in range(pytestconfig.getoption("hashes")):
        secret, salt = cases.randbytes(cases.choice((0, 1, 12, 64, 1024))), cases.randbytes(16)
        cost = Cost(memory_kib=cases.randint(8, 64), passes=cases.randint(1, 3), lanes=1)
        tag = hash_secret_raw(secret, salt, cost.passes, cost.memory_kib, cost.lanes, 32, Type.ID)
        assert keeping.digest(secret, salt, cost) == tag, number


def test_hashes_at_once_do_not_get_into_each_others_memory(keeping: Argon2id) -> None:
    cost = Cost(1024, 1, 1)
    secrets = [str(number).encode() for number in range(200)]
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda secret: keeping.digest(secret, SALT, cost), secrets))
    assert made == [Argon2id().digest(secret, SALT, cost) for secret in secrets]


def test_kept_memory_is_wiped(keeping: Argon2id) -> None:
    keeping.digest(b"girafa azul", SALT, ARGON2)
    assert [bytes(block._memory).strip(b"\0") for block in keeping._idle] == [b""]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_kept_for_the_next_hash_and_given_back_at_rest(keeping: Argon2id) -> None:
    before = memory()
    keeping.digest(b"girafa azul", SALT, ARGON2)
    assert memory() - before > 0.5 * ARGON2.memory_kib
    keeping.rest()
    assert memory() - before < 0.5 * ARGON2.memory_kib


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_that_is_not_to_be_kept_is_given_back_at_once(asking_anew: Argon2id) -> None:
    before = memory()
    asking_anew.digest(b"girafa azul", SALT, ARGON2)
    assert memory() - before < 0.5 * ARGON2.memory_kib


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("keeps", [True, False])
def test_the_panel_keeps_it_as_the_setting_says(settings: Settings, keeps: bool) -> None:
    before = memory()
    app = create_app(replace(settings, keep_hash_memory=keeps, hash_cost=ARGON2))
    still = {"loop_factory": StillLoop}  # so that no rest gives back what is kept
    with TestClient(app, backend_options=still, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
        until(lambda: client.app_state["panel"].argon2id._uses_blocks)
        for _ in ("in a block", "in the same or another"):
            assert client.post("/login", data={"name": "ninguém", "password": "girafa azul"}).status_code == 422
        assert (memory() - before > 0.5 * ARGON2.memory_kib) is keeps


@pytest.mark.skipif(
    not HUGE_PAGES.exists() or "[never]" in HUGE_PAGES.read_text(), reason="no huge pages on this machine"
)
def test_blocks_lie_in_huge_pages(keeping: Argon2id) -> None:
    before = memory("AnonHugePages")
    keeping.digest(b"girafa azul", SALT, ARGON2)
    assert memory("AnonHugePages") - before > 0.5 * ARGON2.memory_kib


class Broken(Argon2id):
    def _in_block(self, *_: object) -> bytes:
        return b"\0" * 32


class Failing(Argon2id):
    def _in_block(self, *_: object) -> bytes:
        raise OSError


@pytest.mark.parametrize("kind", [Broken, Failing])
def test_where_blocks_give_wrong_hashes_they_are_not_used(kind: type[Argon2id]) -> None:
    argon2id = kind()
    assert not argon2id.use_blocks()
    assert argon2id.digest(b"girafa", SALT, ARGON2) == Argon2id().digest(b"girafa", SALT, ARGON2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YWJj",
        "$argon2id$v=16$m=8,t=1,p=1$c2FsdHNhbHQ$YWJj",
        "$argon2id$v=19$m=0,t=1,p=1$c2FsdHNhbHQ$YWJj",
        "$argon2id$v=19$m=8,t=1$c2FsdHNhbHQ$YWJj",
        "$argon2id$v=19$m=8,t=1,p=1$c2Fs*HNhbHQ$YWJj",
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ",
    ],
)
def test_what_is_no_argon2id_string_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011, several causes
        Phc.read(text)
