"""What migrations tell: findings before a change, a report after it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Rows of a finding that its text shows; `rows` has more.
SHOWN = 10


@dataclass(frozen=True)
class Finding:
    """One thing that stands between a database and head, or, when it does not block, that a person should know."""

    title: str
    detail: str
    remedy: str
    blocks: bool
    #: A sample of the rows it is about.
    rows: tuple[Mapping[str, Any], ...] = ()

    def __str__(self) -> str:
        """Return what is the matter, what to do, and the first of the rows, a line each."""
        shown = ["    " + ", ".join(f"{k} {v}" for k, v in row.items()) for row in self.rows[:SHOWN]]
        return "\n".join([f"{self.detail} {self.remedy}", *shown, *(["    ..."] if len(self.rows) > SHOWN else [])])


@dataclass(frozen=True)
class Report:
    """What a migration did. A revision of None is a database without any."""

    start: str | None
    end: str | None
    #: One line per revision that this run applied, in order; empty when another run did it, or nothing was to do.
    steps: tuple[str, ...]
    warnings: tuple[Finding, ...] = field(default=())
