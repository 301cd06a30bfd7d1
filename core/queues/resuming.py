"""What resuming a paused queue or kind starts, and why it was paused: what a person reads before they resume it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final, Literal

import sqlalchemy as sa
from sqlmodel import Session

from core import clock
from core.database.truncate import IN_LIST
from core.wording import clock_time, counted

Noun = Literal["queue", "kind"]

#: Waiting jobs are counted up to here.
MOST: Final = 10_000
#: The table and key of each noun.
_TABLES: Final[Mapping[Noun, tuple[str, str]]] = {"queue": ("queues", "name"), "kind": ("job_kinds", "kind")}


@dataclass(frozen=True, slots=True)
class Resumption:
    """A pause, and the due jobs that its end starts."""

    noun: str
    name: str
    paused_at: datetime
    paused_by: str | None
    reason: str | None
    jobs: int
    users: int

    def sentences(self, now: datetime) -> list[str]:
        """Return who paused it, when and why, and what starts."""
        why = f": {self.reason}" if self.reason else ", without a reason"
        return [f"{self.paused_by} paused it at {clock_time(self.paused_at, now)}{why}", self._effect()]

    def _effect(self) -> str:
        if not self.jobs:
            return f"No job waits in this {self.noun}."
        jobs = f"{MOST:,} jobs or more" if self.jobs > MOST else counted(self.jobs, "job")
        of = f" of {counted(self.users, 'user')}" if self.users else ""
        return f"This starts {jobs}{of}."


def load_resumption(session: Session, noun: Noun, name: str) -> tuple[Resumption, datetime] | None:
    """Return what resuming would start and the present time, or None if the queue or kind is not paused."""
    values = {"name": name, "most": MOST + 1, "longest": IN_LIST}
    row = session.connection().execute(_statement(noun), values).one_or_none()
    return (Resumption(noun, name, *row), clock.now()) if row else None


@cache
def _statement(noun: Noun) -> sa.TextClause:
    table, key = _TABLES[noun]
    other: Noun = "kind" if noun == "queue" else "queue"  # it may be paused too, and keeps its jobs then
    other_table, other_key = _TABLES[other]
    return sa.text(f"""
        SELECT p.paused_at, left(p.paused_by, :longest), left(p.paused_reason, :longest), w.jobs, w.users
        FROM {table} p, LATERAL (
            SELECT count(*) AS jobs, count(DISTINCT user_id) AS users FROM (
                SELECT user_id FROM background_jobs j LEFT JOIN {other_table} o ON o.{other_key} = j.{other}
                WHERE status = 'queued' AND j.{noun} = p.{key} AND run_at <= statement_timestamp()
                    AND o.paused_at IS NULL LIMIT :most) due) w
        WHERE p.{key} = :name AND p.paused_at IS NOT NULL
    """)  # noqa: S608 - our own names
