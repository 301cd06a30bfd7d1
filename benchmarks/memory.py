"""Memory of a worker and of the console: resident, after having done something."""

import time

import psutil

from benchmarks.console import console, people
from benchmarks.contenders import CONTENDERS
from benchmarks.place import Place
from benchmarks.processes import running
from core.database.engine import connect

#: Seconds until a process has finished starting.
SETTLED = 3


def measure(place: Place, jobs: int) -> list[str]:
    """Return the table's rows; the worker runs `jobs` demo jobs, requested through the console."""
    url = place.new_database("memory", migrated=True)
    engine = connect(url)
    with console(place, url, engine) as ours, running(
        CONTENDERS[0].worker, place.environment(url), place.folder / "memory.log"
    ) as worker:  # fmt: skip
        for person in people(engine, jobs):
            ours.client.post(f"/api/users/{person}/operations/demo.enable", json={"preset": "nano"})
        ours.client.get("/api/jobs").raise_for_status()
        time.sleep(SETTLED)
        sizes = [psutil.Process(pid).memory_info().rss / 2**20 for pid in (worker.pid, ours.pid)]
    engine.dispose()
    return [f"Memory, a worker process | {sizes[0]:.0f} MB | 120", f"Memory, the console | {sizes[1]:.0f} MB | 150"]
