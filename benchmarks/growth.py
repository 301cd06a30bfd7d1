"""What a claim, a finish and pages cost on a table full of finished rows, next to a small one."""

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

from sqlmodel import Session

from benchmarks import ours
from benchmarks.place import Place
from core import clock, sample
from core.database.engine import connect, session_scope
from core.job_list.filters import JobFilter
from core.job_list.queries import page
from core.jobs import workers
from core.operations.demo import QUEUE
from tasks.actors import Drain
from tasks.registry import Registry
from tasks.worker import batch_engine

#: Repetitions of each; the median counts.
TIMES = 200
PAGES: dict[str, dict[str, str]] = {
    "Newest page": {},
    "Page of failed": {"status": "failed"},
    "Page of a kind": {"kind": "demo.enable"},
    "Page without a match": {"kind": "demo.enable", "status": "failed", "queue": "nowhere"},
}


#: Rows of the table that the full one is compared with: enough that every page has its rows.
FEW = 1_000


class Table:
    """One database with so many finished rows, and what is done to it."""

    def __init__(self, place: Place, rows: int) -> None:
        self.rows = rows
        self.engine = connect(place.new_database(f"growth_{rows}", migrated=True))
        sample.fill(self.engine, users=max(50, rows // 500), jobs=rows, now=clock.now())
        with session_scope(self.engine) as session:
            worker = workers.register(session, threads=1, queues=[QUEUE], version="bench")
        self.drain = Drain(self.engine, Registry(1), worker, batch_engine(self.engine))
        self.drain.start()

    def acts(self) -> dict[str, Callable[[], object]]:
        """Return everything that is measured, by name."""
        return {
            "Request": self._request,
            "Claim, finish": self._claim_and_finish,
            **{name: partial(self._page, params) for name, params in PAGES.items()},
        }

    def _request(self) -> None:
        ours.enqueue(1, self.engine)

    def _claim_and_finish(self) -> None:
        self.drain.carrier.wake(QUEUE)
        while not self.drain.carrier.is_idle:
            time.sleep(0.0002)

    def _page(self, params: dict[str, str]) -> None:
        with Session(self.engine) as session:
            page(session, JobFilter.from_params(params))


def measure(place: Place, rows: int) -> list[str]:
    """Return the table's rows: on a small table, on a full one, and the ratio."""
    ours.install()
    small, full = Table(place, FEW), Table(place, rows)
    times = _times((small, full))
    lines = []
    for name, (before, after) in times.items():
        ratio = f"{before:.2f} → {after:.2f} ms ({after / before:.2f}x)"
        lines.append(f"{name}, {small.rows:,} → {full.rows:,} finished | {ratio} | 1.5x")
    for table in (small, full):
        table.engine.dispose()
    return lines


def _times(tables: Sequence[Table]) -> dict[str, list[float]]:
    """Return the median milliseconds of each act on each table, which take turns."""
    times_of: dict[str, list[list[float]]] = {}
    for _ in range(TIMES):
        for at, table in enumerate(tables):
            for name, act in table.acts().items():
                times_of.setdefault(name, [[] for _ in tables])[at].append(_timed(act))
    return {name: [statistics.median(times) for times in per_table] for name, per_table in times_of.items()}


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1e3
