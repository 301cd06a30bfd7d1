"""Celery on Redis with its results in PostgreSQL."""

import os

from celery import Celery

from benchmarks.counter import tick

app = Celery(
    "bench",
    broker=os.environ["REDIS_URL"].replace("unix://", "redis+socket://").replace("?db=", "?virtual_host="),
    backend=os.environ["DATABASE_URL"].replace("postgresql:", "db+postgresql+psycopg:"),
)
app.conf.update(broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)


@app.task(name="noop")
def noop(_: int) -> None:
    """Count itself."""
    tick()


def enqueue(number: int) -> None:
    """Send tasks one by one."""
    for each in range(number):
        noop.delay(each)
