"""Jobs per second and CPU per job, end to end, in rounds that alternate between the candidates."""

import statistics
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import psycopg

from benchmarks import counter
from benchmarks.contenders import OURS, Contender
from benchmarks.cpu import Cpu, look
from benchmarks.place import Place
from benchmarks.processes import hear, running, say, several

#: Seconds that one round may take; a candidate that takes longer is reported as far as it came.
ROUND = 60
#: Jobs before the clock runs: connections open, caches fill, statements are prepared.
WARM_UP = 200


@dataclass(frozen=True, slots=True)
class Round:
    """One candidate's round: rates per second, and CPU seconds per job."""

    workers: int
    enqueued: float
    finished: float
    cpu: Cpu
    jobs: int

    @property
    def micros(self) -> float:
        """CPU microseconds per job, of all roles together."""
        return self.cpu.total / self.jobs * 1e6


@dataclass(slots=True)
class Result:
    """A candidate's rounds; the number of worker processes that did better counts."""

    contender: Contender
    rounds: list[Round] = field(default_factory=list)

    @property
    def best(self) -> list[Round]:
        """The rounds with the better number of workers."""
        by_workers: dict[int, list[Round]] = {}
        for each in self.rounds:
            by_workers.setdefault(each.workers, []).append(each)
        return max(by_workers.values(), key=lambda rounds: statistics.median(r.finished for r in rounds))

    def median(self, name: str) -> float:
        """Return the median of one figure over the better rounds."""
        values: list[float] = [getattr(each, name) for each in self.best]
        return statistics.median(values)

    def micros(self, role: str) -> float:
        """Return the median CPU microseconds per job of one role."""
        values: list[float] = [getattr(each.cpu, role) / each.jobs * 1e6 for each in self.best]
        return statistics.median(values)


def measure(place: Place, contender: Contender, python: str, workers: int, jobs: int) -> Round:
    """Run one round: workers up and warm, then `jobs` jobs from the first request to the last end."""
    url = place.database(database_of(contender))
    log = place.folder / f"{contender.module}.log"
    environment = place.environment(url)
    with ExitStack() as stack:
        started = stack.enter_context(several(workers, contender.worker, environment, log, python))
        producer = stack.enter_context(
            running(("-m", "benchmarks.producer", contender.module), environment, log, python)
        )
        hear(producer)
        _enqueue(place, contender, producer, WARM_UP)
        return _timed(place, contender, started, producer, jobs)


def prepare(place: Place, contender: Contender, python: str) -> None:
    """Make the candidate's database, with its tables."""
    url = place.new_database(database_of(contender), migrated=contender.name == OURS)
    if contender.schema:
        subprocess.run([python, *contender.schema], env=place.environment(url), cwd=None, check=True, timeout=60)


def database_of(contender: Contender) -> str:
    """Return the name of a candidate's own database."""
    return contender.module.rsplit(".", 1)[1]


def _timed(
    place: Place, contender: Contender, started: Sequence[subprocess.Popen[str]], producer: subprocess.Popen[str],
    jobs: int,
) -> Round:  # fmt: skip
    pids = {"workers": {each.pid for each in started}, "producer": producer.pid}
    servers = {"postmaster": place.postmaster, "redis": place.redis}
    before, began = look(**pids, **servers), time.perf_counter()  # type: ignore[arg-type]
    enqueuing = _enqueue(place, contender, producer, jobs)
    took = time.perf_counter() - began
    used = look(**pids, **servers).since(before)  # type: ignore[arg-type]
    return Round(len(started), jobs / enqueuing, jobs / took, used, jobs)


def _enqueue(place: Place, contender: Contender, producer: subprocess.Popen[str], jobs: int) -> float:
    """Enqueue, wait until all has ended, and return the seconds that the enqueuing took."""
    expected_count = counter.count() + jobs
    say(producer, jobs)
    took = float(hear(producer))
    if not counter.wait_for(expected_count, ROUND):
        raise RuntimeError(
            f"{contender.name}: {expected_count - counter.count()} of {jobs} jobs did not run in {ROUND} s"
        )
    if contender.name == OURS:
        _wait_until_written(place.database(database_of(contender)))
    return took


def _wait_until_written(url: str) -> None:
    """Wait until every ending is committed: ours are counted by their rows, not by having run."""
    with psycopg.connect(url, autocommit=True) as connection:
        query = "SELECT EXISTS (SELECT FROM background_jobs WHERE status IN ('queued', 'running'))"
        while connection.execute(query).fetchone() != (False,):
            time.sleep(counter.PAUSE)
