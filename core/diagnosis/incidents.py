"""What concerns many at once: an error of several users, a paused queue or kind with waiting jobs, no worker."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from core.diagnosis.alike import failures_with
from core.diagnosis.answer import CountedJobs
from core.diagnosis.failing import FailingReason, failing_reasons
from core.jobs.due import QUEUES_IN_USE
from core.jobs.error_words import group_title
from core.settings import settings
from core.wording import clock_time, counted

#: Waiting jobs are counted up to here; beyond, the sentence says "1,000 or more".
MOST = 1_000

_INCIDENTS = f"""
WITH RECURSIVE {QUEUES_IN_USE}, alive AS (
    SELECT * FROM workers WHERE stopped_at IS NULL AND lost_at IS NULL
        AND heartbeat_at > statement_timestamp() - make_interval(secs => :lease)
), served AS (
    SELECT unnest(queues) AS queue FROM alive
), waiting AS (
    SELECT n.queue, d.jobs FROM names n, LATERAL (
        SELECT count(*) AS jobs FROM (
            SELECT FROM background_jobs j
            WHERE j.status = 'queued' AND j.queue = n.queue AND j.run_at <= statement_timestamp() LIMIT :most) due) d
    WHERE d.jobs > 0
), of_kinds AS (
    SELECT k.kind, d.jobs FROM job_kinds k, LATERAL (
        SELECT count(*) AS jobs FROM (
            SELECT FROM background_jobs j
            WHERE j.status = 'queued' AND j.kind = k.kind AND j.run_at <= statement_timestamp() LIMIT :most) due) d
    WHERE (k.paused_at IS NOT NULL OR 0 IN (k.max_running, k.max_per_worker)) AND d.jobs > 0
)
SELECT 'queue' AS what, w.queue AS name, w.jobs, q.paused_at AS since, q.paused_by AS by, q.paused_reason AS reason
FROM waiting w JOIN queues q ON q.name = w.queue WHERE q.paused_at IS NOT NULL
UNION ALL
SELECT 'kind', k.kind, o.jobs, k.paused_at, k.paused_by, k.paused_reason
FROM of_kinds o JOIN job_kinds k ON k.kind = o.kind WHERE k.paused_at IS NOT NULL
UNION ALL
SELECT 'limited', k.kind, o.jobs, k.limited_at, k.limited_by, k.limited_reason
FROM of_kinds o JOIN job_kinds k ON k.kind = o.kind WHERE k.paused_at IS NULL
UNION ALL
SELECT 'unserved', w.queue, w.jobs,
       (SELECT max(heartbeat_at) FROM workers WHERE queues @> ARRAY[w.queue]), NULL, NULL
FROM waiting w WHERE w.queue NOT IN (SELECT queue FROM served) AND EXISTS (SELECT FROM alive)
    AND w.queue NOT IN (SELECT unnest(quiet_queues) FROM alive)
UNION ALL
SELECT 'quiet', w.queue, w.jobs, q.quiet_at, q.quiet_by, q.quiet_reason
FROM waiting w, LATERAL (
    SELECT * FROM alive WHERE quiet_queues @> ARRAY[w.queue] ORDER BY quiet_at DESC LIMIT 1) q
WHERE w.queue NOT IN (SELECT queue FROM served)
UNION ALL
SELECT 'unmanned', NULL, (SELECT coalesce(sum(jobs), 0) FROM waiting), (SELECT max(heartbeat_at) FROM workers),
       NULL, NULL
WHERE NOT EXISTS (SELECT FROM alive)
ORDER BY what DESC, name
"""  # noqa: S608 - constants of this program


@dataclass(frozen=True, slots=True)
class Incident:
    """One sentence for everyone who looks, and the filter of the jobs that it is about, none if it is of workers."""

    sentence: str
    jobs: Mapping[str, str] = field(hash=False)
    #: A person stopped it; otherwise nothing moves it.
    is_held: bool


def incidents(session: Session, now: datetime) -> tuple[Incident, ...]:
    """Return what several users fail with, and what holds up jobs that are due now: people's pauses come last."""
    rows = session.connection().execute(_statement(), {"lease": settings().lease_seconds, "most": MOST + 1})
    return (*(_failures(reason, now) for reason in failing_reasons(session)), *(_incident(row, now) for row in rows))


@cache
def _statement() -> sa.TextClause:
    return sa.text(_INCIDENTS)


def _failures(reason: FailingReason, now: datetime) -> Incident:
    number = reason.failed.number[0].upper() + reason.failed.number[1:]
    sentence = f"{number} users failed{reason.failed.beginning(now)}: {group_title(reason.message)}"
    jobs = CountedJobs(" ".join(sentence.split()), failures_with(reason.fingerprint, reason.failed))
    return Incident(jobs.sentence, jobs.jobs, is_held=False)


def _incident(row: sa.Row[*tuple[Any, ...]], now: datetime) -> Incident:
    since = f" since {clock_time(row.since, now)}" if row.since else ""
    jobs = f"{MOST:,} or more jobs wait" if row.jobs > MOST else f"{counted(row.jobs, 'job waits', 'jobs wait')}"
    if row.what == "unmanned":  # said once, and not of each queue
        waiting, due = (f" · {jobs}", {"due": "yes"}) if row.jobs else ("", {})
        return Incident(f"No worker is alive{since}: no job starts{waiting}", due, is_held=False)
    if row.what == "unserved":
        sentence, where = f"No worker serves the queue {row.name}{since} · {jobs}", {"queue": row.name}
    elif row.what == "quiet":
        sentence = f"Every worker of the queue {row.name} is quiet, by {row.by}{since}{_why(row)} · {jobs}"
        where = {"queue": row.name}
    elif row.what == "limited":
        author = f" by {row.by}{since}{_why(row)}" if row.by else ""
        sentence, where = f"The kind {row.name} is limited to 0 running jobs{author} · {jobs}", {"kind": row.name}
    else:
        why = _why(row)
        sentence = f"The {row.what} {row.name} is paused by {row.by}{since}{why} · {jobs}"
        where = {row.what: row.name}
    return Incident(" ".join(sentence.split()), {"due": "yes", **where}, row.what != "unserved")


def _why(row: sa.Row[*tuple[Any, ...]]) -> str:
    return f": {row.reason.rstrip('.')}" if row.reason else ", without a reason"
