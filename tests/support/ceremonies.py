"""Passkeys that an account has already: made by an authenticator in software, stored as the panel stores them."""

import json
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from db import accounts, passkeys
from db.passkeys import Passkey
from tests.support.authenticator import BE, BS, Authenticator, Options, coded
from tests.support.people import Person
from web.auth.passkeys import SEALED_FOR
from web.panel import Panel

Operate = Callable[[Callable[[Panel], Awaitable[Any]]], Any]


def give_passkey(operate: Operate, person: Person, phone: Authenticator) -> str:
    """Returns its id in the panel."""

    async def add(panel: Panel) -> str:
        site, account = panel.settings.passkey_site, await accounts.find(panel.db, person.name)
        assert site
        assert account
        async with panel.db.transaction() as tx:
            user = await passkeys.adopt_user(tx, account.id, secrets.token_bytes(64))
            named = {"rp": {"id": site.rp_id}, "user": {"id": coded(user)}, "challenge": coded(bytes(32))}
            phone.create(named)
            made, passkey_id = phone.credentials[-1], secrets.token_hex(8)
            sealed = await panel.seal_in(tx, SEALED_FOR, f"{passkey_id} {account.id}", made.cose)
            kinds = (bool(phone.flags & BE), bool(phone.flags & BS))
            passkey = Passkey(
                *(passkey_id, account.id, made.id, sealed, site.rp_id, "Celular", phone.aaguid, made.counter),
                *kinds,
                " ".join(phone.transports),
                created_at=panel.now(),
                last_used_at=None,
            )
            assert await passkeys.add(tx, passkey)
        return passkey_id

    made: str = operate(add)
    return made


def asked(page: Response) -> Options:
    """What the button of a page asks an authenticator."""
    found = re.search(r"data-passkey='([^']+)'", page.text)
    assert found, page.text
    options: Options = json.loads(found[1])
    return options


def unasked(page: str) -> str:
    """A page without what it asks, which is random."""
    return re.sub(r'"challenge": "[\w-]+"', '"challenge": ""', page)


def sign_in_by_passkey(browser: TestClient, phone: Authenticator, next: str = "", **faults: Any) -> Response:
    """What a browser does when somebody presses the button at the login."""
    answer = phone.get(asked(browser.get("/login")), **faults)
    return browser.post("/login/passkey", data={"answer": answer, "next": next})
