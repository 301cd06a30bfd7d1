"""A planned operation leaves the row alone until it begins; then it keeps every promise of one that starts at once."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core import clock
from core.database.engine import session_scope
from core.diagnosis.cancelling import cancel_offer
from core.diagnosis.situation import Situation
from core.diagnosis.user import explain_job
from core.jobs import abandon
from core.jobs.cancel import cancel
from core.jobs.labels import Label
from core.jobs.request import JobOptions, request
from core.models import AttemptOutcome, JobStatus
from core.operation import CancelOffer, Operation
from core.operations import OPERATIONS, demo
from core.people.users import find_users, user_page, users_by_situation
from tests import driving
from tests.contract.test_operations_contract import assert_healthy
from tests.driving import job_row, picture
from tests.factories import SUPPORT
from tests.repeats import mostly_slow

every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
an_operation = pytest.mark.parametrize(
    "operation",
    mostly_slow([demo.disable, *(each for each in OPERATIONS if each is not demo.disable)], fast=1),
    ids=lambda operation: operation.name,
)
Any_ = Operation[Any, Any]
#: Arguments that this release refuses, though they were valid when the job was planned.
_STALE = text("""UPDATE background_jobs SET args = '{"preset": "giant"}', max_attempts = 1 WHERE id = :id""")


def plan(engine: Engine, operation: Any_, user: UUID) -> UUID:
    """Request the operation for tomorrow, and return the job's id."""
    form, tomorrow = operation.form(**driving.smallest_form(operation)), clock.now() + timedelta(hours=34)
    with session_scope(engine) as session:
        return request(session, operation, user, form, SUPPORT, JobOptions(run_at=tomorrow)).id


