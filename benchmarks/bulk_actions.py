"""A bulk action of many rows, whose worker is killed on the way, with a quiet queue and a console beside it."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import httpx
from sqlalchemy import Engine, text

from benchmarks import ours
from benchmarks.console import console
from benchmarks.contenders import OURS_COMMAND
from benchmarks.figures import percentile
from benchmarks.place import Place
from benchmarks.processes import running
from benchmarks.stamps import NumberForm, stamp
from core import bus, clock
from core.actor import ENGINE
from core.database.engine import connect, session_scope
from core.jobs.request import JobOptions, request_task, request_tasks
from core.jobs.request_tasks import AT_ONCE
from core.models import Role
from core.operation import NoForm, Progress, Steps, Task, TaskWork
from core.operations import BY_NAME

#: Workers, of which one is killed: who has but one waits until another has started.
WORKERS = 2
#: Jobs of one transaction, and seconds between two looks of each kind.
CHUNK, PAUSE = 1_000, 0.25
TARGETS = "preview 1 s, done 180 s, quiet p99 1,020 ms"
_FAILED = text(
    "UPDATE background_jobs SET status = 'failed', attempt = 3, token = 3, started_at = now(), claimed_at = now(), "
    "finished_at = now(), error_type = 'Broken', error_message = 'Broken', error_fingerprint = 'broken' "
    "WHERE kind = :kind AND status = 'queued'"
)


def _nothing(_: TaskWork[NoForm]) -> Steps:
    return None
    yield Progress(1, 1)  # makes it a generator


many = Task(name="bench.many", label="Many", form=NoForm, run=_nothing, role=Role.ADMIN, queue="bench")
WORKER = ("-m", "benchmarks.bulk_actions", *OURS_COMMAND)


@dataclass
class Beside:
    """What others saw meanwhile, in milliseconds: when stamps were committed, and how long answers took."""

    committed: dict[int, float] = field(default_factory=dict)
    answers: list[float] = field(default_factory=list)


def measure(place: Place, rows: int) -> list[str]:
    """Return the table's rows: a retry with its worker killed at a third, a cancel, and its undo."""
    url = place.new_database("bulk_actions", migrated=True)
    os.environ["REDIS_URL"], stamps = place.redis_url, place.folder / "bulk_stamps"
    engine = connect(url)
    _add_failed(engine, rows)
    environment = place.environment(url, BENCH_COUNTER=str(stamps))
    ours.prepare()
    with console(place, url, engine) as own, ExitStack() as stack:

        def work() -> int:
            return stack.enter_context(running(WORKER, environment, place.folder / "bulk_worker.log")).pid

        at_work = [work() for _ in range(WORKERS)]
        _until_they_work(engine)
        with _beside(engine, own.client) as beside:
            retry = _acted(own.client, "job.retry", "status:failed", lambda: _kill(at_work[0], work))
        _add(engine, rows, timedelta(days=1))
        cancel = _acted(own.client, "job.cancel", "status:queued due:no")
        undo = _ended(own.client, own.client.post(f"/api/bulk/{cancel[0]}/undo", json={"reason": "bench"}))
    bus.use(bus.NullBus())
    engine.dispose()
    started = {int(number): float(at) for number, at in (line.split() for line in stamps.read_text().splitlines())}
    waits = [(started[number] - at) * 1e3 for number, at in beside.committed.items() if number in started]
    quiet = f"quiet queue p50 {percentile(waits, 0.5):,.0f}, p99 {percentile(waits, 0.99):,.0f} ms"
    answers = f"/api/jobs p50 {percentile(beside.answers, 0.5):,.0f}, p99 {percentile(beside.answers, 0.99):,.0f} ms"
    return [
        f"Retry of {rows:,} failed jobs, a worker of {WORKERS} killed | {retry[1]}; {quiet}; {answers} | {TARGETS}",
        f"Cancel of {rows:,} waiting jobs | {cancel[1]} | preview 1 s, done 180 s",
        f"Undo of this cancel | {undo[1]} | preview 1 s, done 180 s",
    ]


def _add_failed(engine: Engine, rows: int) -> None:
    _add(engine, rows)
    with session_scope(engine) as session:
        session.connection().execute(_FAILED, {"kind": many.name})


def _until_they_work(engine: Engine) -> None:
    """Wait for the start of the workers, which keeps the machine busy."""
    while True:
        with session_scope(engine) as session:
            if session.scalar(text("SELECT count(*) FROM workers")) == WORKERS:
                return
        time.sleep(PAUSE)


def _add(engine: Engine, rows: int, later: timedelta = timedelta()) -> None:
    for _ in range(rows // CHUNK):
        with session_scope(engine) as session:
            options = JobOptions(run_at=clock.now() + later) if later else JobOptions()
            request_tasks(session, many, [NoForm()] * CHUNK, ENGINE, AT_ONCE if not later else options)


def _kill(pid: int, work: Callable[[], int]) -> None:
    os.killpg(pid, signal.SIGKILL)
    work()


def _acted(
    client: httpx.Client, command: str, jobs: str, at_a_third: Callable[[], None] | None = None
) -> tuple[str, str]:
    """Prepare and start a bulk action, and return its id and what its parts took once it is over."""
    body = {"action": command, "filter": {"q": jobs}, "reason": "bench"}
    began = time.perf_counter()
    return _ended(client, client.post("/api/bulk", json=body), time.perf_counter() - began, at_a_third)


def _ended(
    client: httpx.Client, prepared: httpx.Response, seconds: float = 0, at_a_third: Callable[[], None] | None = None
) -> tuple[str, str]:
    prepared.raise_for_status()
    bulk, took = prepared.json(), prepared.elapsed.total_seconds() or seconds
    total = client.get(f"/api/bulk/{bulk['id']}").json()["total"]
    began = time.perf_counter()
    client.post(f"/api/bulk/{bulk['id']}/start", json={"count": total}).raise_for_status()
    while (now := client.get(f"/api/bulk/{bulk['id']}").json())["status"] == "running":
        if at_a_third and now["applied"] > total / 3:
            at_a_third()
            at_a_third = None
        time.sleep(PAUSE)
    done = f"{now['applied']:,} done, {now['skipped']:,} skipped, {now['failed']:,} failed"
    return bulk["id"], f"preview {took:.2f} s, {time.perf_counter() - began:.0f} s: {done}"


@contextmanager
def _beside(engine: Engine, client: httpx.Client) -> Iterator[Beside]:
    """Request stamps and read the newest jobs until the block ends."""
    seen, over = Beside(), threading.Event()

    def ask() -> None:
        while not over.wait(PAUSE):
            with session_scope(engine) as session:
                request_task(session, stamp, NumberForm(number=len(seen.committed)), ENGINE)
            seen.committed[len(seen.committed)] = time.time()

    def read() -> None:
        with httpx.Client(base_url=client.base_url, cookies=client.cookies, timeout=60) as own:
            while not over.wait(PAUSE):
                seen.answers.append(own.get("/api/jobs", params={"limit": 50}).elapsed.total_seconds() * 1e3)

    threads = [threading.Thread(target=each) for each in (ask, read)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    for task in (many, stamp):
        cast(dict[str, Any], BY_NAME)[task.name] = task

    import main

    main.main()
