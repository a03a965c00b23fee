"""A virtual authenticator in Chromium, told what to do over the DevTools protocol (W3C WebAuthn Level 3, §11)."""

import base64
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.sync_api import Page

from tests.support.authenticator import Authenticator


class Device:
    """What a page asks passkeys of. Unless `touch` says so, nobody answers by themselves. `told`: what became of its
    passkeys ("Added", "Deleted", "Updated")."""

    def __init__(self, page: Page, **differs: object) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("WebAuthn.enable")
        kind = {"protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal"}
        able = dict.fromkeys(("hasResidentKey", "hasUserVerification", "isUserVerified"), True)
        synced = dict.fromkeys(("defaultBackupEligibility", "defaultBackupState"), True)
        options: dict[str, Any] = {**kind, **able, **synced, "automaticPresenceSimulation": False, **differs}
        self.told: list[str] = []
        for event in ("Added", "Deleted", "Updated"):
            self.session.on(f"WebAuthn.credential{event}", lambda _, event=event: self.told.append(event))
        self.id = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def hold(self, phone: Authenticator) -> None:
        """The passkeys of a phone in software."""
        for one in phone.credentials:
            key = one.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            passkey = {
                "credentialId": _coded(one.id),
                "privateKey": _coded(key),
                "userHandle": _coded(one.user),
                "rpId": one.rp_id,
                "signCount": one.counter,
                "isResidentCredential": True,
                "backupEligibility": True,
                "backupState": True,
            }
            self._tell("addCredential", credential=passkey)

    def hold_only(self, phone: Authenticator) -> None:
        self._tell("clearCredentials")
        self.hold(phone)

    def holds(self) -> int:
        """How many passkeys are in it."""
        told = self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        return len(told["credentials"])

    def touch(self, is_on: bool = True) -> None:
        self._tell("setAutomaticPresenceSimulation", enabled=is_on)

    def verify(self, is_on: bool = True) -> None:
        """Whether it recognises the person."""
        self._tell("setUserVerified", isUserVerified=is_on)

    def credentials(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._tell("getCredentials")["credentials"]
        return found

    def _tell(self, what: str, **told: Any) -> dict[str, Any]:
        return self.session.send(f"WebAuthn.{what}", {"authenticatorId": self.id} | told)


def _coded(value: bytes) -> str:
    return base64.b64encode(value).decode()
