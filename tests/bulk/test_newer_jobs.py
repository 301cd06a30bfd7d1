"""A retry of many leaves out what a newer job has decided; a person may still retry such a job by itself."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core import clock
from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.errors import NotAllowed
from core.jobs.retry import refusals_of_retry, retry, retry_many
from core.models import BackgroundJob, PlatformConnection, User
from tests.factories import ADMIN, make_user

DEMO = "users.demo_mode_status"


def ended(session: Session, user: UUID, kind: str, status: str, days: int, **more: object) -> UUID:
    """Add a job of a user's that ended so many days ago."""
    at = clock.now() - timedelta(days=days)
    job = BackgroundJob(kind=kind, queue="demo", machine=DEMO, user_id=user, status=status, created_at=at, run_at=at)
    job.sqlmodel_update({"finished_at": at, "args": {"preset": "nano"} if kind == "demo.enable" else {}, **more})
    session.add(job)
    session.flush()
    return job.id


def retried(engine: Engine, *ids: UUID) -> list[UUID]:
    """Return which of these were retried together; the preview has said the same."""
    with session_scope(engine) as session:
        foretold = refusals_of_retry(session, ids)
    with session_scope(engine) as session:
        outcomes = retry_many(session, ids, ADMIN, "the provider is back")
        refused = {job_id: str(outcome) for job_id, outcome in outcomes if isinstance(outcome, NotAllowed)}
        assert foretold == refused
        assert all("This user has a newer job (job " in why for why in refused.values())
        return [job_id for job_id, _ in outcomes if job_id not in refused]


@pytest.fixture
def person(engine: Engine) -> UUID:
    with session_scope(engine) as session:
        user = make_user(session)
        user.demo_mode_status, user.demo_preset = "enabled", "nano"
        return user.id


@pytest.mark.parametrize("order", [1, -1])
def test_an_old_failure_does_not_take_back_what_came_after_it(engine: Engine, person: UUID, order: int) -> None:
    with session_scope(engine) as session:
        disable = ended(session, person, "demo.disable", "failed", 9)
        enable = ended(session, person, "demo.enable", "succeeded", 3)
        other = make_user(session, demo_mode_status="failed").id
        older, newest = (
            ended(session, other, f"demo.{kind}", "failed", n) for kind, n in (("disable", 5), ("enable", 2))
        )
    assert retried(engine, *[disable, older, newest][::order]) == [newest]
    with session_scope(engine) as session:
        assert session.get_one(User, person).demo_mode_status == "enabled"
        with pytest.raises(NotAllowed, match=f"has a newer job .job {enable}."):
            retry(session, disable, ADMIN, once=True)


def test_what_was_cancelled_since_decides_nothing(engine: Engine, person: UUID) -> None:
    with session_scope(engine) as session:
        disable = ended(session, person, "demo.disable", "failed", 9)
        ended(session, person, "demo.disable", "cancelled", 3)
    assert retried(engine, disable) == [disable]


def test_a_job_of_something_else_decides_nothing(engine: Engine, person: UUID) -> None:
    with session_scope(engine) as session:
        disable = ended(session, person, "demo.disable", "failed", 9)
        session.add(connection := PlatformConnection(user_id=person, platform="instagram", handle="ana"))
        session.flush()
        on_it = {"machine": "platform_connections.status", "connection_id": connection.id}
        ended(session, person, "connection.refresh", "succeeded", 3, **on_it)
        ended(session, person, "messages.send", "succeeded", 2, machine=None)
        ended(session, make_user(session).id, "demo.enable", "succeeded", 1)
    assert retried(engine, disable) == [disable]


def test_one_person_may_retry_such_a_job_by_itself(engine: Engine, person: UUID) -> None:
    with session_scope(engine) as session:
        disable = ended(session, person, "demo.disable", "failed", 9)
        ended(session, person, "demo.enable", "succeeded", 3)
    with session_scope(engine) as session:
        assert retry(session, disable, ADMIN, "asked for on the phone").kind == "demo.disable"


def test_a_preview_counts_the_kinds_of_what_would_be_done(engine: Engine, person: UUID) -> None:
    with session_scope(engine) as session:
        ids = [ended(session, person, "demo.disable", "failed", 9)]
        ended(session, person, "demo.enable", "succeeded", 3)
        ids += [ended(session, make_user(session).id, "demo.enable", "failed", 2) for _ in range(2)]
    form = {"action": "job.retry", "ids": [str(each) for each in ids]}
    answer = perform(engine, ADMIN, CommandRequest(name="bulk.prepare", args=form, reason="the provider is back"))
    assert answer["by"]["kind"] == {"demo.enable": 2, "demo.disable": 1}
    assert answer["done_by_kind"] == {"demo.enable": 2}
    assert answer["skipped"] == {"This user has a newer job": 1}
