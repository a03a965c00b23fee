"""The authenticator app: keys, codes and the QR code that carries a key to a phone. Source: RFC 6238."""

import base64
import hmac
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import pyotp

from web.limits import TOTP_DRIFT, TOTP_DRIFT_HOURS, TOTP_KEY_BYTES, TOTP_STEP, TOTP_WINDOW
from web.words.characters import joined


def new_key(token_bytes: Callable[[int], bytes]) -> bytes:
    return token_bytes(TOTP_KEY_BYTES)


def in_base32(key: bytes) -> str:
    """The key in base32, as apps take it."""
    return base64.b32encode(key).decode("ascii")


def otpauth_address(key: bytes, *, account: str, issuer: str) -> str:
    """The `otpauth:` address; algorithm, digits and period are left out because apps assume the defaults."""
    return _totp(key).provisioning_uri(name=account, issuer_name=issuer)


def read_code(typed: str) -> str | None:
    """The six ASCII digits in what was typed, separators of any kind aside; None when it is anything else."""
    code = joined(typed)
    return code if re.fullmatch(r"[0-9]{6}", code) else None


def step_at(at: datetime) -> int:
    return int(at.timestamp() // TOTP_STEP.total_seconds())


def until_new_step(last: int, at: datetime) -> timedelta:
    """How long until the app shows a code of a step after `last`."""
    begins = max(last, step_at(at)) + 1
    return timedelta(seconds=begins * TOTP_STEP.total_seconds() - at.timestamp())


def matching_step(key: bytes, code: str, at: datetime, *, window: int = TOTP_WINDOW) -> int | None:
    """The time step whose code this is, at most `window` steps early or late (RFC 6238 §5.2); the newest if two match.

    Whether the step was used before is not known here: storage settles that.
    """
    totp, now = _totp(key), step_at(at)
    steps = range(now - window, now + window + 1)
    matching = [step for step in steps if hmac.compare_digest(totp.generate_otp(step), code)]
    return matching[-1] if matching else None


def clock_drift(key: bytes, code: str, at: datetime) -> timedelta | None:
    """How far ahead the clock is that made this code (negative: behind), within ten minutes (RFC 6238 §6) or about a
    whole number of hours within a day.

    None when no step in reach matches. It explains a refusal; it never turns one into an acceptance.
    """
    step = matching_step(key, code, at, window=TOTP_DRIFT)
    for hours in range(1, TOTP_DRIFT_HOURS + 1):
        for off in (timedelta(hours=hours), timedelta(hours=-hours)):
            step = step or matching_step(key, code, at + off)
    return None if step is None else (step - step_at(at)) * TOTP_STEP


class QrCode(NamedTuple):
    """A square of `size` modules, quiet zone included, and the dark ones as one SVG path to be stroked."""

    size: int
    path: str

    @property
    def width(self) -> int:
        """In CSS pixels. Each module has the same whole number: at least four, which any camera can read, and as many
        as fit into 254, the room in a card on a phone 320 wide."""
        return self.size * max(4, 254 // self.size)


def qr_code(address: str) -> QrCode:
    # Imported only when needed: imports are half of a cold start, and most requests draw no QR code.
    from qrcode.constants import ERROR_CORRECT_L, ERROR_CORRECT_M
    from qrcode.main import QRCode as Encoder

    # Version 11 is the largest whose modules are four pixels wide on a phone 320 wide; at level M it holds 251 bytes.
    code = Encoder(error_correction=ERROR_CORRECT_M if len(address) <= 251 else ERROR_CORRECT_L, border=4)
    code.add_data(address)
    rows = code.get_matrix()
    path, x, y = "M0 .5", 0, 0
    for row, line in enumerate("".join("1" if dark else "0" for dark in row) for row in rows):
        for run in re.finditer("1+", line):  # relative moves: half the bytes of absolute ones
            path += f"m{run.start() - x} {row - y}h{len(run.group())}"
            x, y = run.end(), row
    return QrCode(len(rows), path)


def _totp(key: bytes) -> pyotp.TOTP:
    return pyotp.TOTP(in_base32(key))
