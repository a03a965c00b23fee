"""A virtual authenticator in Chromium, told what to do over the DevTools protocol (W3C WebAuthn Level 3, §11)."""

import base64
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.sync_api import Page

from tests.support.authenticator import Authenticator


class Device:
    """What a page asks passkeys of. Unless `touch` says so, nobody answers by themselves."""

    def __init__(self, page: Page) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("WebAuthn.enable")
        kind = {"protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal"}
        able = dict.fromkeys(("hasResidentKey", "hasUserVerification", "isUserVerified"), True)
        synced = dict.fromkeys(("defaultBackupEligibility", "defaultBackupState"), True)
        options: dict[str, Any] = {**kind, **able, **synced, "automaticPresenceSimulation": False}
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

    def touch(self, is_on: bool = True) -> None:
        self._tell("setAutomaticPresenceSimulation", enabled=is_on)

    def verify(self, is_on: bool = True) -> None:
        """Whether it recognises the person."""
        self._tell("setUserVerified", isUserVerified=is_on)

    def _tell(self, what: str, **told: Any) -> None:
        self.session.send(f"WebAuthn.{what}", {"authenticatorId": self.id} | told)


def _coded(value: bytes) -> str:
    return base64.b64encode(value).decode()
