"""How far a process or a thread steps back from others."""

import ctypes
import os
import struct


def nice_and_turn(task: int = 0) -> tuple[int, int]:
    """Of a task, or the thread that asks, by sched_getattr(2); the turn in nanoseconds, 0 where there is none."""
    answer = ctypes.create_string_buffer(48)
    number = {"x86_64": 315, "aarch64": 275}[os.uname().machine]
    assert ctypes.CDLL(None).syscall(number, task, answer, len(answer), 0) == 0
    _, _, _, nice, _, turn, _, _ = struct.unpack("=IIQiIQQQ", answer.raw)
    return nice, turn
