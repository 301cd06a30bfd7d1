"""Our own candidate: a task that does nothing but count itself, requested as every job is."""

import os
from functools import cache
from typing import Any, cast

from sqlalchemy import Engine

from benchmarks.counter import tick
from core import bus
from core.actor import ENGINE
from core.database.engine import connect, session_scope
from core.jobs.request import request_task, request_tasks
from core.models import Role
from core.operation import NoForm, Progress, Steps, Task, TaskWork
from core.operations import BY_NAME, demo

QUEUE = demo.QUEUE


def _count(_: TaskWork[NoForm]) -> Steps:
    tick()
    return None
    yield Progress(1, 1)  # makes it a generator; a job that does nothing has no checkpoint


noop = Task(name="bench.noop", label="Nothing", form=NoForm, run=_count, role=Role.ADMIN, queue=QUEUE)


def install() -> None:
    """Register the task in this process."""
    cast(dict[str, Any], BY_NAME)[noop.name] = noop


def prepare() -> None:
    """Send wake-ups as the console does."""
    from tasks.broker import make_broker
    from tasks.redis_bus import RedisBus

    bus.use(RedisBus(make_broker(os.environ["REDIS_URL"])))


@cache
def _engine() -> Engine:
    return connect(os.environ["DATABASE_URL"])


def enqueue(number: int, engine: Engine | None = None) -> None:
    """Request jobs, each in a transaction of its own."""
    where = engine or _engine()
    for _ in range(number):
        with session_scope(where) as session:
            request_task(session, noop, NoForm(), ENGINE)


def enqueue_all(number: int) -> None:
    """Request jobs in one transaction."""
    with session_scope(_engine()) as session:
        request_tasks(session, noop, [NoForm()] * number, ENGINE)


if __name__ == "__main__":
    install()

    import main

    main.main()
