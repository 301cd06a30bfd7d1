"""Start now brings a job forward that waits for a time, and nothing else."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.diagnosis.user import diagnose_user
from core.errors import NotAllowed
from core.jobs.request import JobOptions, request
from core.models import AttemptOutcome, User
from core.operations import demo
from core.operations.demo import EnableForm
from tests import driving
from tests.factories import SUPPORT, make_user


def planned(engine: Engine) -> tuple[UUID, UUID]:
    with session_scope(engine) as session:
        user = make_user(session)
        options = JobOptions(run_at=datetime.now(UTC) + timedelta(hours=3))
        job = request(session, demo.enable, user.id, EnableForm(preset="nano"), SUPPORT, options)
        return user.id, job.id


def test_a_planned_job_is_started_by_its_remedy(engine: Engine) -> None:
    user, job = planned(engine)
    assert driving.take(engine) is None
    with Session(engine) as session:
        remedy = diagnose_user(session, session.get_one(User, user)).remedy
    assert remedy is not None
    assert perform(engine, SUPPORT, CommandRequest(name=remedy.command, target=remedy.target))["status"] == "queued"
    assert driving.run_next(engine) is AttemptOutcome.SUCCEEDED
    with pytest.raises(NotAllowed):
        perform(engine, SUPPORT, CommandRequest(name="job.start_now", target=job))


def test_a_job_that_is_due_stays_as_it_is(engine: Engine) -> None:
    with session_scope(engine) as session:
        job = request(session, demo.enable, make_user(session).id, EnableForm(), SUPPORT).id
    before = driving.job_row(engine, job)
    perform(engine, SUPPORT, CommandRequest(name="job.start_now", target=job))
    assert driving.job_row(engine, job) == before
