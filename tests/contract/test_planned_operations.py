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
from core.operations import MACHINES, OPERATIONS
from core.people.users import find_users, user_page, users_by_situation
from tests import driving
from tests.contract.test_operations_contract import assert_healthy
from tests.contract.worlds import World
from tests.driving import job_row
from tests.factories import SUPPORT
from tests.repeats import mostly_slow

#: Those that end what a row has come first: before and after them, there is most to see.
_ENDINGS_FIRST = sorted(OPERATIONS, key=lambda each: "dis" not in each.name.partition(".")[2][:3])
an_operation = pytest.mark.parametrize(
    "operation", mostly_slow(_ENDINGS_FIRST, fast=1), ids=lambda operation: operation.name
)
_FIRST = [next(each for each in _ENDINGS_FIRST if each.machine is machine) for machine in MACHINES]
of_each_machine = pytest.mark.parametrize(
    "operation",
    mostly_slow([*_FIRST, *(each for each in OPERATIONS if each not in _FIRST)], fast=len(_FIRST)),
    ids=lambda operation: operation.name,
)
#: Its row shows whether it has begun: one that cleans up starts from the state in which it works.
that_shows = pytest.mark.parametrize(
    "operation",
    mostly_slow([each for each in _ENDINGS_FIRST if each.during not in each.source], fast=1),
    ids=lambda operation: operation.name,
)
Any_ = Operation[Any, Any]
#: Arguments that this release refuses, though they were valid when the job was planned.
_STALE = text("""UPDATE background_jobs SET args = '{"what nobody declared": 1}', max_attempts = 1 WHERE id = :id""")


def plan(world: World, operation: Any_, row: UUID) -> UUID:
    """Request the operation for tomorrow, and return the job's id."""
    form, tomorrow = operation.form(**world.form(operation, row)), clock.now() + timedelta(hours=34)
    with session_scope(world.engine) as session:
        return request(session, operation, row, form, SUPPORT, JobOptions(run_at=tomorrow)).id


