"""Crash points: places where a test can kill the process, as a power cut would."""

import os
from collections import Counter
from typing import Literal

from core.settings import settings

Name = Literal[
    "after_claim",
    "before_checkpoint",
    "after_checkpoint",
    "before_finish",
    "after_finish",
    "after_commit_before_ring",
    "after_send",
]

#: The exit code that a shell reports for a process killed by SIGKILL.
EXIT_CODE = 137

_passed: Counter[str] = Counter()


def crash_point(name: Name) -> None:
    """Kill the process here if UNSTUCK_CRASH_AT names this point (`name`, or `name:n` for the n-th time)."""
    crash_at = settings().crash_at
    if not crash_at:
        return
    chosen, _, nth = crash_at.partition(":")
    if chosen == name:
        _passed[name] += 1
        if _passed[name] == int(nth or 1):
            os._exit(EXIT_CODE)
