"""Passkeys: what an authenticator answers, and whether it proves anything (W3C Web Authentication Level 3, §7.1, §7.2).

fido2 reads the answers and verifies signatures. It accepts every subdomain, and looks at neither counters nor user
handles nor frames; so each rule is written here, with its flaw, and fido2 judges once more what has passed them. It
takes a third of a second to load, and is loaded when the first answer comes.
"""

import contextlib
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from web.limits import (
    PASSKEY_ANSWER_MAX,
    PASSKEY_CHALLENGE_BYTES,
    PASSKEY_CHALLENGE_TTL,
    PASSKEY_RSA_MAX,
    PASSKEY_RSA_MIN,
)

if TYPE_CHECKING:
    from fido2.cose import CoseKey
    from fido2.server import Fido2Server
    from fido2.webauthn import (
        AttestedCredentialData,
        AuthenticationResponse,
        AuthenticatorData,
        CollectedClientData,
        RegistrationResponse,
    )

# EdDSA, ES256, RS256 (RFC 9053, RFC 8812), by preference, and the type of their keys.
ALGORITHMS = {-8: 1, -7: 2, -257: 3}
TRANSPORTS = {"ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb"}
CREDENTIAL_ID_BYTES = range(16, 1024)
TAG_BYTES = 32


class Flaw(StrEnum):
    """Why an answer proves nothing, in the word that stands in the activity."""

    MALFORMED = "ilegível"
    TYPE = "outro tipo de pedido"
    ORIGIN = "outra origem"
    FRAMED = "dentro de outra página"
    PLACE = "outro endereço"  # the rp id
    CHALLENGE = "pedido que não é deste painel"
    EXPIRED = "pedido vencido"
    REPEATED = "pedido já respondido"
    ABSENT = "sem presença"
    UNVERIFIED = "sem conferir a pessoa"
    ALGORITHM = "outro algoritmo"
    SIGNATURE = "assinatura"
    USER = "outra conta"
    BACKUP = "mudou de espécie"  # a key of one device became one of several, or the reverse
    COUNTER = "contador"
    UNKNOWN = "desconhecida"
    REMOVED = "removida"
    KNOWN = "já cadastrada"
    FULL = "a conta já tem dez"
    CHANGED = "a proteção mudou enquanto isso"


class Unproved(Exception):
    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw)
        self.flaw = flaw


@dataclass(frozen=True)
class Created:
    """A new credential, with its public key as COSE writes it (RFC 9052)."""

    credential_id: bytes
    public_key: bytes
    aaguid: bytes
    counter: int
    is_backup_eligible: bool
    is_backed_up: bool
    transports: str


@dataclass(frozen=True)
class Known:
    """What is known of the credential that an assertion names. `user`: what authenticators know its account by."""

    public_key: bytes
    user: bytes
    counter: int
    is_backup_eligible: bool


@dataclass(frozen=True)
class Used:
    counter: int
    is_backed_up: bool


def new_challenge(tag: Callable[[str], bytes], scope: str, random: bytes, at: datetime) -> bytes:
    """Random bytes, when it ends, and a keyed tag over both and over what it is for: nothing need be stored for it."""
    head = random + int((at + PASSKEY_CHALLENGE_TTL).timestamp()).to_bytes(8)
    return head + tag(f"{scope} {head.hex()}")


def challenge_ends(challenge: bytes) -> datetime:
    return datetime.fromtimestamp(int.from_bytes(challenge[PASSKEY_CHALLENGE_BYTES:-TAG_BYTES]), UTC)


def check_challenge(tag: Callable[[str], bytes], scope: str, challenge: bytes, at: datetime) -> None:
    """Raises Unproved for one that was made up, for something else, or too long ago."""
    head, found = challenge[:-TAG_BYTES], challenge[-TAG_BYTES:]
    is_ours = len(head) == PASSKEY_CHALLENGE_BYTES + 8 and hmac.compare_digest(tag(f"{scope} {head.hex()}"), found)
    _demand(is_ours, Flaw.CHALLENGE)
    _demand(at < challenge_ends(challenge) <= at + PASSKEY_CHALLENGE_TTL, Flaw.EXPIRED)  # also when the clock went back


@dataclass(frozen=True)
class Registration:
    """What `navigator.credentials.create` answered: read, and not yet checked."""

    challenge: bytes
    transports: str
    read: "RegistrationResponse"


@dataclass(frozen=True)
class Assertion:
    """What `navigator.credentials.get` answered: read, and not yet checked."""

    challenge: bytes
    credential_id: bytes
    user: bytes | None
    read: "AuthenticationResponse"


def read_registration(answer: str) -> Registration:
    """The JSON of a credential. Loads fido2; raises Unproved."""
    from fido2.webauthn import RegistrationResponse

    with _readable():
        told = _members(answer, "clientDataJSON", "attestationObject")
        read = RegistrationResponse.from_dict(told)
        transports = json.loads(answer)["response"].get("transports")
        known = sorted(TRANSPORTS.intersection(transports)) if isinstance(transports, list) else []
        return Registration(read.response.client_data.challenge, " ".join(known), read)


def read_assertion(answer: str) -> Assertion:
    """The JSON of a credential. Loads fido2; raises Unproved."""
    from fido2.webauthn import AuthenticationResponse

    with _readable():
        told = _members(answer, "clientDataJSON", "authenticatorData", "signature", "userHandle")
        read = AuthenticationResponse.from_dict(told)
        return Assertion(read.response.client_data.challenge, read.raw_id, read.response.user_handle, read)


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Whatever a reader stumbles over: these are a stranger's bytes, nested and cut short as they like."""
    try:
        yield
    except Exception as unreadable:
        raise Unproved(Flaw.MALFORMED) from unreadable


