"""Start an engine without a window on the screen, and without a word to anybody but this machine."""

import contextlib
import io
import json
import os
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from tests.engines.browser import Browser
from tests.engines.commands import OverHttp, OverMarionette
from tests.engines.packages import mini_browser

SECONDS = 60  # until a program that does not begin to listen is given up

# What Firefox fetches by itself goes to a proxy that is not there; localhost needs none.
FIREFOX = {
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.failover_direct": False,
    "network.proxy.allow_bypass": False,
    "services.settings.server": "data:,",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "browser.startup.page": 0,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "security.webauth.webauthn_enable_softtoken": True,
    "security.webauth.webauthn_enable_usbtoken": False,
}
CHROMIUM = ["--headless=new", "--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost"]


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    port = _free_port()
    with (
        _running("chromedriver", f"--port={port}", listens_on=port),
        contextlib.closing(OverHttp(port, {"goog:chromeOptions": {"args": CHROMIUM}})) as commands,
    ):
        yield Browser(commands)


@contextlib.contextmanager
def firefox(*, has_script: bool = True) -> Iterator[Browser]:
    port = _free_port()
    preferences = FIREFOX | {"marionette.port": port, "javascript.enabled": has_script}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        Path(profile, "user.js").write_text("".join(lines))
        command = ["firefox-esr", "--headless", "--no-remote", "--marionette", "--profile", profile]
        with _running(*command, listens_on=port), contextlib.closing(OverMarionette(port)) as commands:
            yield Browser(commands, has_script=has_script)


@contextlib.contextmanager
def webkit(*, has_script: bool = True) -> Iterator[Browser]:
    """Its own screenshots are black without a graphics card; what is on the screen is not."""
    arguments = ["--automation", f"--enable-javascript={json.dumps(has_script)}"]
    port, options = _free_port(), {"binary": mini_browser(), "args": arguments}
    with (
        _screen() as (display, pixels),
        _running("WebKitWebDriver", f"--port={port}", listens_on=port, DISPLAY=display),
        contextlib.closing(OverHttp(port, {"webkitgtk:browserOptions": options})) as commands,
    ):
        yield Browser(commands, has_script=has_script, look=lambda: _picture(pixels))


@contextlib.contextmanager
def _screen() -> Iterator[tuple[str, Path]]:
    """The name of a display, and the file in which its pixels lie."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1280x1000x24", "-fbdir", folder, "-nolisten", "tcp"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
            try:
                assert server.stdout
                yield f":{server.stdout.readline().strip()}", Path(folder, "Xvfb_screen0")
            finally:
                server.terminate()


def _picture(pixels: Path) -> bytes:
    """A PNG of X's own format: a header of big-endian words, a colour map, then four bytes a pixel."""
    data = pixels.read_bytes()
    header = struct.unpack(">25I", data[:100])
    start, size, width = header[0] + 12 * header[19], header[4:6], header[12]
    png = io.BytesIO()
    Image.frombytes("RGB", size, data[start:], "raw", "BGRX", width).save(png, "png")
    return png.getvalue()


@contextlib.contextmanager
def _running(*command: str, listens_on: int, **environment: str) -> Iterator[None]:
    """With all that it starts, until the block is left."""
    quiet, everything = subprocess.DEVNULL, os.environ | environment
    with subprocess.Popen(
        command, stdout=quiet, stderr=quiet, env=everything, start_new_session=True, text=True
    ) as process:
        try:
            _wait_for(listens_on, process)
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself
                os.killpg(process.pid, signal.SIGTERM)


def _wait_for(port: int, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", port)).close()
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen on port {port}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
