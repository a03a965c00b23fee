"""Somebody with an authenticator at hand, whose acts are done as pages would have them done."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.testclient import TestClient

from tests.conftest import Operate
from tests.support.authenticator import Authenticator, Options, coded, judged_again
from tests.support.people import plant
from tests.support.services import Act, visit_in
from web.auth import passkeys as service
from web.auth import step_up
from web.auth.outcome import Reason, Refused
from web.auth.passkeys import Added, LoggedIn, Purpose
from web.panel import Panel
from web.visit.cookies import Cookie, Jar
from web.visit.visit import Pending, SignedIn, Visit
from web.visit.visitor import session_transaction

Ask = Callable[[SignedIn], Awaitable[Any]]


class Browser:
    """What the panel accepts of its authenticator is judged a second time, by another library."""

    def __init__(self, operate: Operate, client: TestClient, **kind: Any) -> None:
        self.operate, self.client, self.phone = operate, client, Authenticator(**kind)

    def ask(self, act: Ask) -> Any:
        """The cookies that the answer would have are kept."""

        async def work(panel: Panel) -> tuple[Any, Jar]:
            visit = await visit_in(panel, self.client)
            return await act(visit), visit.jar

        done, jar = self.operate(work)
        for cookie, token in jar.queued.items():
            self.keep(cookie, token or "")
        return done

    def act(self, act: Act) -> Any:
        """In a transaction of the session."""

        async def work(visit: SignedIn) -> Any:
            async with session_transaction(visit) as tx:
                return await act(tx, visit)

        return self.ask(work)

    def keep(self, cookie: Cookie, token: str) -> None:
        base = f"__Host-{cookie.base}-"
        name = next((one for one in self.client.cookies if one.startswith(base)), base + self.short_id())
        self.client.cookies.delete(name) if name in self.client.cookies else None
        plant(self.client, f"{name}={token}")

    def short_id(self) -> str:
        return str(self.client.app_state["panel"].short_id)

    def add(self, name: str = "", **faults: Any) -> Added | Refused:
        options = self.ask(service.registration_options)
        if isinstance(options, Refused):
            return options
        return self.answer_registration(options, self.phone.create(json_of(options), **faults), name)

    def answer_registration(self, options: Options, answer: str, name: str = "") -> Added | Refused:
        done: Added | Refused = self.ask(lambda visit: service.register(visit, answer, name))
        if isinstance(done, Added):
            judged_again(answer, options, self.phone.credentials[-1])
        return done

    def offer(self, purpose: Purpose = Purpose.LOGIN) -> Options:
        async def options(visit: SignedIn) -> Any:
            if purpose is Purpose.LOGIN:
                return service.login_options(Visit(visit.arrival))
            if purpose is Purpose.SECOND_FACTOR:
                return await service.second_factor_options(Pending(visit.arrival))
            return await service.step_up_options(visit)

        return json_of(self.ask(options))

    def answer(self, options: Options, answer: str, purpose: Purpose = Purpose.LOGIN) -> Any:
        async def act(visit: SignedIn) -> Any:
            if purpose is Purpose.LOGIN:
                return await service.login(Visit(visit.arrival), answer)
            if purpose is Purpose.SECOND_FACTOR:
                return await service.complete(Pending(visit.arrival), answer)
            return await step_up.verify_passkey(visit, answer)

        done = self.ask(act)
        if isinstance(done, LoggedIn | str):
            self.keep(Cookie.SESSION, done.token if isinstance(done, LoggedIn) else done)
        if not isinstance(done, Refused):
            judged_again(answer, options, next(one for one in self.phone.credentials if coded(one.id) in answer))
        return done

    def use(self, purpose: Purpose = Purpose.LOGIN, **faults: Any) -> Any:
        options = self.offer(purpose)
        return self.answer(options, self.phone.get(options, **faults), purpose)


def json_of(options: Any) -> Options:
    """What arrives in a browser."""
    read: Options = json.loads(json.dumps(options))
    return read


def reason(done: object) -> Reason:
    assert isinstance(done, Refused), done
    return done.reason
