"""Crash points: places where a test may end the process, as a power cut would."""

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
]

#: What a shell shows for a process that was killed by SIGKILL.
EXIT_CODE = 137

_passed: Counter[str] = Counter()


def crash_point(name: Name) -> None:
    """End the process here, without any clean-up, if UNSTUCK_CRASH_AT says so (`name` or `name:n`, the n-th time)."""
    wanted = settings().crash_at
    if not wanted:
        return
    at, _, nth = wanted.partition(":")
    if at == name:
        _passed[name] += 1
        if _passed[name] == int(nth or 1):
            os._exit(EXIT_CODE)
