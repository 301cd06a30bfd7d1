"""Hosted use while parts are lost, under load: a worker's link, a primary that turns read-only, one that vanishes."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import httpx
import pytest

from tests.hosted.load import COOKIE, creators, pressing
from tests.hosted.servers import is_ready
from tests.hosted.stack import LEASE, SWEEP, Installation
from tests.waiting import eventually

pytestmark = pytest.mark.hosted

#: Seconds after the database's address has moved until everything writes again.
BACK = 10
#: Seconds that a thread may wait for a processor on a busy machine.
BUSY = 5


def list_of(ids: Sequence[Any]) -> str:
    """Return ids as a list of SQL."""
    return "(" + ", ".join(f"'{each}'" for each in ids) + ")"


def everything_about(stack: Installation, jobs: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the rows of jobs, their attempts and events, and the demo rows of their creators, as text."""
    ids = list_of(jobs)
    users = f"(SELECT user_id FROM background_jobs WHERE id IN {ids})"
    parts = (
        f"SELECT 'job', j::text FROM background_jobs j WHERE id IN {ids}",
        f"SELECT 'attempt', a::text FROM job_attempts a WHERE job_id IN {ids}",
        f"SELECT 'event', e::text FROM events e WHERE job_id IN {ids}",
        f"SELECT 'row', i::text FROM interactions i WHERE user_id IN {users} AND is_demo",
    )
    return stack.rows(" UNION ALL ".join(parts) + " ORDER BY 1, 2")


def test_jobs_of_a_worker_that_is_cut_off_are_finished_once_by_others_and_it_returns_by_itself(
    stack: Installation, cookie: str
) -> None:
    pid = stack.far.pid
    at_work = f"""SELECT j.id FROM background_jobs j JOIN workers w ON w.id = worker_id
                  WHERE pid = {pid} AND lost_at IS NULL AND status = 'running' AND progress_done > 0"""
    with pressing(stack, cookie):
        eventually(lambda: stack.rows(at_work), within=60)
        stack.network.cut("far")
        try:
            jobs = [row[0] for row in stack.rows(at_work)]
            done = f"SELECT id FROM background_jobs WHERE id IN {list_of(jobs)} AND status = 'succeeded'"
            eventually(lambda: len(stack.rows(done)) == len(jobs), within=60)
            before = everything_about(stack, jobs)
        finally:
            stack.network.join("far")
        returned = f"""SELECT 1 FROM background_jobs j JOIN workers w ON w.id = worker_id
                       WHERE pid = {pid} AND lost_at IS NULL AND status = 'succeeded'"""
        eventually(lambda: stack.rows(returned), within=60)
    assert jobs
    assert stack.far.is_alive
    assert everything_about(stack, jobs) == before, "it wrote after its loss"
    waits = stack.rows(f"""
        SELECT extract(epoch FROM j.claimed_at - w.heartbeat_at), first.outcome, j.status,
               (SELECT count(*) FROM interactions i WHERE i.user_id = j.user_id AND is_demo), j.result->'interactions'
        FROM background_jobs j
        JOIN job_attempts first ON first.job_id = j.id JOIN workers w ON w.id = first.worker_id AND w.pid = {pid}
        WHERE j.token > first.token AND j.id IN {list_of(jobs)}""")
    assert [row[1:3] for row in waits] == [("lost", "succeeded")] * len(jobs)
    assert all(count == result for *_, count, result in waits)
    assert max(float(row[0]) for row in waits) < LEASE + SWEEP + BUSY


def readiness(port: int) -> str:
    """Return what a console's /readyz says while it is not ready; empty while it is ready."""
    answer = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=30)
    return answer.text if answer.status_code == 503 else ""


def accepts_writes(stack: Installation, port: int, cookie: str) -> bool:
    """Press on a console itself, as nginx does."""
    headers = {"Host": stack.url.removeprefix("https://"), "X-Forwarded-Proto": "https", "Cookie": f"{COOKIE}={cookie}"}
    path = f"/api/users/{creators(stack)[-1]}/operations/demo.enable"
    return httpx.post(f"http://127.0.0.1:{port}{path}", json={"preset": "nano"}, headers=headers, timeout=30).is_success


def turn_read_only(stack: Installation) -> None:
    """Close the primary for writing; connections to it stay open."""
    stack.database.configure("SET default_transaction_read_only = on")


@pytest.mark.parametrize(
    ("lose", "sentence"),
    [
        pytest.param(turn_read_only, "read-only since", id="read-only"),
        pytest.param(lambda stack: stack.database.crash(), "does not respond", id="vanished"),
    ],
)
def test_after_a_failover_under_load_all_writes_again_and_nothing_is_restarted_or_lost(
    stack: Installation, cookie: str, lose: Callable[[Installation], None], sentence: str
) -> None:
    stack.database.copy()
    running = [program.pid for program in stack.programs]
    with pressing(stack, cookie) as load:
        eventually(lambda: len(load.accepted) > 10, within=60)
        lose(stack)
        eventually(lambda: all(sentence in readiness(port) for port in stack.consoles), within=30)
        eventually(lambda: any(sentence in text for _, text in load.refused), within=30)
        stack.database.promote()
        stack.network.move(stack.database.primary)
        stack.pooler.lead_to(stack.database.primary)
        moved, count = time.monotonic(), len(load.accepted)
        for port in stack.consoles:
            eventually(partial(accepts_writes, stack, port, cookie), within=BACK + moved - time.monotonic())
            eventually(partial(is_ready, f"http://127.0.0.1:{port}"), within=BACK + moved - time.monotonic())
        beats = "SELECT count(*) FROM workers WHERE stopped_at IS NULL AND heartbeat_at > now() - interval '2 s'"
        eventually(lambda: stack.rows(beats) == [(3,)], within=BACK + BUSY)
        eventually(lambda: len(load.accepted) > count + 10, within=60)
    assert max(at for at, _ in load.refused) < moved + BACK
    assert [program.pid for program in stack.programs if program.is_alive] == running
    stack.database.retire()
