"""What a password hash takes on this machine, and what it could take."""

import contextlib
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from web.crypto.argon2id import Argon2id
from web.crypto.sodium import Sodium
from web.limits import ARGON2, ARGON2_FLOOR, HASHES_AT_ONCE, Cost
from web.settings import Settings

WANTED = (0.100, 0.250)  # seconds for one hash
AIM = 0.160
MOST_MEMORY_KIB = 131_072  # of one hash; as many as run at once are taken
ROUNDS = 5


def tune(settings: Settings) -> None:
    """Measure, and print a recommendation; nothing is changed."""
    with contextlib.closing(Sodium()) as argon2id:
        _tune(argon2id, settings.hash_cost)


def _tune(argon2id: Argon2id, current: Cost) -> None:
    taken = seconds(argon2id, current)
    print(f"Hoje: {report(argon2id, current, taken)}")
    if WANTED[0] <= taken <= WANTED[1]:
        print("Está bom: um hash leva de 100 a 250 ms.")
    else:
        fitting = recommend(ARGON2, seconds(argon2id, ARGON2))
        print(f"Recomendado: {report(argon2id, fitting, seconds(argon2id, fitting))}")
        print(
            f"Ponha PANEL_HASH_COST={fitting} no arquivo .env e reinicie o painel; cada hash muda na próxima entrada."
        )


def recommend(cost: Cost, taken: float) -> Cost:
    """Parameters near AIM where `cost` takes `taken` seconds: first memory grows, then passes (RFC 9106 §4)."""
    times = AIM / taken
    memory = round(cost.memory_kib * times / 1024) * 1024
    memory = min(max(memory, ARGON2_FLOOR.memory_kib), MOST_MEMORY_KIB)
    left = times * cost.memory_kib / memory
    return cost._replace(memory_kib=memory, passes=max(ARGON2_FLOOR.passes, round(cost.passes * left)))


def report(argon2id: Argon2id, cost: Cost, taken: float) -> str:
    """With how long one hash alone took, in seconds, and how many the panel's threads make together."""
    with ThreadPoolExecutor(HASHES_AT_ONCE) as threads:

        def make(hashes: int) -> float:
            begun = time.perf_counter()
            list(threads.map(lambda _: argon2id.digest(b"", b"sixteen bytes !!", cost), range(hashes)))
            return time.perf_counter() - begun

        make(HASHES_AT_ONCE)  # so that the processes are there
        per_second = 4 * HASHES_AT_ONCE / make(4 * HASHES_AT_ONCE)
    return f"{cost}: um hash leva {taken * 1000:.0f} ms, e o painel faz {per_second:.0f} por segundo."


def seconds(argon2id: Argon2id, cost: Cost) -> float:
    """For one hash alone, once what makes it is there."""
    taken = []
    for _ in range(ROUNDS + 1):
        begun = time.perf_counter()
        argon2id.digest(b"", b"sixteen bytes !!", cost)
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken[1:])
