"""Requests for an operation through HTTP, as programs send them: one connection, one request after the other."""

import time

from benchmarks.console import console, people
from benchmarks.figures import percentile
from benchmarks.place import Place
from core.database.engine import connect

#: Requests that are not counted: connections open, statements are prepared.
WARM_UP = 20


def measure(place: Place, requests: int) -> list[str]:
    """Return the table's rows."""
    url = place.new_database("http", migrated=True)
    engine = connect(url)
    times = []
    with console(place, url, engine) as ours:
        for person in people(engine, requests + WARM_UP):
            began = time.perf_counter()
            answer = ours.client.post(f"/api/users/{person}/operations/demo.enable", json={"preset": "nano"})
            times.append((time.perf_counter() - began) * 1e3)
            answer.raise_for_status()
    engine.dispose()
    counted = times[WARM_UP:]
    latencies = f"p50 {percentile(counted, 0.5):.1f} ms, p99 {percentile(counted, 0.99):.1f} ms"
    return [f"POST /api/users/…/operations/demo.enable ({len(counted)}) | {latencies} | p99 25 ms"]
