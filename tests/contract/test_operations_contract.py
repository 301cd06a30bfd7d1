"""Promises that every operation keeps, at every one of its checkpoints."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.diagnosis.invariants import violations
from core.diagnosis.situation import Situation
from core.errors import AlreadyActive
from core.models import AttemptOutcome, JobStatus
from core.operation import Operation
from core.operations import MACHINES, OPERATIONS, operations_on
from core.operations.demo import switch
from core.people.users import user_page, users_by_situation
from tests import driving
from tests.contract.sweeping import EVERY, SOME, sweep_of
from tests.contract.worlds import FORMS, World
from tests.driving import at_checkpoint, die, job_row
from tests.repeats import mostly_slow

every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
Any_ = Operation[Any, Any]
#: Of each machine the operation that comes first; what the others add to a sweep is tried in `make faults`.
FIRST = [operations_on(machine)[0] for machine in MACHINES]
#: Of promises that the engine keeps, whatever the operation.
of_each_machine = pytest.mark.parametrize(
    "operation",
    mostly_slow([*FIRST, *(each for each in OPERATIONS if each not in FIRST)], fast=len(FIRST)),
    ids=lambda operation: operation.name,
)


def swept(fast: Sequence[Any_]) -> pytest.MarkDecorator:
    """Try these operations at some of their checkpoints, and in `make faults` all operations at every one."""
    pairs = [(each, SOME) for each in fast] + [(each, EVERY) for each in OPERATIONS]
    return pytest.mark.parametrize(("operation", "which"), mostly_slow(pairs, fast=len(fast)), ids=named)


def named(value: Any) -> str:
    return str(getattr(value, "name", value))


#: Ways to an end, of each machine at least one beside the undisturbed one.
_FAST_WAYS = [*((each, "to its end") for each in FIRST), (FIRST[0], "cancelled"), (FIRST[-1], "failing")]
_WAYS = [(each, way) for each in OPERATIONS for way in ("to its end", "cancelled", "failing")]
WAYS = [*_FAST_WAYS, *(each for each in _WAYS if each not in _FAST_WAYS)]


def assert_healthy(world: World, row: UUID, at: str) -> None:
    """Assert that the doctor finds nothing, and that neither lists nor diagnosis call the user stuck."""
    driving.new_worker(world.engine, [world.queue])  # without a worker, a job is rightly called stuck
    with Session(world.engine) as session:
        broken = {violation.invariant.name: list(violation.rows) for violation in violations(session)}
        assert broken == {}, at
        assert users_by_situation(session)[Situation.STUCK] == 0, at
        diagnosis = user_page(session, world.user_of(row)).diagnosis
        assert diagnosis.situation is not Situation.STUCK, f"{at}: {diagnosis.sentence}"


@pytest.mark.parametrize(("operation", "way"), mostly_slow(WAYS, fast=len(_FAST_WAYS)), ids=named)
def test_the_doctor_finds_nothing_and_no_user_is_called_stuck_at_any_point(
    world: World, engine: Engine, operation: Any_, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = world.reach(operation)
    assert_healthy(world, row, "before")
    job = driving.ask(engine, operation, row, dict(world.form(operation, row)))
    assert_healthy(world, row, "requested")

    def look(number: int) -> None:
        assert_healthy(world, row, f"checkpoint {number}")
        if way == "cancelled" and number == 1:
            driving.ask_to_cancel(engine, job)
            assert_healthy(world, row, "asked to cancel")
        if way == "failing" and number == 1:
            raise RuntimeError("no more paper")

    outcomes = []
    while job_row(engine, job).finished_at is None:
        driving.make_due(engine)
        with monkeypatch.context() as patch:
            driving.at_every_checkpoint(patch, look)
            held = world.take()
            assert_healthy(world, row, "claimed")
            outcomes.append(driving.work_on(engine, held))
        assert_healthy(world, row, f"ended as {outcomes[-1]}")
    assert len(outcomes) <= operation.max_attempts


@swept([*FIRST, switch])
@pytest.mark.parametrize("moment", mostly_slow(["after", "before"], fast=1))
def test_killed_at_any_checkpoint_and_run_again_it_ends_as_if_undisturbed(
    world: World, engine: Engine, operation: Any_, which: str, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = sweep_of(world, operation)
    for number in sweep.rounds(which):
        others = world.others(sweep.row)
        with monkeypatch.context() as patch:
            at_checkpoint(patch, number, **{moment: die(patch)})
            with pytest.raises(driving.Killed):
                world.run_next()
        assert driving.presume_dead(engine) == 1
        if world.may_lose(operation, moment, number):
            assert world.run_next() is AttemptOutcome.ERROR, f"checkpoint {number}"
            assert world.picture(sweep.row)["state"] == operation.machine.failed
        else:
            assert world.run_next() is AttemptOutcome.SUCCEEDED, f"checkpoint {number}"
            assert sweep.end_now() == sweep.end, f"checkpoint {number}"
        assert world.others(sweep.row) == others


@of_each_machine
def test_a_worker_that_lost_its_lease_writes_nothing(world: World, engine: Engine, operation: Any_) -> None:
    row = world.prepare(operation)
    job = world.ask(operation, row)
    stale = world.take()
    assert driving.presume_dead(engine) == 1
    world.take()
    before, as_was = world.picture(row), job_row(engine, job)
    assert driving.work_on(engine, stale) is AttemptOutcome.LOST
    assert world.picture(row) == before
    assert job_row(engine, job) == as_was


@swept(FIRST)
def test_a_worker_that_loses_its_lease_after_any_checkpoint_writes_nothing_more(
    world: World, engine: Engine, operation: Any_, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = sweep_of(world, operation)
    for number in sweep.rounds(which):
        after_takeover: list[Any] = []

        def take_over(after_takeover: list[Any] = after_takeover) -> None:
            assert driving.presume_dead(engine) == 1
            world.take()
            after_takeover.extend((world.picture(sweep.row), job_row(engine, sweep.job)))

        with monkeypatch.context() as patch:
            at_checkpoint(patch, number, after=take_over)
            assert world.run_next() is AttemptOutcome.LOST, f"checkpoint {number}"
        assert [world.picture(sweep.row), job_row(engine, sweep.job)] == after_takeover


@swept([*FIRST, switch])
def test_cancelled_at_any_checkpoint_it_settles_with_nothing_left(
    world: World, engine: Engine, operation: Any_, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = sweep_of(world, operation)
    for number in sweep.rounds(which):
        others = world.others(sweep.row)
        with monkeypatch.context() as patch:
            passed = at_checkpoint(patch, number, after=lambda job=sweep.job: driving.ask_to_cancel(engine, job))
            assert world.run_next() is AttemptOutcome.CANCELLED, f"checkpoint {number}"
        assert len(passed) <= number + 2, "a cancel is heard at the next checkpoint"
        assert world.picture(sweep.row)["state"] == operation.cancelled_state
        assert world.left(operation, sweep.row) == []
        assert job_row(engine, sweep.job).status is JobStatus.CANCELLED
        assert world.others(sweep.row) == others


@every_operation
def test_cancelled_between_two_attempts_nothing_of_the_first_is_left(
    world: World, engine: Engine, operation: Any_, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = world.prepare(operation)
    job = world.ask(operation, row)
    with monkeypatch.context() as patch:
        at_checkpoint(patch, 0, after=die(patch))
        with pytest.raises(driving.Killed):
            world.run_next()
    assert driving.presume_dead(engine) == 1
    driving.ask_to_cancel(engine, job)
    assert world.picture(row)["state"] == operation.cancelled_state
    assert world.left(operation, row) == []
    assert job_row(engine, job).status is JobStatus.CANCELLED


@of_each_machine
def test_cancelled_before_it_ever_started_everything_is_as_before(
    world: World, engine: Engine, operation: Any_
) -> None:
    row = world.prepare(operation)
    before = world.picture(row)
    job = world.ask(operation, row)
    driving.ask_to_cancel(engine, job)
    assert world.picture(row) == before
    assert job_row(engine, job).status is JobStatus.CANCELLED


@swept(FIRST)
def test_failing_at_any_checkpoint_for_good_it_leaves_nothing_and_says_failed(
    world: World, engine: Engine, operation: Any_, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = sweep_of(world, operation)

    def break_down() -> None:
        raise RuntimeError("no more paper")

    for number in sweep.rounds(which):
        for _ in range(operation.max_attempts):
            driving.make_due(engine)
            with monkeypatch.context() as patch:
                at_checkpoint(patch, 0 if _ else number, before=break_down)
                outcome = world.run_next()
            if outcome is AttemptOutcome.SUCCEEDED:
                break
            assert outcome is AttemptOutcome.ERROR
            if job_row(engine, sweep.job).status is JobStatus.FAILED:
                break
        if job_row(engine, sweep.job).status is JobStatus.FAILED:
            assert world.picture(sweep.row)["state"] == operation.machine.failed
            assert world.left(operation, sweep.row) == []
            is_own = job_row(engine, sweep.job).error_message == "no more paper"
            assert is_own or world.may_lose(operation, "before", number)


@every_operation
def test_released_at_a_checkpoint_it_goes_on_where_it_was_and_keeps_the_attempt(
    world: World, engine: Engine, operation: Any_
) -> None:
    sweep = sweep_of(world, operation)
    assert driving.work_on(engine, world.take(), lambda: True) is AttemptOutcome.HANDED_BACK
    assert job_row(engine, sweep.job).attempt == 0
    assert world.run_next() is AttemptOutcome.SUCCEEDED
    assert sweep.end_now() == sweep.end


@every_operation
def test_what_failed_can_be_retried(operation: Any_) -> None:
    assert operation.machine.failed in operation.source, "Retry is what people are told to press"


def test_no_two_operations_of_a_machine_share_a_state_in_between() -> None:
    between = [(operation.machine.name, operation.during) for operation in OPERATIONS]
    assert len(set(between)) == len(between)


@of_each_machine
def test_an_operation_never_starts_from_its_own_state_in_between_while_a_job_is_there(
    world: World, engine: Engine, operation: Any_
) -> None:
    row = world.prepare(operation)
    job = world.ask(operation, row)
    for other in operations_on(operation.machine):
        with pytest.raises(AlreadyActive) as refusal:
            driving.ask(engine, other, row, dict(FORMS.get(other.name, {})))
        assert refusal.value.job_id == job