def _members(answer: str, *names: str) -> dict[str, object]:
    """Of the JSON what is judged, each as text; raises ValueError, KeyError or TypeError."""
    if len(answer) > PASSKEY_ANSWER_MAX:
        raise ValueError(len(answer))
    told = json.loads(answer)
    response = {name: told["response"][name] for name in names if told["response"].get(name) is not None}
    if told["type"] != "public-key" or not all(isinstance(one, str) for one in (told["rawId"], *response.values())):
        raise ValueError(names)
    return {"id": told["id"], "rawId": told["rawId"], "response": response}


def check_registration(answer: Registration, *, rp_id: str, origin: str) -> Created:
    """Raises Unproved. The challenge is checked before, by `check_challenge`."""
    read = answer.read
    data = read.response.attestation_object.auth_data
    _check_client(read.response.client_data, "webauthn.create", origin)
    _check_authenticator(data, rp_id)
    credential = data.credential_data
    _demand(credential is not None and credential.credential_id == read.raw_id, Flaw.MALFORMED)
    assert credential  # noqa: S101, demanded above
    _demand(len(credential.credential_id) in CREDENTIAL_ID_BYTES, Flaw.MALFORMED)
    _demand(_is_accepted(credential.public_key), Flaw.ALGORITHM)
    _judge(lambda server, state: server.register_complete(state, read), answer.challenge, rp_id, origin)
    return Created(
        credential.credential_id,
        _cose(credential.public_key),
        bytes(credential.aaguid),
        data.counter,
        data.is_backup_eligible(),
        data.is_backed_up(),
        answer.transports,
    )


def check_assertion(answer: Assertion, known: Known, *, rp_id: str, origin: str, must_name_user: bool) -> Used:
    """Raises Unproved. With `must_name_user` nobody said who they are: the authenticator has to."""
    read = answer.read
    data = read.response.authenticator_data
    _check_client(read.response.client_data, "webauthn.get", origin)
    _check_authenticator(data, rp_id)
    is_named = answer.user is not None or must_name_user
    _demand(not is_named or hmac.compare_digest(answer.user or b"", known.user), Flaw.USER)
    _demand(data.is_backup_eligible() == known.is_backup_eligible, Flaw.BACKUP)
    _judge(
        lambda server, state: server.authenticate_complete(state, [_credential(answer, known)], read),
        answer.challenge,
        rp_id,
        origin,
    )
    counts = not known.is_backup_eligible and known.counter > 0  # one that is kept in several devices cannot count
    _demand(not counts or data.counter > known.counter, Flaw.COUNTER)
    return Used(data.counter, data.is_backed_up())


def _check_client(client: "CollectedClientData", kind: str, origin: str) -> None:
    told = json.loads(client)
    _demand(client.type == kind, Flaw.TYPE)
    _demand(client.origin == origin, Flaw.ORIGIN)
    _demand(told.get("crossOrigin", False) is False and "topOrigin" not in told, Flaw.FRAMED)


def _check_authenticator(data: "AuthenticatorData", rp_id: str) -> None:
    _demand(data.rp_id_hash == hashlib.sha256(rp_id.encode()).digest(), Flaw.PLACE)
    _demand(data.is_user_present(), Flaw.ABSENT)
    _demand(data.is_user_verified(), Flaw.UNVERIFIED)
    _demand(data.is_backup_eligible() or not data.is_backed_up(), Flaw.BACKUP)


def _is_accepted(key: "CoseKey") -> bool:
    """Of an accepted algorithm, and a key of it: a point on the curve, a modulus of a size that is quick to reckon."""
    from cryptography.exceptions import InvalidSignature

    if ALGORITHMS.get(key.ALGORITHM, 0) != key.get(1):
        return False
    if key.ALGORITHM == -257 and (
        not PASSKEY_RSA_MIN <= len(key[-1]) * 8 <= PASSKEY_RSA_MAX or key[-2] != b"\x01\x00\x01"
    ):
        return False
    try:
        key.verify(b"", b"")
    except InvalidSignature:
        return True
    except Exception:  # not a key
        return False
    return False


def _judge(
    verdict: Callable[["Fido2Server", dict[str, object]], object], challenge: bytes, rp_id: str, origin: str
) -> None:
    from fido2.utils import websafe_encode

    try:
        verdict(_server(rp_id, origin), {"challenge": websafe_encode(challenge), "user_verification": "required"})
    except Exception as refused:  # ValueError, and whatever a broken signature makes of it
        raise Unproved(Flaw.SIGNATURE) from refused


@lru_cache(maxsize=4)
def _server(rp_id: str, origin: str) -> "Fido2Server":
    """It keeps nothing of what it judges, and making it takes as long as judging."""
    from fido2.server import Fido2Server
    from fido2.webauthn import PublicKeyCredentialRpEntity

    logging.getLogger("fido2").setLevel(logging.WARNING)  # it would tell the ids of credentials
    return Fido2Server(PublicKeyCredentialRpEntity(name=rp_id, id=rp_id), verify_origin=lambda told: told == origin)


def _credential(answer: Assertion, known: Known) -> "AttestedCredentialData":
    from fido2 import cbor
    from fido2.cose import CoseKey
    from fido2.webauthn import Aaguid, AttestedCredentialData

    key, _ = cbor.decode_from(known.public_key)
    return AttestedCredentialData.create(Aaguid.NONE, answer.credential_id, CoseKey.parse(key))


def _cose(key: "CoseKey") -> bytes:
    from fido2 import cbor

    return cbor.encode(key)


def _demand(is_so: bool, otherwise: Flaw) -> None:
    if not is_so:
        raise Unproved(otherwise)
