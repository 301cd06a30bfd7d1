"""Procrastinate: jobs in PostgreSQL, run by an async worker, which is its faster way."""

import asyncio
import os
import sys
from typing import Any

import procrastinate

from benchmarks.counter import tick

#: Workers are started with `python -c`; an enqueuing process needs no event loop.
IS_WORKER = sys.argv[0] == "-c"
_kind = procrastinate.PsycopgConnector if IS_WORKER else procrastinate.SyncPsycopgConnector
app = procrastinate.App(connector=_kind(conninfo=os.environ["DATABASE_URL"]))


@app.task(name="noop")
async def noop(i: int) -> None:
    """Count itself."""
    tick()


def prepare() -> None:
    """Open the connections for good."""
    app.open()


def enqueue(number: int) -> None:
    """Defer jobs one by one."""
    for each in range(number):
        noop.defer(i=each)


def enqueue_all(number: int) -> None:
    """Defer jobs in one transaction."""
    arguments: list[dict[str, Any]] = [{"i": each} for each in range(number)]
    noop.batch_defer(*arguments)


def make_schema() -> None:
    """Make Procrastinate's tables."""

    async def make() -> None:
        async with app.open_async():
            await app.schema_manager.apply_schema_async()

    asyncio.run(make())


def work() -> None:
    """Run jobs until a signal comes."""

    async def run() -> None:
        async with app.open_async():
            await app.run_worker_async(concurrency=8, delete_jobs="never", install_signal_handlers=True)

    asyncio.run(run())
