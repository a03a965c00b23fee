"""What people, and guessers, do to the panel: each from a network of their own, unless told otherwise."""

import itertools
import secrets
import time

from bench.load import Answer, Connection, get, post
from bench.population import PASSWORD, SHORT_ID, code_of_the_moment

SESSION, PENDING_LOGIN, DEVICE = (f"__Host-{kind}-{SHORT_ID}" for kind in ("sid", "pre", "disp"))
numbers = itertools.count(secrets.randbelow(2**23))


def somewhere() -> str:
    """An address that nobody came from before."""
    number = next(numbers)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def page(path: str, port: int, token: str) -> bytes:
    return get(path, port, Cookie=f"{SESSION}={token}")


async def sign_in(port: int, name: str, *, late: int = 0, device: str = "") -> dict[str, str]:
    """Password, code, page; returns the cookies. Raises AssertionError when it is not let in."""
    connection, network = await Connection.open(port), somewhere()
    known = f"{DEVICE}={device}" if device else ""
    try:
        form = {"name": name, "password": PASSWORD, "next": ""}
        answer = await connection.ask(post("/login", port, form, X_Forwarded_For=network, Cookie=known))
        assert answer.header("location") == "/login/code", (answer.status, answer.body[-200:])
        half = f"{PENDING_LOGIN}={cookies(answer)[PENDING_LOGIN]}; {known}"
        form = {"code": code_of_the_moment(late=late)}
        answer = await connection.ask(post("/login/code", port, form, X_Forwarded_For=network, Cookie=half))
        given = cookies(answer)
        assert answer.status == 303 and SESSION in given, (answer.status, answer.body[-600:])
        answer = await connection.ask(page(answer.header("location"), port, given[SESSION]))
        assert answer.status == 200, answer.status
        return given
    finally:
        connection.close()


async def guess(connection: Connection, *, name: str = "", network: str = "") -> tuple[int, float]:
    """One wrong password, for a made-up name if for none; returns the status and the seconds until the answer."""
    form = {"name": name or f"n{secrets.token_hex(6)}", "password": "girafa verde", "next": ""}
    begun = time.perf_counter()
    answer = await connection.ask(post("/login", connection.port, form, X_Forwarded_For=network or somewhere()))
    return answer.status, time.perf_counter() - begun


async def guess_once(port: int, network: str = "") -> None:
    """On a connection of its own."""
    connection = await Connection.open(port)
    await guess(connection, network=network)
    connection.close()


def cookies(answer: Answer) -> dict[str, str]:
    lines = [value for name, value in answer.headers if name == "set-cookie"]
    pairs = (line.partition(";")[0].partition("=") for line in lines)
    return {name: value for name, _, value in pairs}
