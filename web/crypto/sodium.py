"""argon2id by libsodium, in processes of its own.

libsodium takes the memory of a hash in one go. In the panel's own process everything else that needs memory would wait
meanwhile, pages included.
"""

import contextlib
import logging
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import IO, cast

from web.crypto import hash_worker
from web.crypto.argon2id import Argon2id
from web.crypto.hash_worker import REQUEST, SALT_BYTES, TAG_BYTES
from web.crypto.workers import step_back
from web.limits import Cost

_logger = logging.getLogger("panel")
PROBES = (Cost(memory_kib=64, passes=2, lanes=1), Cost(memory_kib=3000, passes=1, lanes=1))


class Worker:
    """A process that computes one hash at a time. It ends when its input ends, hence also when the panel is killed."""

    def __init__(self) -> None:
        """Raises OSError."""
        command = [sys.executable, "-I", hash_worker.__file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603, our own
        self._requests, self._tags = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        self.pid = self._process.pid
        step_back(self.pid)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def digest(self, secret: bytes, salt: bytes, cost: Cost) -> bytes:
        """Raises ChildProcessError when the process ends before it has answered."""
        with contextlib.suppress(OSError):
            self._requests.write(REQUEST.pack(cost.memory_kib, cost.passes, len(secret), salt) + secret)
            self._requests.flush()
            if len(tag := self._tags.read(TAG_BYTES)) == TAG_BYTES:
                return tag
        self.end()
        raise ChildProcessError(f"hash worker {self.pid} ended")

    def end(self) -> None:
        self._process.communicate()


class Sodium(Argon2id):
    """May be called by several threads: each has a worker of its own. argon2-cffi computes what libsodium cannot."""

    def __init__(self, start: Callable[[], Worker] = Worker) -> None:
        self._start = start
        self._idle: list[Worker] = []
        self._is_trusted = find_spec("nacl") is not None

    def digest(self, secret: bytes, salt: bytes, cost: Cost) -> bytes:
        """Raises ChildProcessError when the worker is killed meanwhile; the next hash has another."""
        worker = self._take() if cost.lanes == 1 and len(salt) == SALT_BYTES else None
        if worker is None:
            return super().digest(secret, salt, cost)
        tag = worker.digest(secret, salt, cost)
        self._idle.append(worker)
        return tag

    def close(self) -> None:
        """End the workers, once no thread computes a hash any more."""
        while self._idle:
            self._idle.pop().end()

    def _take(self) -> Worker | None:
        """An idle worker, or a new one; None where libsodium is missing, or computes other hashes than argon2-cffi."""
        if not self._is_trusted:
            return None
        with contextlib.suppress(IndexError):  # none is idle
            while not (worker := self._idle.pop()).is_running:
                worker.end()
            return worker
        return self._started()

    def _started(self) -> Worker | None:
        with contextlib.suppress(OSError):
            worker = self._start()
            if all(self._is_right(worker, cost) for cost in PROBES):
                return worker
            worker.end()
        self._is_trusted = False
        _logger.warning("hash.plain", extra={"reason": "self-test"})
        return None

    def _is_right(self, worker: Worker, cost: Cost) -> bool:
        secret, salt = "girafa à noite".encode(), b"a salt of 16 byt"
        return worker.digest(secret, salt, cost) == super().digest(secret, salt, cost)
