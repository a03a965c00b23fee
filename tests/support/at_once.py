"""Parallel requests over real sockets."""

import asyncio
import contextlib

import httpx2

from tests.support.people import cookie_of
from tests.support.steady import HANG


def post_at_once(
    address: str, posts: list[tuple[str, dict[str, str], str]], *, networks: int = 1
) -> list[httpx2.Response]:
    """Every (path, fields, cookie) at the same time, each on a connection of its own, from so many addresses."""

    async def run() -> list[httpx2.Response]:
        async with contextlib.AsyncExitStack() as stack:
            transports = [httpx2.AsyncHTTPTransport(local_address=f"127.0.0.{n + 1}") for n in range(networks)]
            browsers = [
                await stack.enter_async_context(httpx2.AsyncClient(base_url=address, transport=transport, timeout=HANG))
                for transport in transports
            ]
            tasks = [
                browsers[number % networks].post(path, data=fields, headers={"Origin": address, "Cookie": cookie})
                for number, (path, fields, cookie) in enumerate(posts)
            ]
            return await asyncio.gather(*tasks)

    return asyncio.run(run())


def sessions_begun(answers: list[httpx2.Response]) -> int:
    return sum(bool(cookie_of(answer)) for answer in answers)
