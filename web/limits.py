"""Every number that security rests on, in one place. What a person may change is in settings.py instead."""

import re
from datetime import timedelta
from typing import NamedTuple, Self

from db.rates import Rate


class Cost(NamedTuple):
    """What one argon2id hash takes, written as in a PHC string: `m=47104,t=2,p=1`."""

    memory_kib: int
    passes: int
    lanes: int

    def __str__(self) -> str:
        return f"m={self.memory_kib},t={self.passes},p={self.lanes}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises ValueError."""
        found = re.fullmatch(r"m=([1-9][0-9]{0,8}),t=([1-9][0-9]{0,3}),p=([1-9][0-9]?)", text, re.ASCII)
        if found is None:
            raise ValueError(text)
        return cls(*map(int, found.groups()))

    def is_below(self, floor: "Cost") -> bool:
        return self.memory_kib < floor.memory_kib or self.passes < floor.passes or self.lanes < floor.lanes


class Backoff(NamedTuple):
    """Some tries are free, then each failure doubles the wait, and at `closes_at` failures the way is closed
    (NIST SP 800-63B-4 §3.2.2)."""

    free: int
    first: timedelta
    longest: timedelta
    closes_at: int | None = None

    def wait_after(self, failures: int) -> timedelta:
        """How long to wait after this many consecutive failures."""
        if failures < self.free:
            return timedelta(0)
        # 2**40 × any first wait is past any longest one; the cap keeps the number small.
        return min(self.longest, self.first * (1 << min(failures - self.free, 40)))


# Passwords (NIST SP 800-63B-4 §3.1.1.2, OWASP Password Storage)
PASSWORD_MAX = 256  # code points
PASSWORD_MAX_BYTES = 1024
PASSWORD_SCORE = 3  # zxcvbn's 0 to 4
PASSWORD_JUDGED = 40  # code points that zxcvbn sees at most
PASSWORD_READINGS = 16_000  # look-ups, about 50 ms: the square of the length, for every reading of signs as letters
ARGON2 = Cost(memory_kib=47_104, passes=2, lanes=1)
ARGON2_FLOOR = Cost(memory_kib=19_456, passes=2, lanes=1)  # OWASP Password Storage
SALT_BYTES = 16
HASHES_AT_ONCE = 2
HASHES_WAITING = 16
HASHES_WAITING_OWN = 4  # more, for the owner's browsers and people who gave the right password
HASHES_WAITING_INSIDE = 16  # apart from these, for people who are signed in, one for each account
HASH_PATIENCE = timedelta(seconds=3)
BUSY_RETRY = timedelta(seconds=5)
PASSWORD_BACKOFF_PAIR = Backoff(free=5, first=timedelta(seconds=30), longest=timedelta(minutes=15))
PASSWORD_BACKOFF_ACCOUNT = Backoff(free=20, first=timedelta(seconds=60), longest=timedelta(minutes=60), closes_at=100)
PASSWORD_BACKOFF_DEVICE = Backoff(free=5, first=timedelta(seconds=30), longest=timedelta(minutes=15), closes_at=100)
STRANGERS_COUNTED = 10_000  # rows
NOBODYS_COUNTERS = 65_536  # further rows, 5 MB at most, shared by all names that no account has

# The authenticator app (RFC 6238, RFC 4226)
TOTP_KEY_BYTES = 20  # RFC 4226 §4 R6 advises 160 bits
TOTP_STEP = timedelta(seconds=30)
TOTP_WINDOW = 1  # steps early or late, RFC 6238 §5.2
TOTP_DRIFT = 20  # steps within which a wrong clock is named, never accepted
TOTP_DRIFT_HOURS = 24  # whole hours likewise: a phone set by hand in another time zone, or on the wrong day
CODE_BACKOFF = Backoff(free=5, first=timedelta(seconds=60), longest=timedelta(minutes=60), closes_at=100)
ENROLMENT_TTL = timedelta(minutes=10)
ENROLMENT_TRIES = 5
REPLACEMENT_UNDO = timedelta(minutes=10)

# Passkeys (W3C Web Authentication, Level 3)
PASSKEYS = 10  # per account
PASSKEY_USER_BYTES = 64  # §5.4.3 advises so many random ones
PASSKEY_CHALLENGE_BYTES = 24  # random; §13.4.3 asks for 16
PASSKEY_CHALLENGE_TTL = timedelta(minutes=5)
PASSKEY_ANSWER_MAX = 4 * 1024  # characters of JSON
PASSKEY_RSA_MIN = 2048  # bits of a modulus
PASSKEY_RSA_MAX = 4096
PASSKEY_NAME_MAX = 40
PASSKEYS_REMOVED_KEPT = 50  # of an account, so that password managers can be told

# Codes copied by hand
RECOVERY_CODES = 10
RECOVERY_BITS = 80
RECOVERY_WARN_AT = 3  # codes left
REHEARSAL_AGAIN = timedelta(days=180)
RECOVERY_COUNTS_FROM = 3  # codes left, for a rehearsed recovery to count as a protection
SETUP_BITS = ACTIVATION_BITS = 120
SETUP_TTL = timedelta(minutes=60)
INVITATION_TTL = timedelta(hours=24)
RESET_TTL = timedelta(minutes=60)

