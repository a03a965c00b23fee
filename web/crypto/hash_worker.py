"""A process that computes argon2id by libsodium: requests on its input, tags on its output, until its input ends.

web/crypto/sodium.py starts it as a script, which imports nothing else of the panel.
"""

import contextlib
import os
import signal
import struct
import sys

SALT_BYTES = 16  # libsodium takes no other
REQUEST = struct.Struct(f"=III{SALT_BYTES}s")  # KiB of memory, passes, bytes of the secret, salt; the secret follows
TAG_BYTES = 32
ENDS_A_PANEL = ("SIGINT", "SIGTERM", "SIGHUP")  # often sent to all its processes; this one finishes its hash


def main() -> None:
    for number in (getattr(signal, name, None) for name in ENDS_A_PANEL):  # Windows lacks one
        if number:
            signal.signal(number, signal.SIG_IGN)
    from nacl.bindings import crypto_pwhash_alg, crypto_pwhash_ALG_ARGON2ID13
    from nacl.exceptions import CryptoError

    with contextlib.suppress(CryptoError, BrokenPipeError):  # no memory; or the panel was killed
        while len(header := sys.stdin.buffer.read(REQUEST.size)) == REQUEST.size:
            memory_kib, passes, length, salt = REQUEST.unpack(header)
            secret = sys.stdin.buffer.read(length)
            algorithm = crypto_pwhash_ALG_ARGON2ID13
            os.write(1, crypto_pwhash_alg(TAG_BYTES, secret, salt, passes, 1024 * memory_kib, algorithm))


if __name__ == "__main__":
    main()
