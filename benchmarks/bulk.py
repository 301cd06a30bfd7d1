"""Many jobs in one request: jobs per second until they are committed."""

import time

from benchmarks.ours import noop
from benchmarks.place import Place
from core.actor import ENGINE
from core.database.engine import connect, session_scope
from core.jobs.request import request_tasks
from core.operation import NoForm

#: Jobs of one request.
BATCH = 500


def measure(place: Place, jobs: int) -> list[str]:
    """Return the table's rows."""
    engine = connect(place.new_database("bulk", migrated=True))
    forms = [NoForm()] * BATCH
    rates = []
    for _ in range(max(3, jobs // BATCH)):
        began = time.perf_counter()
        with session_scope(engine) as session:
            request_tasks(session, noop, forms, ENGINE)
        rates.append(BATCH / (time.perf_counter() - began))
    engine.dispose()
    rates.sort()
    return [f"Bulk request, {BATCH} a transaction | {rates[len(rates) // 2]:,.0f} jobs/s | 5,000"]
