"""Reschedule: another time for a job that waits, whose user is meanwhile as before the request."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from core.actor import Actor
from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.diagnosis.invariants import violations
from core.errors import Invalid, NotAllowed, NotPermitted
from core.jobs.request import request, request_task
from core.models import AttemptOutcome, DemoModeStatus, Event, User
from core.operations import demo
from core.operations.demo import EnableForm
from core.operations.maintenance import delete_old_jobs, expire_sessions
from tests import driving
from tests.factories import ADMIN, SUPPORT, make_user


def later(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


def requested(engine: Engine) -> tuple[UUID, UUID]:
    with session_scope(engine) as session:
        user = make_user(session)
        return user.id, request(session, demo.enable, user.id, EnableForm(preset="nano"), SUPPORT).id


def reschedule(engine: Engine, job: UUID, at: str, actor: Actor = SUPPORT) -> None:
    perform(engine, actor, CommandRequest(name="job.reschedule", target=job, args={"at": at}, reason="asked to wait"))


def state_of(engine: Engine, user: UUID) -> DemoModeStatus:
    with Session(engine) as session:
        return session.get_one(User, user).demo_mode_status


def test_a_job_that_has_not_begun_becomes_a_plan_and_its_user_is_as_before(engine: Engine) -> None:
    user, job = requested(engine)
    assert state_of(engine, user) is DemoModeStatus.ENABLING
    reschedule(engine, job, later(hours=2))
    assert state_of(engine, user) is DemoModeStatus.DISABLED
    assert driving.take(engine) is None
    with Session(engine) as session:
        assert list(violations(session)) == []
        event = session.exec(select(Event).where(col(Event.name) == "job.rescheduled")).one()
        assert (event.job_id, event.reason) == (job, "asked to wait")
    reschedule(engine, job, later(seconds=0))
    assert driving.run_next(engine) is AttemptOutcome.SUCCEEDED
    assert state_of(engine, user) is DemoModeStatus.ENABLED


def test_a_rescheduled_job_that_is_cancelled_leaves_its_user_as_before(engine: Engine) -> None:
    user, job = requested(engine)
    reschedule(engine, job, later(hours=2))
    perform(engine, SUPPORT, CommandRequest(name="job.cancel", target=job))
    assert state_of(engine, user) is DemoModeStatus.DISABLED
    with Session(engine) as session:
        assert list(violations(session)) == []


def _break() -> None:
    raise OSError("the service is away")


def test_a_job_between_attempts_keeps_its_users_state(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    user, job = requested(engine)
    driving.at_checkpoint(monkeypatch, 1, before=_break)
    assert driving.run_next(engine) is AttemptOutcome.ERROR
    reschedule(engine, job, later(hours=2))
    assert state_of(engine, user) is DemoModeStatus.ENABLING
    with Session(engine) as session:
        assert list(violations(session)) == []


def test_a_task_has_no_row_to_give_back(engine: Engine) -> None:
    with session_scope(engine) as session:
        job = request_task(session, expire_sessions, expire_sessions.form(), SUPPORT).id
    reschedule(engine, job, later(days=1), ADMIN)
    assert driving.take(engine, queue="maintenance") is None


def test_what_has_ended_cannot_be_rescheduled(engine: Engine) -> None:
    _, job = requested(engine)
    driving.run_next(engine)
    with pytest.raises(NotAllowed, match="Only a job that waits can be rescheduled; this one is succeeded"):
        reschedule(engine, job, later(hours=1))


@pytest.mark.parametrize("days", [400, -1])
def test_a_time_far_away_is_refused(engine: Engine, days: int) -> None:
    _, job = requested(engine)
    with pytest.raises(Invalid, match="out of range"):
        reschedule(engine, job, later(days=days))


def test_a_plan_that_is_made_due_stays_one_until_it_begins(engine: Engine) -> None:
    user, job = requested(engine)
    reschedule(engine, job, later(hours=1))
    reschedule(engine, job, later(minutes=-4))
    assert state_of(engine, user) is DemoModeStatus.DISABLED
    row = driving.job_row(engine, job)
    assert row.run_at >= row.created_at
    with Session(engine) as session:
        assert list(violations(session)) == []


def test_a_task_is_put_off_only_by_who_may_start_it(engine: Engine) -> None:
    with session_scope(engine) as session:
        job = request_task(session, delete_old_jobs, delete_old_jobs.form(days=3650), ADMIN).id
    with pytest.raises(NotPermitted, match=r"Rescheduling maintenance\.delete_old_jobs needs the role admin"):
        reschedule(engine, job, later(days=1))
