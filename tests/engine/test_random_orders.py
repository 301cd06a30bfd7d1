"""Any jobs in any order: what the list says is what sorting them in Python says."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import Session

from core import clock
from core.job_list.filters import JobFilter
from core.job_list.orders import BY_REQUEST, SORTS, Sort
from core.job_list.queries import ids_between, page
from core.models import BackgroundJob, JobStatus, User

NOW = datetime.now(UTC) - timedelta(days=2)


def any_job(dice: random.Random, users: list[User]) -> BackgroundJob:
    status = dice.choice([*JobStatus])
    created = NOW + timedelta(minutes=dice.randrange(20))
    begun = created + timedelta(seconds=dice.choice([-5, 0, 3, 3, 90]))
    has_begun = status != JobStatus.QUEUED or dice.random() < 0.3
    ended = begun + timedelta(seconds=dice.choice([0, 0, 1, 40, -2]))
    return BackgroundJob(
        kind=dice.choice(["sort.a", "sort.b"]), queue="sort", status=status, created_at=created,
        run_at=created + timedelta(seconds=dice.choice([0, 2, 100])), attempt=dice.randrange(4),
        started_at=begun if has_begun else None, user_id=dice.choice([None, *(user.id for user in users)]),
        finished_at=ended if has_begun and status in ("succeeded", "failed", "cancelled") else None,
    )  # fmt: skip


def key_of(job: BackgroundJob, name: str, emails: dict[UUID, str], now: datetime) -> Any:
    if name == "user":
        return emails.get(job.user_id)  # type: ignore[arg-type]
    if name == "took":
        end = now if job.status == JobStatus.RUNNING else job.finished_at
        return end - job.started_at if end and job.started_at else None
    if name == "waited":
        if job.started_at is None:
            return now - job.run_at if job.status == JobStatus.QUEUED and job.run_at <= now else None
        return job.started_at - (job.run_at if job.run_at <= job.started_at else job.created_at)
    return getattr(job, name)


def expected(jobs: list[BackgroundJob], sort: Sort, emails: dict[UUID, str], now: datetime) -> list[str]:
    name, falls = sort.removeprefix("-"), sort.startswith("-")
    newest = sorted(jobs, key=lambda job: (job.created_at, job.id), reverse=True)
    keyed = [(key_of(job, name, emails, now), job) for job in newest]
    # `reverse` keeps the order of equals.
    known = sorted((each for each in keyed if each[0] is not None), key=lambda each: each[0], reverse=falls)
    return [str(job.id) for _, job in [*known, *(each for each in keyed if each[0] is None)]]


@pytest.mark.parametrize("seed", range(4))
def test_any_jobs_in_any_order(session: Session, seed: int) -> None:
    dice = random.Random(seed)
    users = [User(email=f"{name}@example.com") for name in ("Ana", "ben", "Zoe")]
    session.add_all(users)
    session.flush()
    jobs = [any_job(dice, users) for _ in range(60)]
    session.add_all(jobs)
    session.flush()
    emails, now = {user.id: user.email.lower() for user in users}, clock.now()
    for sort in (each for each in SORTS if each not in BY_REQUEST):
        for text in ("", "kind:sort.a", "sort"):
            job_filter = JobFilter.from_text(text)
            wanted = expected([job for job in jobs if text != "kind:sort.a" or job.kind == "sort.a"], sort, emails, now)
            limit, place, listed = dice.randrange(1, 30), None, []
            while True:
                part = page(session, job_filter, limit=limit, after=place, sort=sort)
                listed += [row["id"] for row in part.items]
                if (place := part.next) is None:
                    break
            assert listed == wanted, (sort, text)
            low, high = sorted(dice.sample(range(len(wanted)), 2))
            ends = (UUID(wanted[high]), UUID(wanted[low]))
            assert [str(each) for each in ids_between(session, job_filter, ends, 99, sort)] == wanted[low : high + 1]
            skipped = dice.randrange(len(wanted))
            assert [row["id"] for row in page(session, job_filter, limit=7, offset=skipped, sort=sort).items] == wanted[
                skipped : skipped + 7
            ]
