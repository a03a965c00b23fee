"""What a person does in a browser, whichever engine is in it."""

import base64
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.engines.commands import CommandFailed, Commands
from tests.support.authenticator import Authenticator, coded
from tests.support.steady import HANG

T = TypeVar("T")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver §12.2, "web element identifier"


class Browser:
    def __init__(self, commands: Commands, *, has_script: bool = True, look: Callable[[], bytes] | None = None) -> None:
        self._do, self.has_script = commands, has_script
        self.picture = look or self._screenshot  # a PNG of what is in sight
        self.origin = ""

    def open(self, path: str) -> None:
        self._do("Navigate", url=self.origin + path)

    def back(self) -> None:
        self._do("Back")

    def url(self) -> str:
        return str(self._do("GetCurrentURL"))

    def text(self) -> str:
        """What can be read on the page; nothing while it comes."""
        return "".join(self.texts("//body"))

    def see(self, words: str) -> None:
        """Found before it is read: who reads an element of a page that goes may wait for ever for WebKit's driver."""
        there = f'//body[contains(normalize-space(), "{words}")]'
        self.until(lambda: self._find(there) and words in self.text(), f"“{words}” is not on the page")

    def press(self, name: str) -> None:
        """A button, a link or what opens details."""
        of = f"[normalize-space()='{name}' or @aria-label='{name}']"
        here = f"//button{of} | //a{of} | //summary{of} | //summary//strong{of}"
        self.until(lambda: self._click(here), f"nothing is called “{name}”")

    def fill(self, label: str, text: str) -> None:
        self.until(lambda: self._type(label, text), f"no field is called “{label}”")

    def value(self, label: str) -> str:
        return str(self._property(self._shown(_field(label)), "value"))

    def is_focused(self, label: str) -> bool:
        return bool(self._do("GetActiveElement")[ELEMENT] == self._shown(_field(label)))

    def texts(self, xpath: str) -> list[str]:
        return [str(self._do("GetElementText", id=element)) for element in self._find(xpath)]

    def run(self, script: str) -> Any:
        return self._do("ExecuteScript", script=script, args=[])

    @contextlib.contextmanager
    def holding(self, phone: Authenticator) -> Iterator[None]:
        """Firefox's own authenticator, with the passkeys of a phone in software; it recognises the person."""
        able = dict.fromkeys(("hasResidentKey", "hasUserVerification", "isUserConsenting", "isUserVerified"), True)
        there = self._do("WebAuthn:AddVirtualAuthenticator", protocol="ctap2_1", transport="internal", **able)
        for one in phone.credentials:
            key = one.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            told = {"credentialId": coded(one.id), "privateKey": coded(key), "userHandle": coded(one.user)}
            passkey = {**told, "isResidentCredential": True, "rpId": one.rp_id, "signCount": one.counter}
            self._do("WebAuthn:AddCredential", authenticatorId=there, credentials=passkey)
        yield
        self._do("WebAuthn:RemoveVirtualAuthenticator", authenticatorId=there)

    def settle(self) -> None:
        """Until what the next frames bring is there: WebKit gives [autofocus] its focus only then."""
        if self.has_script:
            self.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def resize(self, width: int, height: int) -> None:
        self._do("SetWindowRect", width=width, height=height)

    def forget(self) -> None:
        """The cookies of the page that is open."""
        self._do("DeleteAllCookies")

    def until(self, condition: Callable[[], T], otherwise: str) -> T:
        """Ask again and again; what the engine refuses meanwhile may only not be there yet."""
        end, why = time.monotonic() + HANG, ""
        while time.monotonic() < end:
            try:
                if answer := condition():
                    return answer
            except CommandFailed as failed:
                why = f" ({failed})"
            time.sleep(0.05)
        raise AssertionError(f"{otherwise}{why}; what is there:\n{self.url()}\n{self.text()}")

    def _screenshot(self) -> bytes:
        return base64.b64decode(self._do("TakeScreenshot", full=False))

    def _click(self, xpath: str) -> bool:
        self._do("ElementClick", id=self._shown(xpath))
        return True

    def _type(self, label: str, text: str) -> bool:
        field = self._shown(_field(label))
        self.settle()
        self._do("ElementClear", id=field)
        self._do("ElementSendKeys", id=field, text=text)
        return True

    def _shown(self, xpath: str) -> str:
        """The last of those that can be seen."""
        shown = [found for found in self._find(xpath) if self._do("IsElementDisplayed", id=found)]
        if not shown:
            raise CommandFailed("nothing like it can be seen")
        return shown[-1]

    def _find(self, xpath: str) -> list[str]:
        return [element[ELEMENT] for element in self._do("FindElements", using="xpath", value=xpath)]

    def _property(self, element: str, name: str) -> Any:
        return self._do("GetElementProperty", id=element, name=name)


def _field(label: str) -> str:
    return f"//*[@id = //label[normalize-space()='{label}']/@for]"