@every_operation
def test_a_plan_changes_nothing_until_it_begins(
    engine: Engine, operation: Any_, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = driving.reach(engine, operation)
    before = picture(engine, user)
    job = plan(engine, operation, user)
    assert picture(engine, user) == before
    assert_healthy(engine, user, "planned")
    with Session(engine) as session:
        page = user_page(session, user)
        assert page.context is not None
        assert (page.context.label, page.diagnosis.situation) == (Label.SCHEDULED, Situation.WAITING)
        assert [line.id for line in find_users(session, "", Situation.WAITING)] == [user]
        assert users_by_situation(session)[Situation.WAITING] == 1
    driving.make_due(engine)
    assert_healthy(engine, user, "due")
    held = driving.must_take(engine)
    assert picture(engine, user) == before
    assert_healthy(engine, user, "claimed")
    states = []

    def look(number: int) -> None:
        states.append(picture(engine, user)["state"])
        assert_healthy(engine, user, f"checkpoint {number}")

    driving.at_every_checkpoint(monkeypatch, look)
    assert driving.work_on(engine, held) is AttemptOutcome.SUCCEEDED
    assert set(states) <= {operation.during}
    assert picture(engine, user)["state"] == operation.target
    assert job_row(engine, job).status is JobStatus.SUCCEEDED
    assert_healthy(engine, user, "ended")


@an_operation
def test_a_cancelled_plan_leaves_everything_as_it_was(engine: Engine, operation: Any_) -> None:
    user = driving.reach(engine, operation)
    before = picture(engine, user)
    job = plan(engine, operation, user)
    with session_scope(engine) as session:
        cancel(session, job, SUPPORT)
    assert picture(engine, user) == before
    assert_healthy(engine, user, "cancelled")


@an_operation
def test_a_plan_whose_worker_died_before_it_began_runs_again(engine: Engine, operation: Any_) -> None:
    user = driving.reach(engine, operation)
    plan(engine, operation, user)
    driving.make_due(engine)
    driving.must_take(engine)
    assert driving.presume_dead(engine) == 1
    assert_healthy(engine, user, "rescued")
    assert driving.run_next(engine) is AttemptOutcome.SUCCEEDED
    assert picture(engine, user)["state"] == operation.target
    assert_healthy(engine, user, "ended")


@an_operation
def test_a_plan_that_is_cancelled_after_its_worker_died_before_it_began_leaves_everything_as_it_was(
    engine: Engine, operation: Any_
) -> None:
    user = driving.reach(engine, operation)
    before = picture(engine, user)
    job = plan(engine, operation, user)
    driving.make_due(engine)
    driving.must_take(engine)
    assert driving.presume_dead(engine) == 1
    if operation.during not in operation.source:  # one that cleans up does not show in its row whether it began
        offer = cancel_offer(job_row(engine, job))
        assert offer == CancelOffer("Cancel", "It ends at once; it has changed nothing yet.")
    with session_scope(engine) as session:
        cancel(session, job, SUPPORT)
    assert picture(engine, user) == before
    assert job_row(engine, job).status is JobStatus.CANCELLED
    assert_healthy(engine, user, "cancelled")


@pytest.mark.parametrize(
    "operation", mostly_slow([demo.disable, demo.switch, demo.enable], fast=1), ids=lambda operation: operation.name
)
def test_a_plan_that_fails_before_it_begins_leaves_everything_as_it_was_and_is_seen(
    engine: Engine, operation: Any_
) -> None:
    user = driving.reach(engine, operation)
    before = picture(engine, user)
    job = plan(engine, operation, user)
    with session_scope(engine) as session:
        session.connection().execute(_STALE, {"id": job})
    driving.make_due(engine)
    assert driving.run_next(engine) is AttemptOutcome.ERROR
    assert picture(engine, user) == before
    row = job_row(engine, job)
    assert (row.status, row.error_type) == (JobStatus.FAILED, "ValidationError")
    assert "Cleaning up failed" not in (row.error_message or "")
    assert_healthy(engine, user, "failed")
    with Session(engine) as session:
        assert explain_job(session, job).situation is Situation.FAILED, "an operator has to see it"


@an_operation
def test_a_plan_that_is_cancelled_between_its_claim_and_its_beginning_does_not_begin(
    engine: Engine, operation: Any_, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = driving.reach(engine, operation)
    before = picture(engine, user)
    job = plan(engine, operation, user)
    driving.make_due(engine)
    held = driving.must_take(engine)
    with session_scope(engine) as session:
        cancel(session, job, SUPPORT)
    states: list[str] = []
    driving.at_every_checkpoint(monkeypatch, lambda _: states.append(picture(engine, user)["state"]))
    assert driving.work_on(engine, held) is AttemptOutcome.CANCELLED
    assert (picture(engine, user), states) == (before, [])
    assert_healthy(engine, user, "cancelled")


def test_a_plan_that_lost_its_worker_before_it_began_waits_for_another_however_long(engine: Engine) -> None:
    user = driving.reach(engine, demo.disable)
    before = picture(engine, user)
    job = plan(engine, demo.disable, user)
    driving.make_due(engine)
    driving.must_take(engine)
    assert driving.presume_dead(engine) == 1
    with session_scope(engine) as session:
        patience = timedelta(minutes=5)
        assert abandon.abandoned(session, patience) == []
        assert not abandon.abandon(session, job, 1, patience)
    assert picture(engine, user) == before


def test_a_worker_that_lost_a_plan_does_not_begin_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    user = driving.reach(engine, demo.disable)
    plan(engine, demo.disable, user)
    driving.make_due(engine)
    held = driving.must_take(engine)
    real = driving.run_module.lock_subject

    def lock_late(session: Session, job: Any) -> Any:
        """Lose the job after it was read, before its user is locked; another worker runs it to its end."""
        monkeypatch.setattr(driving.run_module, "lock_subject", real)
        assert driving.presume_dead(engine) == 1
        assert driving.run_next(engine) is AttemptOutcome.SUCCEEDED
        return real(session, job)

    monkeypatch.setattr(driving.run_module, "lock_subject", lock_late)
    assert driving.work_on(engine, held) is AttemptOutcome.LOST
    assert picture(engine, user)["state"] == "disabled"
    assert_healthy(engine, user, "ended")


def test_a_plan_that_is_due_without_a_worker_is_a_stuck_user(engine: Engine) -> None:
    user = driving.reach(engine, demo.disable)
    plan(engine, demo.disable, user)
    driving.make_due(engine)
    driving.presume_dead(engine)
    with Session(engine) as session:
        assert [line.id for line in find_users(session, "", Situation.STUCK)] == [user]
        assert users_by_situation(session)[Situation.STUCK] == 1
