"""The phone in the person's hand: a camera that reads the screen, and an app that is not ours."""

import io
import shutil
import subprocess
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import zxingcpp
from PIL import Image
from playwright.sync_api import Locator

from tests.support.people import code_for


def scan(qr: Locator) -> str:
    """The key in the QR code, read from a screenshot as it stands on the screen."""
    return key_in(qr.screenshot())


def key_in(screenshot: bytes) -> str:
    picture = Image.open(io.BytesIO(screenshot))
    # Without inverting: many phones refuse light modules on a dark ground, so the plate must stay white.
    [found] = zxingcpp.read_barcodes(picture, try_invert=False)
    address = urlsplit(found.text)
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    return parse_qs(address.query)["secret"][0]


def show_code(key: str, at: datetime) -> str:
    """oathtool's answer where it is installed, else that of RFC 6238 in a dozen lines."""
    if shutil.which("oathtool") is None:
        return code_for(key, at)
    command = ["oathtool", "--totp", "--base32", f"--now={at:%Y-%m-%d %H:%M:%S UTC}", key]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
