"""An authenticator in software: makes passkeys and signs with them, honestly or not. Written apart from the panel's own
rules; what the panel accepts of it is judged a second time by another library."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import webauthn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from fido2 import cbor

UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40
Options = dict[str, Any]  # as the panel hands them out


def coded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def padded(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


@dataclass
class Credential:
    id: bytes
    private: Any
    cose: bytes
    rp_id: str
    user: bytes
    counter: int


@dataclass
class Authenticator:
    """With `counter` None it counts no signatures. A fault replaces one thing that it would say."""

    origin: str = "https://painel.test"
    flags: int = UP | UV | BE | BS
    counter: int | None = None
    algorithm: int = -7
    aaguid: bytes = bytes(16)
    transports: tuple[str, ...] = ("internal", "hybrid")
    credentials: list[Credential] = field(default_factory=list)

    def create(self, options: Options, **faults: Any) -> str:
        rp_id, user = options["rp"]["id"], decoded(options["user"]["id"])
        private, cose = new_key(self.algorithm)
        made = Credential(
            faults.get("credential_id", secrets.token_bytes(32)), private, cose, rp_id, user, self.counter or 0
        )
        self.credentials.append(made)
        key = faults.get("cose", cose)
        id_length = len(made.id).to_bytes(2)
        attested = self.aaguid + id_length + made.id + key
        data = self._data(made, self.flags | AT, faults) + attested
        attestation = faults.get("attestation", cbor.encode({"fmt": "none", "attStmt": {}, "authData": data}))
        client = self._client("webauthn.create", options, faults)
        response = {"attestationObject": coded(attestation), "transports": list(self.transports)}
        return _answer(faults.get("id", made.id), client, response)

    def get(self, options: Options, **faults: Any) -> str:
        """By the newest passkey that is asked for."""
        allowed = [decoded(one["id"]) for one in options["allowCredentials"]]
        of_rp = [one for one in self.credentials if one.rp_id == options["rpId"]]
        used = next(one for one in reversed(of_rp) if not allowed or one.id in allowed)
        if self.counter is not None:
            used.counter += 1
        data, client = self._data(used, self.flags, faults), self._client("webauthn.get", options, faults)
        signature = faults.get("signature", sign(used.private, data + hashlib.sha256(client).digest()))
        response = {"authenticatorData": coded(data), "signature": coded(signature)}
        if user := faults.get("user", used.user):
            response["userHandle"] = coded(user)
        return _answer(faults.get("id", used.id), client, response)

    def _data(self, of: Credential, flags: int, faults: dict[str, Any]) -> bytes:
        rp_hash = hashlib.sha256(faults.get("rp_id", of.rp_id).encode()).digest()
        counter: int = faults.get("counter", of.counter)
        return rp_hash + bytes([faults.get("flags", flags)]) + counter.to_bytes(4)

    def _client(self, kind: str, options: Options, faults: dict[str, Any]) -> bytes:
        told = {
            "type": faults.get("type", kind),
            "challenge": coded(faults.get("challenge", decoded(options["challenge"]))),
            "origin": faults.get("origin", self.origin),
            "crossOrigin": faults.get("cross_origin", False),
        } | faults.get("client", {})
        return json.dumps(told).encode()


def _answer(credential_id: bytes, client: bytes, response: dict[str, Any]) -> str:
    response["clientDataJSON"] = coded(client)
    named = {"id": coded(credential_id), "rawId": coded(credential_id), "type": "public-key"}
    return json.dumps(named | {"response": response, "clientExtensionResults": {}})


def new_key(algorithm: int) -> tuple[Any, bytes]:
    """Also of algorithms that the panel does not ask for."""
    if algorithm == -8:
        edwards = ed25519.Ed25519PrivateKey.generate()
        return edwards, cbor.encode({1: 1, 3: -8, -1: 6, -2: edwards.public_key().public_bytes_raw()})
    if algorithm in (-257, -37):
        modulus = rsa.generate_private_key(65537, 2048)
        public = modulus.public_key().public_numbers()
        return modulus, cbor.encode({1: 3, 3: algorithm, -1: padded(public.n), -2: padded(public.e)})
    curve = {-7: (ec.SECP256R1(), 1), -35: (ec.SECP384R1(), 2), -47: (ec.SECP256K1(), 8)}[algorithm]
    private = ec.generate_private_key(curve[0])
    point, size = private.public_key().public_numbers(), (curve[0].key_size + 7) // 8
    return private, cbor.encode(
        {1: 2, 3: algorithm, -1: curve[1], -2: point.x.to_bytes(size), -3: point.y.to_bytes(size)}
    )


def sign(private: Any, message: bytes) -> bytes:
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return bytes(private.sign(message))
    if isinstance(private, rsa.RSAPrivateKey):
        return bytes(private.sign(message, padding.PKCS1v15(), hashes.SHA256()))
    return bytes(private.sign(message, ec.ECDSA(hashes.SHA256())))


def judged_again(answer: str, options: Options, used: Credential, *, origin: str = "https://painel.test") -> None:
    """By an implementation that has nothing in common with the panel's. Raises what it refuses with."""
    expected: dict[str, Any] = {"expected_challenge": decoded(options["challenge"]), "expected_origin": origin}
    if "user" in options:
        verified = webauthn.verify_registration_response(
            credential=answer, expected_rp_id=options["rp"]["id"], require_user_verification=True, **expected
        )
        assert (verified.credential_id, verified.credential_public_key) == (used.id, used.cose)
        return
    webauthn.verify_authentication_response(
        credential=answer,
        expected_rp_id=options["rpId"],
        credential_public_key=used.cose,
        credential_current_sign_count=0,
        require_user_verification=True,
        **expected,
    )
