"""Whether work was done again is found by reading a few rows for each failure, however often it failed."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlmodel import Session, col, select

from core.diagnosis.done_again import FURTHEST, Redone, is_redone
from core.models import BackgroundJob, JobStatus
from core.operations import demo
from tests.engine.test_plans import compiled
from tests.factories import make_user
from tests.repeats import mostly_slow

LONG = 300
BEGAN = datetime.now(UTC) - timedelta(hours=20)


def chain(session: Session, length: int, last: JobStatus = JobStatus.FAILED) -> list[BackgroundJob]:
    """Add a failed task, its retry, the retry of that, and so on; the last one ended so."""
    ids = [uuid4() for _ in range(length)]
    return ended(session, last, [{"id": id_, "retry_of": of} for id_, of in zip(ids, [None, *ids], strict=False)])


def requests(session: Session, length: int, last: JobStatus = JobStatus.FAILED) -> list[BackgroundJob]:
    """Add enabling jobs of one user, each requested after the one before had failed; the last one ended so."""
    user_id = make_user(session).id
    of_user = {"kind": demo.enable.name, "machine": demo.demo_mode.name, "user_id": user_id}
    return ended(session, last, [of_user] * length)


def ended(session: Session, last: JobStatus, rows: list[dict[str, Any]]) -> list[BackgroundJob]:
    jobs = [
        BackgroundJob(**{"kind": "maintenance.test", **row}, status=JobStatus.FAILED, created_at=at, finished_at=at)
        for row, at in zip(rows, (BEGAN + timedelta(seconds=number) for number in range(len(rows))), strict=True)
    ]
    jobs[-1].status = last
    session.add_all(jobs)
    session.flush()
    return jobs


def answers(session: Session, jobs: list[BackgroundJob]) -> list[Redone]:
    """Return the answer for each job; there is exactly one."""
    by_id = {}
    for answer in Redone:
        for job_id in session.exec(select(BackgroundJob.id).where(is_redone(answer))):
            assert job_id not in by_id
            by_id[job_id] = answer
    return [by_id[job.id] for job in jobs]


def rows_read(session: Session, answer: Redone) -> float:
    """Return how many rows of jobs are read to select the jobs with this answer."""
    query, values = compiled(session, select(col(BackgroundJob.id)).where(is_redone(answer)), {})
    explained = session.connection().exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", values)
    return read_below(explained.scalar_one()[0]["Plan"])


def read_below(node: dict[str, Any]) -> float:
    """Return how many rows all scans of jobs have read, those that a condition removed included."""
    is_scan = node.get("Relation Name") == "background_jobs"
    own = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) if is_scan else 0
    return float(own * node["Actual Loops"]) + sum(read_below(child) for child in node.get("Plans", []))


@pytest.mark.parametrize("add", mostly_slow([chain, requests], fast=1))
@pytest.mark.parametrize("answer", Redone)
def test_a_failure_that_was_repeated_hundreds_of_times_costs_a_few_rows(
    session: Session, add: Any, answer: Redone
) -> None:
    add(session, LONG)
    session.connection().exec_driver_sql("ANALYZE background_jobs")  # without, the plan is a matter of chance
    assert rows_read(session, answer) < LONG * 2 * (FURTHEST + 2)


@pytest.mark.parametrize("add", [chain, requests])
def test_a_success_mends_the_failures_before_it_up_to_the_furthest(session: Session, add: Any) -> None:
    jobs = add(session, FURTHEST + 3, JobStatus.SUCCEEDED)
    assert answers(session, jobs) == [Redone.TRIED] * 2 + [Redone.YES] * FURTHEST + [Redone.NO]