# What administrators do with others
REASON_MIN = 10  # characters of why a second factor is reset
REASON_MAX = 200
RESET_DELAYS = (timedelta(hours=1), timedelta(hours=24), timedelta(hours=72))  # to choose from, beside at once
TAKEOVER_SPAN = timedelta(hours=72)  # a password link and a reset of one person within it: the second waits
TAKEOVER_WAIT = timedelta(hours=24)
INVITATIONS_AT_ONCE = 500  # lines of a file

# Requests: of one network (or of one of the owner's browsers), of the whole panel, or of one account
AUTH_POSTS = Rate(20, timedelta(minutes=1))
AUTH_FAILURES = Rate(30, timedelta(minutes=15))
AUTH_TIMES_56 = 4  # times as many from an IPv6 /56; each /64 in it has its own count too
AUTH_TIMES_48 = 16
STRANGERS_NOTED = Rate(10, timedelta(hours=1))  # entries of activity, from one network; the rest is counted
STRANGERS_NOTED_IN_ALL = Rate(1000, timedelta(hours=1))  # likewise, in the whole panel
BRUTE_FORCE = Rate(200, timedelta(hours=1))  # failed factors in the whole panel: administrators are told
ENROLMENTS = Rate(5, timedelta(minutes=10))
ACTS = Rate(20, timedelta(minutes=1))  # of a kind that hashes
RENEWALS = Rate(5, timedelta(minutes=10))  # of ten hashes
EXPORTS = Rate(5, timedelta(hours=1))
VERIFICATIONS = Rate(5, timedelta(minutes=10))  # of the whole activity
WRITES = Rate(60, timedelta(minutes=1))  # acts that leave a line of activity
STRENGTHS = Rate(120, timedelta(minutes=1))  # while a password is typed

# Sessions
TOKEN_BYTES = 32
PENDING_LOGIN_TTL = timedelta(minutes=5)
PENDING_LOGIN_TRIES = 5
PENDING_LOGINS_LIVE = 5  # per account
SESSIONS_LIVE = 10  # per account
SESSION_TOUCH = timedelta(seconds=60)  # a tenth of the idle time, where that is less
ENDING_TOLD = timedelta(days=1)  # why a session ended, to the browser that has its cookie
FORMER_COOKIE_TTL = timedelta(minutes=5)  # after a change, for signing out
STEP_UP_WINDOW = timedelta(minutes=5)
ENROL_ONLY_TTL = timedelta(minutes=15)
TRUSTED_DEVICE_TTL = timedelta(days=90)  # since the last login
TRUSTED_DEVICES = 20  # per account
TRUSTING_ACCOUNTS = 20  # per browser

# Housekeeping
OPENING_GRACE = timedelta(seconds=1)  # from reading a sealed secret to opening it
HOUSEKEEPING = timedelta(hours=1)
PASSWORD_FAILURES_KEPT = timedelta(days=1)
PRUNED_AT_ONCE = 500  # rows
LEFT_OVER = timedelta(days=1)  # since the last write to a file that a killed command left
DISK_FREE_MIN = 16 * 1024 * 1024  # bytes
SPARE_BYTES = 1024 * 1024

# Server processes
WORKER_SETTLED = timedelta(minutes=1)  # a worker that runs this long started well
WORKER_DEATHS = Rate(5, timedelta(minutes=10))  # of workers that ran less long

# Requests
BODY_MAX = 16 * 1024
BODY_PATIENCE = timedelta(seconds=10)
URL_MAX = 4 * 1024
HEADERS_MAX = 16 * 1024
HEAD_MAX = URL_MAX + HEADERS_MAX  # on the socket, before it is known where the address ends
HEAD_PATIENCE = timedelta(seconds=10)
PIPELINED_MAX = 8  # no browser sends the next request before the answer
CONNECTIONS_MAX = 200  # of a process; macOS lets it open 256 files
CROWD_PATIENCE = timedelta(seconds=1)
FIELDS_MAX = 50
FIELD_MAX = 4 * 1024
NEXT_MAX = 512  # characters
TYPED_MAX = 2048  # characters
TYPED_TTL = timedelta(minutes=10)

# Pages
PEOPLE_PAGE = 50
ACTIVITY_PAGE = 50  # entries
INSTANCES_PAGE = 50
THEME_TTL = timedelta(days=365)
EXPORT_STEP = 500  # entries read at a time

# Names
HELP_MAX = 160
PANEL_NAME_MAX = 64
PANEL_NAME_ENCODED_MAX = 112  # bytes, percent-encoded; twice, with the longest user name, in a QR code of version 11
INSTANCE_NAME_MAX = 40
FAILURES_TOLD = 5  # since the last login
HUB_LOOKS_BACK = 200  # entries
NOTICES_APART = 5  # questions of one kind at a time, each of another place
NOTICES_COUNTED = 1000  # of one kind and account, until they are acknowledged
USER_AGENT_MAX = 256
LOGGED_MAX = 512
