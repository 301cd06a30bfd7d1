"""Our own candidate, asked by a caller without a transaction, as Procrastinate's `defer` is."""

import os
from functools import cache

from sqlalchemy import Engine

from benchmarks.ours import noop, prepare
from core.actor import ENGINE
from core.database.engine import connect
from core.jobs.request import request_task_now
from core.operation import NoForm

__all__ = ["enqueue", "prepare"]


@cache
def _engine() -> Engine:
    return connect(os.environ["DATABASE_URL"])


def enqueue(number: int) -> None:
    """Request jobs, each in one statement of its own."""
    for _ in range(number):
        request_task_now(_engine(), noop, NoForm(), ENGINE)