@of_each_machine
def test_a_plan_changes_nothing_until_it_begins(
    world: World, engine: Engine, operation: Any_, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = world.reach(operation)
    before = world.picture(row)
    job = plan(world, operation, row)
    assert world.picture(row) == before
    assert_healthy(world, row, "planned")
    if world.is_diagnosed:
        _is_seen_as_waiting(engine, world.user_of(row))
    driving.make_due(engine)
    assert_healthy(world, row, "due")
    held = world.take()
    assert world.picture(row) == before
    assert_healthy(world, row, "claimed")
    states = []

    def look(number: int) -> None:
        states.append(world.picture(row)["state"])
        assert_healthy(world, row, f"checkpoint {number}")

    driving.at_every_checkpoint(monkeypatch, look)
    assert driving.work_on(engine, held) is AttemptOutcome.SUCCEEDED
    assert set(states) <= {operation.during}
    assert world.picture(row)["state"] == operation.target
    assert job_row(engine, job).status is JobStatus.SUCCEEDED
    assert_healthy(world, row, "ended")


def _is_seen_as_waiting(engine: Engine, user: UUID) -> None:
    with Session(engine) as session:
        page = user_page(session, user)
        assert ([each["label"] for each in page.jobs][:1], page.diagnosis.situation) == (
            [Label.SCHEDULED],
            Situation.WAITING,
        )
        assert [line.id for line in find_users(session, "", Situation.WAITING)] == [user]
        assert users_by_situation(session)[Situation.WAITING] == 1


@an_operation
def test_a_cancelled_plan_leaves_everything_as_it_was(world: World, engine: Engine, operation: Any_) -> None:
    row = world.reach(operation)
    before = world.picture(row)
    job = plan(world, operation, row)
    with session_scope(engine) as session:
        cancel(session, job, SUPPORT)
    assert world.picture(row) == before
    assert_healthy(world, row, "cancelled")


@an_operation
def test_a_plan_whose_worker_died_before_it_began_runs_again(world: World, engine: Engine, operation: Any_) -> None:
    row = world.reach(operation)
    plan(world, operation, row)
    driving.make_due(engine)
    world.take()
    assert driving.presume_dead(engine) == 1
    assert_healthy(world, row, "rescued")
    assert world.run_next() is AttemptOutcome.SUCCEEDED
    assert world.picture(row)["state"] == operation.target
    assert_healthy(world, row, "ended")


@an_operation
def test_a_plan_that_is_cancelled_after_its_worker_died_before_it_began_leaves_everything_as_it_was(
    world: World, engine: Engine, operation: Any_
) -> None:
    row = world.reach(operation)
    before = world.picture(row)
    job = plan(world, operation, row)
    driving.make_due(engine)
    world.take()
    assert driving.presume_dead(engine) == 1
    if operation.during not in operation.source:  # one that cleans up does not show in its row whether it began
        offer = cancel_offer(job_row(engine, job))
        assert offer == CancelOffer("Cancel", "It ends at once; it has changed nothing yet.")
    with session_scope(engine) as session:
        cancel(session, job, SUPPORT)
    assert world.picture(row) == before
    assert job_row(engine, job).status is JobStatus.CANCELLED
    assert_healthy(world, row, "cancelled")


@that_shows
def test_a_plan_that_fails_before_it_begins_leaves_everything_as_it_was_and_is_seen(
    world: World, engine: Engine, operation: Any_
) -> None:
    row = world.reach(operation)
    before = world.picture(row)
    job = plan(world, operation, row)
    with session_scope(engine) as session:
        session.connection().execute(_STALE, {"id": job})
    driving.make_due(engine)
    assert world.run_next() is AttemptOutcome.ERROR
    assert world.picture(row) == before
    ended = job_row(engine, job)
    assert (ended.status, ended.error_type) == (JobStatus.FAILED, "ValidationError")
    assert "Cleaning up failed" not in (ended.error_message or "")
    assert_healthy(world, row, "failed")
    if world.is_diagnosed:
        with Session(engine) as session:
            assert explain_job(session, job).situation is Situation.FAILED, "an operator has to see it"


@an_operation
def test_a_plan_that_is_cancelled_between_its_claim_and_its_beginning_does_not_begin(
    world: World, engine: Engine, operation: Any_, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = world.reach(operation)
    before = world.picture(row)
    job = plan(world, operation, row)
    driving.make_due(engine)
    held = world.take()
    with session_scope(engine) as session:
        cancel(session, job, SUPPORT)
    states: list[str] = []
    driving.at_every_checkpoint(monkeypatch, lambda _: states.append(world.picture(row)["state"]))
    assert driving.work_on(engine, held) is AttemptOutcome.CANCELLED
    assert (world.picture(row), states) == (before, [])
    assert_healthy(world, row, "cancelled")


@that_shows
def test_a_plan_that_lost_its_worker_before_it_began_waits_for_another_however_long(
    world: World, engine: Engine, operation: Any_
) -> None:
    row = world.reach(operation)
    before = world.picture(row)
    job = plan(world, operation, row)
    driving.make_due(engine)
    world.take()
    assert driving.presume_dead(engine) == 1
    with session_scope(engine) as session:
        patience = timedelta(minutes=5)
        assert abandon.abandoned(session, patience) == []
        assert not abandon.abandon(session, job, 1, patience)
    assert world.picture(row) == before


@that_shows
def test_a_worker_that_lost_a_plan_does_not_begin_it(
    world: World, engine: Engine, operation: Any_, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = world.reach(operation)
    plan(world, operation, row)
    driving.make_due(engine)
    held = world.take()
    real = driving.run_module.lock_subject

    def lock_late(session: Session, job: Any) -> Any:
        """Lose the job after it was read, before its user is locked; another worker runs it to its end."""
        monkeypatch.setattr(driving.run_module, "lock_subject", real)
        assert driving.presume_dead(engine) == 1
        assert world.run_next() is AttemptOutcome.SUCCEEDED
        return real(session, job)

    monkeypatch.setattr(driving.run_module, "lock_subject", lock_late)
    assert driving.work_on(engine, held) is AttemptOutcome.LOST
    assert world.picture(row)["state"] == operation.target
    assert_healthy(world, row, "ended")


@that_shows
def test_a_plan_that_is_due_without_a_worker_is_a_stuck_user(world: World, engine: Engine, operation: Any_) -> None:
    row = world.reach(operation)
    plan(world, operation, row)
    driving.make_due(engine)
    driving.presume_dead(engine)
    if not world.is_diagnosed:
        pytest.skip("this machine is not diagnosed yet")
    with Session(engine) as session:
        assert [line.id for line in find_users(session, "", Situation.STUCK)] == [world.user_of(row)]
        assert users_by_situation(session)[Situation.STUCK] == 1
