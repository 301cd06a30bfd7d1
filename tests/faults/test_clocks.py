"""A worker's own clock decides nothing: which job is due, which worker is dead, which step took too long."""

import ast
from datetime import timedelta
from pathlib import Path

import pytest

from core.models import JobStatus
from tests.faults import kinds
from tests.faults.cluster import ROOT, Cluster, heal_and_check
from tests.stepping import stepping_clock
from tests.waiting import eventually

HOUR = 3600
#: Where a process may ask its own clock, and why that decides nothing about a job.
ALLOWED = {
    "core/jobs/request_tasks.py": "whether to ring at once; a wakeup too many or too few costs nothing",
    "tasks/shared_limiter.py": "how long a refused person is asked to wait",
    "core/jobs/request.py": "whether to ring at once; a wakeup too many or too few costs nothing",
}


@pytest.mark.parametrize("skew", [HOUR, -HOUR])
def test_a_worker_whose_clock_is_an_hour_wrong_takes_nothing_away_and_loses_nothing(
    cluster: Cluster, skew: int
) -> None:
    cluster.start_worker(knows_kinds=True)
    job = cluster.ask_task("fault.steps", steps=3, seconds=1.5)
    cluster.begin(job)
    wrong = cluster.start_worker(knows_kinds=True, **{kinds.SKEW: skew})
    more = [cluster.ask_task("fault.steps", steps=2, seconds=0.2) for _ in range(8)]
    eventually(lambda: cluster.has_ended(job, *more), within=30)
    assert cluster.outcomes(job) == ["succeeded"]
    assert [cluster.outcomes(job_id) for job_id in more] == [["succeeded"]] * 8
    assert {cluster.job(job_id).status for job_id in more} == {JobStatus.SUCCEEDED}
    assert wrong.poll() is None
    heal_and_check(cluster)


def test_no_worker_loses_a_job_when_the_clock_of_the_database_steps_while_all_work(cluster: Cluster) -> None:
    with stepping_clock(cluster.database_url) as clock:
        cluster.start_workers(2, knows_kinds=True, DATABASE_URL=clock.url)
        jobs = [cluster.ask_task("fault.steps", steps=5, seconds=0.4) for _ in range(6)]
        for job in jobs:
            cluster.begin(job)
        clock.step(timedelta(minutes=10))
        eventually(lambda: cluster.has_ended(*jobs), within=30)
        assert [cluster.outcomes(job) for job in jobs] == [["succeeded"]] * len(jobs)
        cluster.stop()


def test_nothing_that_moves_a_job_asks_the_process_for_the_time() -> None:
    reads = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("core/jobs", "tasks")
        for path in (ROOT / folder).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and _asks_own_clock(node) and _name(path) not in ALLOWED
    }
    assert reads == set()


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _asks_own_clock(node: ast.Attribute) -> bool:
    of = node.value.id if isinstance(node.value, ast.Name) else ""
    return (of, node.attr) in {
        ("clock", "now"),
        ("datetime", "now"),
        ("datetime", "utcnow"),
        ("time", "time"),
        ("time", "time_ns"),
    }
