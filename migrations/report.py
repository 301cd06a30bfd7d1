"""Output of migrations: findings before a change, a report after it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.logs import on_one_line

#: Rows shown in a finding's text; `rows` may have more.
SHOWN = 10


@dataclass(frozen=True)
class Finding:
    """One problem between a database and head, or, if it does not block, a warning."""

    title: str
    detail: str
    remedy: str
    blocks: bool
    #: A sample of the affected rows.
    rows: tuple[Mapping[str, Any], ...] = ()

    def __str__(self) -> str:
        """Return the problem, its remedy, and the first affected rows, one per line."""
        shown = ["    " + ", ".join(f"{k} {v}" for k, v in row.items()) for row in self.rows[:SHOWN]]
        lines = [f"{self.detail} {self.remedy}", *shown, *(["    ..."] if len(self.rows) > SHOWN else [])]
        return "\n".join(map(on_one_line, lines))


@dataclass(frozen=True)
class Report:
    """The result of a migration. None as a revision means a database without one."""

    start: str | None
    end: str | None
    #: One line per revision applied by this run, in order; empty if another run did it or nothing was pending.
    steps: tuple[str, ...]
    warnings: tuple[Finding, ...] = field(default=())
