"""WebDriver's commands (https://www.w3.org/TR/webdriver2/) in the two ways engines hear them: over HTTP, and in the
frames of Firefox's Marionette, which knows them by the same names."""

import http.client
import json
import socket
from typing import Any, Protocol

SECONDS = 60  # longer than any one command takes

# Over HTTP: the method, and the path below the session's.
ROUTES = {
    "Navigate": ("POST", "/url"),
    "GetCurrentURL": ("GET", "/url"),
    "Back": ("POST", "/back"),
    "SetWindowRect": ("POST", "/window/rect"),
    "FindElements": ("POST", "/elements"),
    "GetActiveElement": ("GET", "/element/active"),
    "GetElementText": ("GET", "/element/{id}/text"),
    "GetElementProperty": ("GET", "/element/{id}/property/{name}"),
    "IsElementDisplayed": ("GET", "/element/{id}/displayed"),
    "ElementClick": ("POST", "/element/{id}/click"),
    "ElementClear": ("POST", "/element/{id}/clear"),
    "ElementSendKeys": ("POST", "/element/{id}/value"),
    "ExecuteScript": ("POST", "/execute/sync"),
    "TakeScreenshot": ("GET", "/screenshot"),
    "DeleteAllCookies": ("DELETE", "/cookie"),
    "DeleteSession": ("DELETE", ""),
}


class CommandFailed(Exception):
    """Why the engine did not do it, in its own words."""


class Commands(Protocol):
    def __call__(self, name: str, /, **parameters: Any) -> Any:
        """Carry one out and return its value; raises CommandFailed."""

    def close(self) -> None: ...


class OverHttp:
    """As chromedriver and WebKitWebDriver hear them."""

    def __init__(self, port: int, capabilities: dict[str, Any]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        session = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self._session = f"/session/{session['sessionId']}"

    def __call__(self, name: str, /, **parameters: Any) -> Any:
        method, path = ROUTES[name]
        return self._ask(method, self._session + path.format(**parameters), parameters)

    def close(self) -> None:
        self("DeleteSession")
        self._connection.close()

    def _ask(self, method: str, path: str, parameters: dict[str, Any]) -> Any:
        body = json.dumps(parameters) if method == "POST" else None
        self._connection.request(method, path, body, {"Content-Type": "application/json; charset=utf-8"})
        answer = self._connection.getresponse()
        value = json.loads(answer.read())["value"]
        if answer.status != 200:
            raise CommandFailed(f"{value['error']}: {value['message']}")
        return value


class OverMarionette:
    """Frames `LENGTH:[0, id, command, parameters]`, answered by `LENGTH:[1, id, error, value]`."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self._stream = self._socket.makefile("rb")
        self._read()  # the greeting
        self("NewSession")

    def __call__(self, name: str, /, **parameters: Any) -> Any:
        command = name if ":" in name else f"WebDriver:{name}"
        body = json.dumps([0, 1, command, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(body), body))
        _, _, error, value = self._read()
        if error:
            raise CommandFailed(f"{error['error']}: {error['message']}")
        return value["value"] if isinstance(value, dict) and set(value) == {"value"} else value

    def close(self) -> None:
        self("DeleteSession")
        self._stream.close()
        self._socket.close()

    def _read(self) -> Any:
        length = b"".join(iter(lambda: self._stream.read(1), b":"))
        return json.loads(self._stream.read(int(length)))
