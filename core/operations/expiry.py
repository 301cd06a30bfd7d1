"""Rows that have ended: sessions, links, keys, workers, schedules' ticks, messages, alerts, and counters' hours."""

import logging
from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import TextClause, text
from sqlmodel import Session, select

from core import clock
from core.operation import NoForm, Progress, Steps, TaskWork
from core.settings import settings
from core.wording import spoken

log = logging.getLogger(__name__)

#: Rows deleted in one transaction.
BATCH = 50_000
#: Days for which ended sessions and used keys stay available to support.
KEEP_DAYS = 7

_ENDED = "{} < statement_timestamp() - make_interval(days => :days, secs => :ahead)"
_OF_THE_FUTURE = "{} > statement_timestamp() + make_interval(days => :days, secs => :behind)"
#: What goes after KEEP_DAYS: the word for people, the table, when a row of it ended, and when it began: one that began
#: as far ahead is of a clock that stood in the future, and would stay until then. Living rows look so, too, to a clock
#: that went back: other clocks have to agree.
_SOON = (
    ("sessions", "user_sessions", "least(expires_at, coalesce(revoked_at, expires_at))", "created_at"),
    ("links", "sign_in_links", "expires_at", "created_at"),
    ("keys", "idempotency_keys", "created_at", "created_at"),
    ("pending_sign_ins", "pending_sign_ins", "expires_at", "created_at"),
    ("spent_states", "spent_states", "expires_at", "expires_at"),
    ("consents", "consents", "expires_at", "created_at"),
    ("snoozes", "alert_snoozes", "until", "until"),
)
_FIFTH_LAST = """SELECT due_at FROM schedule_ticks last WHERE last.schedule_id = schedule_ticks.schedule_id
    ORDER BY due_at DESC OFFSET 4 LIMIT 1"""
#: What goes as late as the jobs that it belongs to: their pages name workers, their schedules list the last ticks, and
#: messages tell of their ends.
_WITH_JOBS = (
    ("workers", "workers", _ENDED.format("coalesce(stopped_at, lost_at)")),
    ("revocations", "token_revocations", _ENDED.format("finished_at")),
    (
        "ticks",
        "schedule_ticks",
        f"{_ENDED.format('fired_at')} AND due_at < ({_FIFTH_LAST})",
    ),
    ("messages", "notifications", _ENDED.format("finished_at")),
    ("alerts", "alerts", _ENDED.format("over_at")),
)
#: Old hours become one row, so that sums over all time, as in the metrics, stay what they were.
_SUM_UP = text("""
    WITH old AS (
        DELETE FROM job_counters WHERE hour > 'epoch' AND hour <
            date_trunc('hour', statement_timestamp() - make_interval(days => :days, secs => :ahead), 'UTC') RETURNING *
    )
    INSERT INTO job_counters AS c (hour, kind, queue, status, shard, jobs, ran_seconds)
    SELECT 'epoch', kind, queue, status, 0, sum(jobs), sum(ran_seconds) FROM old GROUP BY kind, queue, status
    ON CONFLICT (hour, kind, queue, status, shard)
    DO UPDATE SET jobs = c.jobs + excluded.jobs, ran_seconds = c.ran_seconds + excluded.ran_seconds
""")


def expire(work: TaskWork[NoForm]) -> Steps:
    """Delete what has ended, in batches of limited size, and add up the counters of old hours."""
    counts: dict[str, int] = {}
    ahead, behind = seconds_ahead(work.session), _seconds_behind(work.session)
    for name, statement, days in _statements():
        counts[name] = 0
        values = {"days": days, "ahead": ahead, "behind": behind, "batch": BATCH}
        while deleted := work.session.connection().execute(statement, values).rowcount:
            counts[name] += deleted
            yield Progress(sum(counts.values()), sum(counts.values()))
    work.session.connection().execute(_SUM_UP, {"days": settings().retention_days, "ahead": ahead})
    return {f"{name}_deleted": count for name, count in counts.items()} | caution(ahead)


def seconds_ahead(session: Session) -> float:
    """Return by how much the database's clock may be ahead: what is younger by that is not deleted."""
    seconds = clock.ahead(session.exec(select(clock.db_now())).one()).total_seconds()
    if seconds:
        log.warning("the database's clock is ahead, less is deleted", extra={"seconds": round(seconds)})
    return seconds


def _seconds_behind(session: Session) -> float:
    """Return by how much the database's clock may be behind: what is of the future by less is not deleted."""
    seconds = clock.behind(session.exec(select(clock.db_now())).one()).total_seconds()
    if seconds:
        log.warning("the database's clock is behind, less is deleted", extra={"seconds": round(seconds)})
    return seconds


def caution(seconds: float) -> dict[str, str]:
    """Return what a result says about a clock that is ahead; nothing if it is not."""
    if not seconds:
        return {}
    sentence = (
        f"The database's clock is {spoken(timedelta(seconds=seconds))} ahead of this worker's: whatever is younger by "
        "that was kept. Put the clock right; if it is, restart the workers."
    )
    return {"detail": sentence}


def _statements() -> Iterator[tuple[str, TextClause, int]]:
    """Yield what to delete: its name, the statement for one batch, and the age in days."""
    for name, table, ended_at, began_at in _SOON:
        condition = f"({_ENDED.format(ended_at)} OR {_OF_THE_FUTURE.format(began_at)})"
        yield name, _deletion(table, condition), KEEP_DAYS
    for name, table, condition in _WITH_JOBS:
        yield name, _deletion(table, condition), max(KEEP_DAYS, settings().retention_days)


def _deletion(table: str, condition: str) -> TextClause:
    rows = f"SELECT ctid FROM {table} WHERE {condition} LIMIT :batch"  # noqa: S608 - constants of this program
    return text(f"DELETE FROM {table} WHERE ctid = ANY(ARRAY({rows}))")  # noqa: S608 - as above
