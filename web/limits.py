"""Every number that security rests on, in one place. What a person may change is in settings.py instead."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Cost:
    """What one argon2id hash takes."""

    memory_kib: int
    passes: int
    lanes: int


@dataclass(frozen=True)
class Backoff:
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


@dataclass(frozen=True)
class Rate:
    """At most so many in a span of time."""

    most: int
    span: timedelta


# Passwords (NIST SP 800-63B-4 §3.1.1.2, OWASP Password Storage)
PASSWORD_MAX = 256  # code points
PASSWORD_MAX_BYTES = 1024
PASSWORD_SCORE = 3  # zxcvbn's 0 to 4
ARGON2 = Cost(memory_kib=47_104, passes=2, lanes=1)
SALT_BYTES = 16
HASHES_AT_ONCE = 2
HASHES_WAITING = 16
HASH_PATIENCE = timedelta(seconds=3)
BUSY_RETRY = timedelta(seconds=5)
PASSWORD_BACKOFF_PAIR = Backoff(free=5, first=timedelta(seconds=30), longest=timedelta(minutes=15))
PASSWORD_BACKOFF_ACCOUNT = Backoff(free=20, first=timedelta(seconds=60), longest=timedelta(minutes=60), closes_at=100)
PASSWORD_BACKOFF_DEVICE = Backoff(free=5, first=timedelta(seconds=30), longest=timedelta(minutes=15), closes_at=100)
STRANGERS_COUNTED = 10_000  # rows

# The authenticator app (RFC 6238, RFC 4226)
TOTP_KEY_BYTES = 20  # RFC 4226 §4 R6 advises 160 bits
TOTP_STEP = timedelta(seconds=30)
TOTP_WINDOW = 1  # steps early or late, RFC 6238 §5.2
TOTP_DRIFT = 20  # steps within which a wrong clock is named, never accepted
CODE_BACKOFF = Backoff(free=5, first=timedelta(seconds=60), longest=timedelta(minutes=60), closes_at=100)
ENROLMENT_TTL = timedelta(minutes=10)
ENROLMENT_TRIES = 5
REPLACEMENT_UNDO = timedelta(minutes=10)

# Codes copied by hand
RECOVERY_CODES = 10
RECOVERY_BITS = 80
RECOVERY_WARN_AT = 3  # codes left
REHEARSAL_FIRST = timedelta(days=7)  # after the codes were made
REHEARSAL_AGAIN = timedelta(days=182)
SETUP_BITS = ACTIVATION_BITS = 120
SETUP_TTL = timedelta(minutes=60)
INVITATION_TTL = timedelta(hours=24)
RESET_TTL = timedelta(minutes=60)

# Whatever is asked, from one network (or, on its own browsers, for one account), from everybody, from one account
AUTH_POSTS = Rate(20, timedelta(minutes=1))
AUTH_FAILURES = Rate(30, timedelta(minutes=15))
BRUTE_FORCE = Rate(200, timedelta(hours=1))  # failed factors in the whole panel: administrators are told
ENROLMENTS = Rate(5, timedelta(minutes=10))
EXPORTS = Rate(5, timedelta(hours=1))
VERIFICATIONS = Rate(5, timedelta(minutes=10))  # of the whole activity
STRENGTHS = Rate(120, timedelta(minutes=1))  # while a password is typed

# Sessions
TOKEN_BYTES = 32
HALF_LOGIN_TTL = timedelta(minutes=5)
HALF_LOGIN_TRIES = 5
HALF_LOGINS_LIVE = 5  # per account
SESSIONS_LIVE = 10  # per account
SESSION_TOUCH = timedelta(seconds=60)
ELEVATED = timedelta(minutes=5)
ENROL_ONLY_TTL = timedelta(minutes=15)
TRUSTED_DEVICE_TTL = timedelta(days=90)  # since the last login
TRUSTED_DEVICES = 20  # per account

# Housekeeping
SEALING_GRACE = timedelta(seconds=1)  # from sealing a secret to writing it
HOUSEKEEPING = timedelta(hours=1)
PASSWORD_FAILURES_KEPT = timedelta(days=1)
PRUNED_AT_ONCE = 1000  # entries of the activity

# Requests
BODY_MAX = 16 * 1024
BODY_PATIENCE = timedelta(seconds=10)
URL_MAX = 4 * 1024
HEADERS_MAX = 16 * 1024
FIELDS_MAX = 50
FIELD_MAX = 4 * 1024
NEXT_MAX = 512  # characters
KEPT_MAX = 2048  # characters
KEPT_TTL = timedelta(minutes=10)

# Pages
ACTIVITY_PAGE = 50  # entries
EXPORT_MAX = 10_000  # entries
EXPORT_STEP = 500  # read at a time

# Names
PANEL_NAME_MAX = 64
INSTANCE_NAME_MAX = 40
FAILURES_TOLD = 5  # since the last login
USER_AGENT_MAX = 256
LOGGED_MAX = 512
