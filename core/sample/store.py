"""The story into its tables, by COPY: a million jobs in less than a minute."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from operator import itemgetter
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.schema import AddConstraint, CreateIndex, DropConstraint, DropIndex

from core.models import BackgroundJob
from core.operations.demo import QUEUE
from core.sample.lines import ATTEMPT_COLUMNS, EVENT_COLUMNS, JOB_COLUMNS, attempts, events, job_line
from core.sample.shifts import Shifts
from core.sample.story import Story

#: From so many rows on, indexes are built afterwards: that is three times as fast.
MANY: Final = 20_000
#: Rows handed to COPY at once.
CHUNK: Final = 500
HOUR: Final = 3_600

#: Hour, kind and status in which jobs ended.
Ending = tuple[float, str, str]

# As core/jobs/fence.py counts them.
_COUNT: Final = sa.text("""
    INSERT INTO job_counters AS c (hour, kind, queue, status, shard, jobs, ran_seconds)
    VALUES (:hour, :kind, :queue, :status, 0, :jobs, :seconds)
    ON CONFLICT (hour, kind, queue, status, shard)
    DO UPDATE SET jobs = c.jobs + excluded.jobs, ran_seconds = c.ran_seconds + excluded.ran_seconds
""")


@contextmanager
def without_indexes(connection: Connection, *, rows: int) -> Iterator[None]:
    """Drop the secondary indexes and foreign keys of the jobs for one block when many rows come, and build them again.

    All of it is in the caller's transaction, under a lock: others wait, and never see the table without.
    """
    table: sa.Table = BackgroundJob.metadata.tables["background_jobs"]
    indexes = sorted(table.indexes, key=lambda index: str(index.name)) if rows >= MANY else []
    keys = sorted(table.foreign_key_constraints, key=lambda key: str(key.name)) if rows >= MANY else []
    connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
    connection.execute(sa.text("SET LOCAL maintenance_work_mem = '256MB'"))
    for index in indexes:
        connection.execute(DropIndex(index, if_exists=True))
    for key in keys:
        connection.execute(DropConstraint(key, if_exists=True))
    yield
    for index in indexes:
        connection.execute(CreateIndex(index))
    for key in keys:
        connection.execute(AddConstraint(key))


def copy_jobs(connection: Connection, story: Story, shifts: Shifts) -> None:
    """Tell the story into background_jobs, and how it ended into job_counters."""
    jobs: Counter[Ending] = Counter()
    seconds: dict[Ending, float] = defaultdict(float)
    with connection.connection.cursor().copy(f"COPY background_jobs ({JOB_COLUMNS}) FROM STDIN") as copy:
        lines: list[str] = []
        for one in story.tell():
            lines.append(job_line(one, shifts))
            ended = (one.finished // HOUR * HOUR, one.kind, one.status)
            jobs[ended] += 1
            seconds[ended] += one.finished - one.started if one.started else 0.0
            if len(lines) == CHUNK:
                copy.write("".join(lines))
                lines.clear()
        copy.write("".join(lines))
    _count(connection, jobs, seconds)


def _count(connection: Connection, jobs: Mapping[Ending, int], seconds: Mapping[Ending, float]) -> None:
    rows = [
        {"hour": datetime.fromtimestamp(hour, UTC), "kind": kind, "queue": QUEUE, "status": status}
        | {"jobs": jobs[hour, kind, status], "seconds": seconds[hour, kind, status]}
        for hour, kind, status in jobs
    ]
    if rows:
        connection.execute(_COUNT, rows)


def copy_attempts(connection: Connection, story: Story, shifts: Shifts) -> None:
    """Add the attempts of the newest jobs."""
    with connection.connection.cursor().copy(f"COPY job_attempts ({ATTEMPT_COLUMNS}) FROM STDIN") as copy:
        for one in story.recent:
            for row in attempts(one, shifts):
                copy.write_row(row)


def copy_events(connection: Connection, story: Story) -> None:
    """Add the events of the newest jobs, in the order of their times: their ids tell the order."""
    told = sorted((event for one in story.recent for event in events(one)), key=itemgetter(0))
    with connection.connection.cursor().copy(f"COPY events ({EVENT_COLUMNS}) FROM STDIN") as copy:
        for event in told:
            copy.write_row(event)


def analyze(engine: Engine) -> None:
    """Tell the planner what is there now, and let it read indexes alone."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("SET statement_timeout = 0"))
        connection.execute(sa.text("VACUUM ANALYZE background_jobs"))
        connection.execute(sa.text("ANALYZE users, events, job_attempts"))
        connection.execute(sa.text("RESET statement_timeout"))
