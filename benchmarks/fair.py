"""From the commit of a request to the first line of its job, beside a backlog of another queue."""

import time
from typing import Any, cast

from sqlalchemy import text
from sqlmodel import Session

from benchmarks import latency, ours
from benchmarks.contenders import OURS_COMMAND
from benchmarks.figures import percentile
from benchmarks.place import Place
from benchmarks.stamps import stamp
from core.actor import ENGINE
from core.database.engine import connect, session_scope
from core.jobs.request import request_tasks
from core.jobs.request_tasks import AT_ONCE
from core.models import Role
from core.operation import NoForm, Progress, Steps, Task, TaskWork
from core.operations import BY_NAME

#: Seconds that each job of the backlog takes.
LENGTH = 0.02
#: Jobs in the quiet queue.
JOBS = 100
#: Jobs of the backlog per transaction.
CHUNK = 1_000


def _rest(_: TaskWork[NoForm]) -> Steps:
    time.sleep(LENGTH)
    return None
    yield Progress(1, 1)  # makes it a generator


backlog = Task(name="bench.backlog", label="Rest", form=NoForm, run=_rest, role=Role.ADMIN, queue="bench")
WORKER = ("-m", "benchmarks.fair", *OURS_COMMAND)
_LEFT = text("SELECT count(*) FROM background_jobs WHERE status = 'queued' AND queue = :queue")


def measure(place: Place, jobs: int) -> list[str]:
    """Return the table's rows, with `jobs` jobs in the other queue."""
    url = place.new_database("fair", migrated=True)
    engine = connect(url)
    for _ in range(jobs // CHUNK):
        with session_scope(engine) as session:
            request_tasks(session, backlog, [NoForm()] * CHUNK, ENGINE, AT_ONCE)
    waits = latency.waits(place, url, WORKER, JOBS)
    with Session(engine) as session:
        left = session.connection().execute(_LEFT, {"queue": backlog.queue}).scalar_one()
    engine.dispose()
    name = f"Request to start beside {jobs:,} → {left:,} due jobs of another queue ({len(waits)} jobs)"
    figures = f"p50 {percentile(waits, 0.5):,.0f}, p99 {percentile(waits, 0.99):,.0f} ms"
    return [f"{name} | {figures} | p99 {1_000 + LENGTH * 1_000:,.0f} ms"]


if __name__ == "__main__":
    ours.install()
    for task in (stamp, backlog):
        cast(dict[str, Any], BY_NAME)[task.name] = task

    import main

    main.main()
