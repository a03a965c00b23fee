"""The outcome of an attempt to prove something. Only an `Accepted` lets anybody in, never the lack of a `Refused`."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto


class Proof(Enum):
    """What was right."""

    PASSWORD = auto()
    CODE = auto()  # of the app
    PASSKEY = auto()  # every factor at once
    RECOVERY_CODE = auto()  # used up by this
    SETUP_CODE = auto()
    ACTIVATION_CODE = auto()  # used up by this, and the password chosen with it
    CODE_OF_OLD_APP = auto()  # puts that app back, and proves nothing else
    REHEARSED_CODE = auto()  # a recovery code that was not used up; it proves nothing
    EARLIER = auto()  # every factor was proved by an earlier request of this session


class Reason(Enum):
    """Why something was refused. Each has its sentence in web/http/refusals.py."""

    WRONG_PASSWORD = auto()
    PASSWORD_BACKOFF = auto()
    PASSWORD_CLOSED = auto()
    PASSWORD_CLOSED_ON_DEVICE = auto()
    MALFORMED_CODE = auto()
    WRONG_CODE = auto()
    WRONG_CODE_OR_CLOCK = auto()
    CLOCK_OFF = auto()
    CLOCK_OFF_BY_HOURS = auto()
    CODE_USED = auto()
    CODE_DISCLOSED = auto()  # the panel told by this code how far off a clock is
    SERVER_CLOCK_WENT_BACK = auto()
    FACTOR_CHANGED = auto()  # meanwhile
    CODE_BACKOFF = auto()
    APP_CLOSED = auto()
    WRONG_CODE_OF_OLD_APP = auto()
    MALFORMED_RECOVERY_CODE = auto()
    WRONG_RECOVERY_CODE = auto()
    RECOVERY_CLOSED = auto()
    PASSKEYS_NOT_HERE = auto()  # an IP address, or plain HTTP
    PASSKEYS_FULL = auto()
    ONLY_FACTOR_HERE = auto()
    PASSKEY_KNOWN = auto()  # registered already, here or for another account
    PASSKEY_EXPIRED = auto()  # what it was asked, or that was answered before
    PASSKEY_UNVERIFIED = auto()  # the device did not check who the person is
    PASSKEY_UNKNOWN = auto()
    PASSKEY_REMOVED = auto()  # from its account, and still offered
    PASSKEY_COPIED = auto()  # as its counter says
    PASSKEY_REFUSED = auto()  # for any other flaw
    FACTOR_REQUIRED = auto()  # the last one stays
    LAST_ADMINISTRATOR = auto()  # likewise


@dataclass(frozen=True)
class Accepted:
    """Made by `Try.accept` in the transaction that acts on it, or directly where tries are not counted."""

    proof: Proof
    step: int | None = None  # of the app's code


@dataclass(frozen=True)
class Refused:
    """`wait`: how long nothing is judged. `tries_left`: until a wait of `then_wait`; None where no miss was counted.

    `next_code`: until the app shows a code that may be right. `drift`: of the phone, positive when it is ahead.
    """

    reason: Reason
    wait: timedelta = timedelta(0)
    tries_left: int | None = None
    then_wait: timedelta = timedelta(0)
    next_code: timedelta = timedelta(0)
    drift: timedelta = timedelta(0)


Outcome = Accepted | Refused
