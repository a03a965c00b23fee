"""People of a benchmark with passkeys, all of one key pair; and what a check and a written row cost by themselves."""

import asyncio
import base64
import contextlib
import hashlib
import json
import secrets
import sqlite3
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.webauthn import Aaguid, AttestedCredentialData, AuthenticationResponse, PublicKeyCredentialRpEntity

from bench.load import Connection, get, post
from bench.people import SESSION, cookies, page, somewhere
from web.auth.passkeys import SEALED_FOR
from web.runtime.data_folder import DATABASE, open_panel
from web.settings import Settings

KEY = ec.generate_private_key(ec.SECP256R1())
SIGNATURE = ec.ECDSA(hashes.SHA256())
RP_ID = "localhost"
VERIFIED = 0x01 | 0x04 | 0x08 | 0x10  # present, recognised, synced


def give(folder: Path, people: int) -> None:
    """One for each of the first, who have the ids 1, 2, 3 …; none of them counts its uses."""
    asyncio.run(_give(folder, people))


async def _give(folder: Path, people: int) -> None:
    point = KEY.public_key().public_numbers()
    cose = cbor.encode({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)})
    async with open_panel(Settings(data=folder), lambda: datetime.now(UTC), secrets.token_bytes) as panel:
        at, vault = int(panel.now().timestamp()), panel.vault
        rows = [
            (f"{n:016x}", n, _id(n), vault.seal(SEALED_FOR, f"{n:016x} {n}", cose), RP_ID, bytes(16), at)
            for n in range(1, people + 1)
        ]
        with contextlib.closing(sqlite3.connect(folder / DATABASE)) as connection:
            connection.executemany(
                "UPDATE accounts SET passkey_user = ? WHERE id = ?", [(_id(n), n) for _, n, *_ in rows]
            )
            connection.executemany(
                "INSERT INTO passkeys (id, account_id, credential_id, sealed_key, rp_id, name, aaguid, counter,"
                " is_backup_eligible, is_backed_up, transports, created_at)"
                " VALUES (?, ?, ?, ?, ?, 'Celular', ?, 0, 1, 1, 'internal', ?)",
                rows,
            )
            connection.commit()


async def sign_in(port: int, number: int) -> None:
    """What is asked, the answer, the page. Raises AssertionError when it is not let in."""
    connection, network = await Connection.open(port), somewhere()
    try:
        asked = await connection.ask(get("/login/passkey/options", port, X_Forwarded_For=network))
        form = {"answer": answer(json.loads(asked.body)["challenge"], port, number), "next": ""}
        entered = await connection.ask(post("/login/passkey", port, form, X_Forwarded_For=network))
        given = cookies(entered)
        assert entered.status == 303 and SESSION in given, (entered.status, entered.body[-600:])
        shown = await connection.ask(page(entered.header("location"), port, given[SESSION]))
        assert shown.status == 200, shown.status
    finally:
        connection.close()


def answer(challenge: str, port: int, number: int) -> str:
    told = {"type": "webauthn.get", "challenge": challenge, "origin": f"http://localhost:{port}", "crossOrigin": False}
    client, data = json.dumps(told).encode(), hashlib.sha256(RP_ID.encode()).digest() + bytes([VERIFIED, 0, 0, 0, 0])
    response = {
        "clientDataJSON": _coded(client),
        "authenticatorData": _coded(data),
        "signature": _coded(KEY.sign(data + hashlib.sha256(client).digest(), SIGNATURE)),
        "userHandle": _coded(_id(number)),
    }
    named = {"id": _coded(_id(number)), "rawId": _coded(_id(number)), "type": "public-key"}
    return json.dumps(named | {"response": response})


def bare(seconds: float) -> float:
    """How often a second one thread lets fido2 check an answer and commits a row, as durably as the panel does."""
    challenge = _coded(secrets.token_bytes(32))
    read = AuthenticationResponse.from_dict(json.loads(answer(challenge, 0, 1)))
    known = AttestedCredentialData.create(
        Aaguid.NONE, _id(1), CoseKey.for_alg(-7).from_cryptography_key(KEY.public_key())
    )
    server = Fido2Server(PublicKeyCredentialRpEntity(name=RP_ID, id=RP_ID))
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(sqlite3.connect(Path(folder, DATABASE))) as there:
        there.execute("PRAGMA journal_mode = WAL")
        there.execute("PRAGMA synchronous = FULL")
        there.execute("CREATE TABLE written (at INTEGER PRIMARY KEY, what BLOB)")
        begun, count = time.perf_counter(), 0
        while time.perf_counter() - begun < seconds:
            server.authenticate_complete({"challenge": challenge, "user_verification": "required"}, [known], read)
            there.execute("INSERT INTO written (what) VALUES (?)", (challenge,))
            there.commit()
            count += 1
        return count / (time.perf_counter() - begun)


def _id(number: int) -> bytes:
    """Of the credential, and what authenticators know its account by."""
    return number.to_bytes(64)


def _coded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode("ascii").rstrip("=")
