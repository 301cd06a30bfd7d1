"""From the commit of a request to the first line of its job, at a rate that leaves everything idle in between."""

import os
import random
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import percentile
from benchmarks.ours import prepare
from benchmarks.place import Place
from benchmarks.processes import running
from benchmarks.stamps import WORKER, NumberForm, stamp
from core import bus
from core.actor import ENGINE
from core.database.engine import connect, session_scope
from core.jobs.request import request_task

#: Jobs per second, at random intervals.
RATE = 20
#: Jobs that are not counted: the worker warms up.
WARM_UP = 20
#: Seconds to wait for a worker's first start.
PATIENCE = 30


def measure(place: Place, jobs: int) -> list[str]:
    """Return the table's rows."""
    milliseconds = waits(place, place.new_database("latency", migrated=True), WORKER, jobs)
    percentiles = ", ".join(
        f"{name} {percentile(milliseconds, share):.1f} ms" for name, share in (("p50", 0.5), ("p99", 0.99))
    )
    return [f"Request to start at {RATE} jobs/s ({len(milliseconds)} jobs) | {percentiles} | p50 15, p99 50 ms"]


def waits(place: Place, url: str, worker: Sequence[str], jobs: int) -> list[float]:
    """Start a worker, request `jobs` stamps one by one, and return the milliseconds until each of them started."""
    file = place.folder / "stamps"
    file.unlink(missing_ok=True)
    os.environ["REDIS_URL"] = place.redis_url
    environment = place.environment(url, BENCH_COUNTER=str(file))
    with running(worker, environment, place.folder / "latency.log"):
        committed_at = _ask(url, file, jobs)
        _wait(file, len(committed_at))
    started = {int(number): float(at) for number, at in (line.split() for line in file.read_text().splitlines())}
    return [(started[number] - at) * 1e3 for number, at in committed_at.items() if number >= WARM_UP]


def _ask(url: str, file: Path, jobs: int) -> dict[int, float]:
    """Request jobs one by one, and return when each one was committed."""
    prepare()
    engine = connect(url)
    committed_at = {}
    for number in range(jobs + WARM_UP):
        with session_scope(engine) as session:
            request_task(session, stamp, NumberForm(number=number), ENGINE)
        committed_at[number] = time.time()
        if number == 0:
            _wait(file, 1)
        time.sleep(random.expovariate(RATE))
    engine.dispose()
    bus.use(bus.NullBus())
    return committed_at


def _wait(file: Path, number: int) -> None:
    until = time.monotonic() + PATIENCE
    while not file.exists() or file.read_text().count("\n") < number:
        if time.monotonic() > until:
            raise RuntimeError(f"fewer than {number} jobs started within {PATIENCE} s")
        time.sleep(0.01)
