"""CPU seconds by role, from /proc: workers, producer, PostgreSQL, Redis."""

import os
from collections.abc import Collection
from dataclasses import dataclass, fields
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds that each role has used so far, or between two readings."""

    worker: float = 0
    producer: float = 0
    postgres: float = 0
    redis: float = 0

    def __sub__(self, start: "Cpu") -> "Cpu":
        """Return the seconds used since an earlier reading."""
        return Cpu(*(getattr(self, part.name) - getattr(start, part.name) for part in fields(Cpu)))

    @property
    def total(self) -> float:
        """All roles together."""
        return self.worker + self.producer + self.postgres + self.redis


def look(*, workers: Collection[int], producer: int, postmaster: int, redis: int) -> Cpu:
    """Return the seconds that every role has used so far.

    `workers` are session leaders, whose children count with them; a backend of PostgreSQL that ended counts with the
    postmaster.
    """
    used = {"worker": 0.0, "producer": 0.0, "postgres": 0.0, "redis": 0.0}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = entry.read_text()
        except OSError:
            continue
        pid, values = int(text.split(" ", 1)[0]), text.rsplit(")", 1)[1].split()
        parent, session = int(values[1]), int(values[3])
        own, children = (sum(map(int, values[at : at + 2])) / _TICK for at in (11, 13))
        if session in workers:
            used["worker"] += own + children
        elif pid == producer:
            used["producer"] += own
        elif pid == redis:
            used["redis"] += own
        elif pid == postmaster:
            used["postgres"] += own + children
        elif parent == postmaster:
            used["postgres"] += own
    return Cpu(**used)
