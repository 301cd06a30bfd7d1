"""The ids of the jobs between two of a list: those that match, in its order, and none of others."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import Session

from core.models import BackgroundJob, JobStatus, Role, User

SignIn = Callable[[Role], tuple[TestClient, User]]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PATH = "/api/jobs/between"


@pytest.fixture
def ids(engine: Engine) -> list[str]:
    """Return jobs, the newest first, two of them of the same moment; each third one has failed."""
    ages = [0, 1, 2, 2, 3, 4, 5, 6]
    with Session(engine) as session:
        jobs = [BackgroundJob(kind="mail.send", queue="mail", created_at=NOW - timedelta(hours=age)) for age in ages]
        for place, job in enumerate(jobs):
            job.status = JobStatus.FAILED if place % 3 == 0 else JobStatus.SUCCEEDED
            job.started_at = job.finished_at = job.created_at
        session.add_all(jobs)
        session.commit()
        return [str(job.id) for job in sorted(jobs, key=lambda job: (job.created_at, job.id), reverse=True)]


def test_both_ends_are_in_whichever_comes_first(signed_in: SignIn, ids: list[str]) -> None:
    viewer, _ = signed_in(Role.VIEWER)
    for first, last in ((ids[1], ids[5]), (ids[5], ids[1])):
        answer = viewer.get(PATH, params={"first": first, "last": last})
        assert answer.json() == {"ids": ids[1:6], "more": False}
    oldest_first = viewer.get(PATH, params={"first": ids[1], "last": ids[5], "sort": "created_at"})
    assert oldest_first.json()["ids"] == ids[1:6][::-1]
    assert viewer.get(PATH, params={"first": ids[2], "last": ids[2]}).json()["ids"] == [ids[2]]


def test_only_what_matches_is_in(signed_in: SignIn, ids: list[str]) -> None:
    viewer, _ = signed_in(Role.VIEWER)
    for own in ({"status": "failed"}, {"q": "status:failed kind:mail.*"}):
        found = viewer.get(PATH, params={"first": ids[0], "last": ids[-1], **own}).json()["ids"]
        listed = viewer.get("/api/jobs", params=own).json()["items"]
        assert found == [row["id"] for row in listed]
        assert len(found) == 3


def test_a_job_that_is_gone_and_a_person_who_may_not_are_told(signed_in: SignIn, ids: list[str]) -> None:
    viewer, _ = signed_in(Role.VIEWER)
    gone = viewer.get(PATH, params={"first": ids[0], "last": str(uuid4())})
    assert (gone.status_code, "has been deleted" in gone.text) == (404, True)
    assert viewer.get(PATH, params={"first": ids[0], "last": "x"}).status_code == 422
    alone = viewer.get(PATH, params={"first": ids[0]})
    assert (alone.status_code, "first and last are needed" in alone.text) == (422, True)
    member, _ = signed_in(Role.MEMBER)
    assert member.get(PATH, params={"first": ids[0], "last": ids[1]}).status_code == 403
