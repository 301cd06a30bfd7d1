"""Jobs per second and CPU per job, end to end, in rounds that alternate between the candidates."""

import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from benchmarks import counter
from benchmarks.contenders import Contender
from benchmarks.cpu import Cpu, look
from benchmarks.place import Place
from benchmarks.processes import hear, running, say, several

#: Seconds that one round may take; a candidate that takes longer is reported as far as it came.
ROUND = 60
#: Jobs before the clock runs: connections open, caches fill, statements are prepared.
WARM_UP = 200
#: Seconds that one more worker process may need to start beside the first.
START = 2


@dataclass(frozen=True, slots=True)
class Round:
    """One candidate's round: rates per second, CPU seconds, and bytes of PostgreSQL's log."""

    enqueued: float
    finished: float
    cpu: Cpu
    wal: int
    jobs: int

    @property
    def micros(self) -> float:
        """CPU microseconds per job, of all roles together."""
        return self.cpu.total / self.jobs * 1e6

    @property
    def wal_bytes(self) -> float:
        """Bytes of write-ahead log per job."""
        return self.wal / self.jobs


@dataclass(slots=True)
class Result:
    """A candidate's rounds with one number of worker processes."""

    contender: Contender
    workers: int
    rounds: list[Round] = field(default_factory=list)

    def median(self, name: str) -> float:
        """Return the median of one figure over the rounds."""
        values: list[float] = [getattr(each, name) for each in self.rounds]
        return statistics.median(values)

    def micros(self, role: str) -> float:
        """Return the median CPU microseconds per job of one role."""
        values: list[float] = [getattr(each.cpu, role) / each.jobs * 1e6 for each in self.rounds]
        return statistics.median(values)


def measure(place: Place, contender: Contender, python: str, workers: int, jobs: int) -> Round:
    """Run one round: workers up and warm, then `jobs` jobs, one by one, from the first request to the last end."""
    with _started(place, contender, python, workers, "enqueue") as (started, producer):
        before, began = _read(place, started, producer.pid), time.perf_counter()
        enqueuing = _enqueue(place, contender, producer, jobs)
        took = time.perf_counter() - began
        after = _read(place, started, producer.pid)
        return Round(jobs / enqueuing, jobs / took, after[0] - before[0], after[1] - before[1], jobs)


def drain(place: Place, contender: Contender, python: str, workers: int, jobs: int) -> Round:
    """Run one round: workers up and warm, then `jobs` jobs that are due at once, from their commit to the last end."""
    with _started(place, contender, python, workers, "enqueue_all") as (started, producer):
        expected_count = counter.count() + jobs
        say(producer, jobs)
        enqueuing = float(hear(producer))
        before, began = _read(place, started, 0), time.perf_counter()
        left = expected_count - counter.count()
        _wait(place, contender, expected_count)
        took = time.perf_counter() - began
        after = _read(place, started, 0)
        return Round(jobs / enqueuing, left / took, after[0] - before[0], after[1] - before[1], left)


@contextmanager
def _started(
    place: Place, contender: Contender, python: str, workers: int, enqueue: str
) -> Iterator[tuple[list[subprocess.Popen[str]], subprocess.Popen[str]]]:
    log = place.folder / f"{contender.module}.log"
    environment = place.environment(place.database(database_of(contender)))
    enqueues = ("-m", "benchmarks.producer", contender.producer or contender.module, enqueue)
    with (
        several(workers, contender.worker, environment, log, python) as started,
        running(enqueues, environment, log, python) as producer,
    ):
        hear(producer)
        for _ in started:  # each process has had jobs, whichever started first
            _enqueue(place, contender, producer, WARM_UP)
            time.sleep(START)
        yield started, producer


def prepare(place: Place, contender: Contender, python: str) -> None:
    """Make the candidate's database, with its tables."""
    url = place.new_database(database_of(contender), migrated=contender.is_ours)
    if contender.schema:
        subprocess.run([python, *contender.schema], env=place.environment(url), cwd=None, check=True, timeout=60)


def database_of(contender: Contender) -> str:
    """Return the name of a candidate's own database."""
    return contender.module.rsplit(".", 1)[1]


def _read(place: Place, started: Sequence[subprocess.Popen[str]], producer: int) -> tuple[Cpu, int]:
    """Return the CPU seconds, and the bytes of write-ahead log, so far."""
    with psycopg.connect(place.server_url, autocommit=True) as connection:
        position = connection.execute("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint").fetchone()
    assert position is not None
    pids = {each.pid for each in started}
    return look(workers=pids, producer=producer, postmaster=place.postmaster, redis=place.redis), position[0]


def _enqueue(place: Place, contender: Contender, producer: subprocess.Popen[str], jobs: int) -> float:
    """Enqueue, wait until all has ended, and return the seconds that the enqueuing took."""
    expected_count = counter.count() + jobs
    say(producer, jobs)
    took = float(hear(producer))
    _wait(place, contender, expected_count)
    return took


def _wait(place: Place, contender: Contender, expected_count: int) -> None:
    """Wait until every job ran; and of ours, which are counted by their rows, until every ending is committed."""
    if not counter.wait_for(expected_count, ROUND):
        raise RuntimeError(f"{contender.name}: {expected_count - counter.count()} jobs did not run in {ROUND} s")
    if not contender.is_ours:
        return
    with psycopg.connect(place.database(database_of(contender)), autocommit=True) as connection:
        query = "SELECT EXISTS (SELECT FROM background_jobs WHERE status IN ('queued', 'running'))"
        while connection.execute(query).fetchone() != (False,):
            time.sleep(counter.PAUSE)
