"""Promises that every operation keeps, at every one of its checkpoints."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.diagnosis.invariants import violations
from core.diagnosis.situation import Situation
from core.models import AttemptOutcome, JobStatus
from core.operation import Operation
from core.operations import OPERATIONS
from core.people.users import user_page, users_by_situation
from tests import driving
from tests.contract.sweeping import sweep_of
from tests.driving import at_checkpoint, die, job_row, own_rows, picture
from tests.repeats import mostly_slow

every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
some_operations = pytest.mark.parametrize("operation", mostly_slow(OPERATIONS, fast=2), ids=lambda each: each.name)
Any_ = Operation[Any, Any]


def assert_healthy(engine: Engine, user_id: UUID, at: str) -> None:
    """Assert that the doctor finds nothing, and that neither lists nor diagnosis call the user stuck."""
    driving.new_worker(engine)  # without a worker, a job is rightly called stuck
    with Session(engine) as session:
        broken = {violation.invariant.name: list(violation.rows) for violation in violations(session)}
        assert broken == {}, at
        assert users_by_situation(session)[Situation.STUCK] == 0, at
        diagnosis = user_page(session, user_id).diagnosis
        assert diagnosis.situation is not Situation.STUCK, f"{at}: {diagnosis.sentence}"


@some_operations
@pytest.mark.parametrize("way", ["to its end", "cancelled", "failing"])
def test_the_doctor_finds_nothing_and_no_user_is_called_stuck_at_any_point(
    engine: Engine, operation: Any_, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = driving.reach(engine, operation)
    assert_healthy(engine, user, "before")
    job = driving.ask(engine, operation, user, driving.smallest_form(operation))
    assert_healthy(engine, user, "requested")

    def look(number: int) -> None:
        assert_healthy(engine, user, f"checkpoint {number}")
        if way == "cancelled" and number == 1:
            driving.ask_to_cancel(engine, job)
            assert_healthy(engine, user, "asked to cancel")
        if way == "failing" and number == 1:
            raise RuntimeError("no more paper")

    outcomes = []
    while job_row(engine, job).finished_at is None:
        driving.make_due(engine)
        with monkeypatch.context() as patch:
            driving.at_every_checkpoint(patch, look)
            held = driving.must_take(engine)
            assert_healthy(engine, user, "claimed")
            outcomes.append(driving.work_on(engine, held))
        assert_healthy(engine, user, f"ended as {outcomes[-1]}")
    assert len(outcomes) <= operation.max_attempts


@every_operation
@pytest.mark.parametrize("moment", [pytest.param("before", marks=pytest.mark.slow), "after"])
def test_killed_at_any_checkpoint_and_run_again_it_ends_as_if_undisturbed(
    engine: Engine, operation: Any_, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = sweep_of(engine, operation)
    for number in sweep.rounds():
        with monkeypatch.context() as patch:
            at_checkpoint(patch, number, **{moment: die(patch)})
            with pytest.raises(driving.Killed):
                driving.run_next(engine)
        assert driving.presume_dead(engine) == 1
        assert driving.run_next(engine) is AttemptOutcome.SUCCEEDED
        assert sweep.end_now() == sweep.end, f"checkpoint {number}"
        assert own_rows(engine, sweep.user) == (3, 1)


@every_operation
def test_a_worker_that_lost_its_lease_writes_nothing(engine: Engine, operation: Any_) -> None:
    user = driving.prepare(engine, operation)
    job = driving.ask_fixed(engine, operation, user)
    stale = driving.must_take(engine)
    assert driving.presume_dead(engine) == 1
    driving.must_take(engine)
    before, row = picture(engine, user), job_row(engine, job)
    assert driving.work_on(engine, stale) is AttemptOutcome.LOST
    assert picture(engine, user) == before
    assert job_row(engine, job) == row


@some_operations
def test_a_worker_that_loses_its_lease_after_any_checkpoint_writes_nothing_more(
    engine: Engine, operation: Any_, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = sweep_of(engine, operation)
    user, job = sweep.user, sweep.job
    for number in sweep.rounds():
        after_takeover: list[Any] = []

        def take_over(after_takeover: list[Any] = after_takeover) -> None:
            assert driving.presume_dead(engine) == 1
            driving.must_take(engine)
            after_takeover.extend((picture(engine, user), job_row(engine, job)))

        with monkeypatch.context() as patch:
            at_checkpoint(patch, number, after=take_over)
            assert driving.run_next(engine) is AttemptOutcome.LOST, f"checkpoint {number}"
        assert [picture(engine, user), job_row(engine, job)] == after_takeover


@every_operation
def test_cancelled_at_any_checkpoint_it_settles_with_nothing_left(
    engine: Engine, operation: Any_, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = sweep_of(engine, operation)
    user, job = sweep.user, sweep.job
    for number in sweep.rounds():
        with monkeypatch.context() as patch:
            passed = at_checkpoint(patch, number, after=lambda job=job: driving.ask_to_cancel(engine, job))
            assert driving.run_next(engine) is AttemptOutcome.CANCELLED, f"checkpoint {number}"
        assert len(passed) <= number + 2, "a cancel is heard at the next checkpoint"
        end = picture(engine, user)
        assert (end["state"], end["interactions"], end["connections"]) == (operation.cancelled_state, [], [])
        assert job_row(engine, job).status is JobStatus.CANCELLED
        assert own_rows(engine, user) == (3, 1)


@every_operation
def test_cancelled_between_two_attempts_nothing_of_the_first_is_left(
    engine: Engine, operation: Any_, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = driving.prepare(engine, operation)
    job = driving.ask_fixed(engine, operation, user)
    with monkeypatch.context() as patch:
        at_checkpoint(patch, 0, after=die(patch))
        with pytest.raises(driving.Killed):
            driving.run_next(engine)
    assert driving.presume_dead(engine) == 1
    driving.ask_to_cancel(engine, job)
    end = picture(engine, user)
    assert (end["state"], end["interactions"], end["connections"]) == (operation.cancelled_state, [], [])
    assert job_row(engine, job).status is JobStatus.CANCELLED


@every_operation
def test_cancelled_before_it_ever_started_everything_is_as_before(engine: Engine, operation: Any_) -> None:
    user = driving.prepare(engine, operation)
    before = picture(engine, user)
    job = driving.ask_fixed(engine, operation, user)
    driving.ask_to_cancel(engine, job)
    assert picture(engine, user) == before
    assert job_row(engine, job).status is JobStatus.CANCELLED


@some_operations
def test_failing_at_any_checkpoint_for_good_it_leaves_nothing_and_says_failed(
    engine: Engine, operation: Any_, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = sweep_of(engine, operation)
    user, job = sweep.user, sweep.job

    def break_down() -> None:
        raise RuntimeError("no more paper")

    for number in sweep.rounds():
        for _ in range(operation.max_attempts):
            driving.make_due(engine)
            with monkeypatch.context() as patch:
                at_checkpoint(patch, 0 if _ else number, before=break_down)
                outcome = driving.run_next(engine)
            if outcome is AttemptOutcome.SUCCEEDED:
                break
            assert outcome is AttemptOutcome.ERROR
        if job_row(engine, job).status is JobStatus.FAILED:
            end = picture(engine, user)
            assert (end["state"], end["interactions"], end["connections"]) == (operation.machine.failed, [], [])
            assert job_row(engine, job).error_message == "no more paper"


@every_operation
def test_released_at_a_checkpoint_it_goes_on_where_it_was_and_keeps_the_attempt(
    engine: Engine, operation: Any_
) -> None:
    sweep = sweep_of(engine, operation)
    assert driving.work_on(engine, driving.must_take(engine), lambda: True) is AttemptOutcome.HANDED_BACK
    assert job_row(engine, sweep.job).attempt == 0
    assert driving.run_next(engine) is AttemptOutcome.SUCCEEDED
    assert sweep.end_now() == sweep.end


@every_operation
def test_what_failed_can_be_retried(operation: Any_) -> None:
    assert operation.machine.failed in operation.source, "Retry is what people are told to press"


def test_no_two_operations_of_a_machine_share_a_state_in_between() -> None:
    between = [(operation.machine.name, operation.during) for operation in OPERATIONS]
    assert len(set(between)) == len(between)


@every_operation
def test_an_operation_never_starts_from_its_own_state_in_between_while_a_job_is_there(
    engine: Engine, operation: Any_
) -> None:
    from core.errors import AlreadyActive

    user = driving.prepare(engine, operation)
    job = driving.ask_fixed(engine, operation, user)
    for other in OPERATIONS:
        with pytest.raises(AlreadyActive) as refusal:
            driving.ask(engine, other, user, driving.smallest_form(other))
        assert refusal.value.job_id == job
