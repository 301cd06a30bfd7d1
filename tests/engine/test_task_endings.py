"""How a task ends: in a batch with others when its last step left nothing to commit, else in its own transaction."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, func, select

from core.actor import ENGINE
from core.database.engine import session_scope
from core.jobs import finish
from core.jobs import run as run_module
from core.jobs.batch import Ended
from core.jobs.checkpoint import MOST_CHARACTERS
from core.jobs.claim import Claimed
from core.jobs.request import request_task
from core.jobs.result import MOST_BYTES
from core.jobs.run import end_alone, run
from core.models import AttemptOutcome, JobStatus, Role, User
from core.operation import NoForm, Progress, Steps, Task, TaskWork
from core.operations import BY_NAME
from tasks.carrier import Carrier
from tasks.handed import Ending, Handed
from tests.carrying import QUEUE, carrier_on, in_one_group
from tests.driving import STEP, job_row, must_take, new_worker


def _outside(_: TaskWork[NoForm]) -> Steps:
    """Work outside the database, and leave nothing to commit here."""
    return {"sent": 1}
    yield Progress(1, 1)


def _reading(work: TaskWork[NoForm]) -> Steps:
    """Read last, and so leave a transaction open that has nothing to commit."""
    yield Progress(1, 1)
    return {"users": work.session.exec(select(func.count()).select_from(User)).one()}


def _adding(work: TaskWork[NoForm]) -> Steps:
    """Leave a row to be committed with the success."""
    yield Progress(1, 1)
    work.session.add(User(email="last@example.com"))
    return None


def _inserting(work: TaskWork[NoForm]) -> Steps:
    """Leave a row as well, past the session's own bookkeeping."""
    yield Progress(1, 1)
    work.session.connection().execute(text("INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'l@example.com')"))
    return None


def deep(levels: int) -> dict[str, Any]:
    """Return a dict in a dict in a dict."""
    inner: dict[str, Any] = {}
    for _ in range(levels):
        inner = {"inner": inner}
    return inner


def _wrong(_: TaskWork[NoForm]) -> Steps:
    return {"text": "\x00"}
    yield Progress(1, 1)


task = Task(name="test.task", label="Task", form=NoForm, run=_outside, role=Role.ADMIN, queue=QUEUE)


def use(monkeypatch: pytest.MonkeyPatch, work: Callable[[TaskWork[NoForm]], Steps], **values: Any) -> None:
    monkeypatch.setitem(cast(dict[str, Any], BY_NAME), task.name, replace(task, run=work, **values))


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, _outside)


@pytest.fixture
def carrier(engine: Engine) -> Carrier:
    return carrier_on(engine, new_worker(engine))


def claimed(engine: Engine, carrier: Carrier) -> Claimed:
    with session_scope(engine) as session:
        request_task(session, task, NoForm(), ENGINE)
    return must_take(engine, carrier._worker())


def run_by(
    engine: Engine, carrier: Carrier, held: Claimed, look: Callable[[], object] = lambda: None
) -> AttemptOutcome:
    """Run a job as a thread of a worker does, with a turn of its carrier; `look` comes before that."""
    left: list[Ended] = []
    outcome = run(engine, held, STEP, lambda: False, left.append)
    look()
    if left and in_one_group(carrier, [Ending(Handed(QUEUE, held), held, left[0])]):
        return end_alone(engine, held, left[0])
    return outcome


def test_a_task_that_leaves_nothing_to_commit_ends_in_a_batch(engine: Engine, carrier: Carrier) -> None:
    held = claimed(engine, carrier)
    outcome = run_by(engine, carrier, held)
    job = job_row(engine, held.id)
    assert (outcome, job.status, job.result) == (AttemptOutcome.SUCCEEDED, JobStatus.SUCCEEDED, {"sent": 1})


def test_a_progress_message_is_kept_as_far_as_it_can_be_stored(
    engine: Engine, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def talkative(_: TaskWork[NoForm]) -> Steps:
        yield Progress(1, 1, "\x00a\ud800" + "x" * 1_000)
        return None

    use(monkeypatch, talkative)
    held = claimed(engine, carrier)
    assert run_by(engine, carrier, held) is AttemptOutcome.SUCCEEDED
    assert job_row(engine, held.id).progress_message == "a?" + "x" * (MOST_CHARACTERS - 3)


def test_a_cancel_that_was_accepted_before_the_batch_is_kept(engine: Engine, carrier: Carrier) -> None:
    held = claimed(engine, carrier)

    def ask_to_cancel() -> None:
        with session_scope(engine) as session:
            session.connection().execute(text("UPDATE background_jobs SET cancel_requested_at = now()"))

    assert run_by(engine, carrier, held, ask_to_cancel) is AttemptOutcome.CANCELLED
    assert job_row(engine, held.id).status is JobStatus.CANCELLED


def test_a_database_that_is_away_spends_no_attempt_of_a_job_that_has_done_its_work(
    engine: Engine, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = claimed(engine, carrier)

    def away(*_: Any) -> None:
        raise OperationalError("a statement", None, psycopg.OperationalError("connection refused"))

    monkeypatch.setattr(finish, "transition", away)
    with pytest.raises(OperationalError):
        end_alone(engine, held, Ended(held.id, held.token))
    assert job_row(engine, held.id).status is JobStatus.RUNNING


def users(engine: Engine) -> int:
    with Session(engine) as session:
        return session.exec(select(func.count()).select_from(User)).one()


@pytest.mark.parametrize(
    ("work", "in_batch"), [(_outside, True), (_reading, True), (_adding, False), (_inserting, False)]
)
def test_a_task_ends_in_a_batch_unless_its_last_step_left_something_to_commit(
    engine: Engine,
    carrier: Carrier,
    monkeypatch: pytest.MonkeyPatch,
    work: Callable[[TaskWork[NoForm]], Steps],
    in_batch: bool,
) -> None:
    use(monkeypatch, work)
    held = claimed(engine, carrier)
    statuses: list[JobStatus] = []
    outcome = run_by(engine, carrier, held, lambda: statuses.append(job_row(engine, held.id).status))
    assert outcome is AttemptOutcome.SUCCEEDED
    assert job_row(engine, held.id).status is JobStatus.SUCCEEDED
    assert statuses == [JobStatus.RUNNING if in_batch else JobStatus.SUCCEEDED]
    assert users(engine) == (0 if in_batch else 1)


@pytest.mark.parametrize("work", [_reading, _adding, _inserting])
@pytest.mark.parametrize(
    ("harm", "outcome"),
    [("token = token + 1", AttemptOutcome.LOST), ("cancel_requested_at = now()", AttemptOutcome.CANCELLED)],
    ids=["lease lost", "cancelled"],
)
def test_a_task_whose_success_is_refused_leaves_nothing_of_its_last_step(
    engine: Engine,
    carrier: Carrier,
    monkeypatch: pytest.MonkeyPatch,
    work: Callable[[TaskWork[NoForm]], Steps],
    harm: str,
    outcome: AttemptOutcome,
) -> None:
    def disturbed(task_work: TaskWork[NoForm]) -> Steps:
        result = yield from work(task_work)
        with session_scope(engine) as session:
            session.connection().execute(text(f"UPDATE background_jobs SET {harm}"))
        return result

    use(monkeypatch, disturbed)
    held = claimed(engine, carrier)
    assert run_by(engine, carrier, held) is outcome
    assert users(engine) == 0
    assert job_row(engine, held.id).status is not JobStatus.SUCCEEDED


@pytest.mark.parametrize(
    "odd",
    [{"n": float("nan")}, {"text": "\x00"}, {"text": "\ud800"}, {"it": object()}, deep(5_000), ["no dict"]],
    ids=["NaN", "NUL", "half a character", "object", "too deep", "list"],
)
def test_a_result_that_cannot_be_stored_fails_its_job_without_another_attempt(
    engine: Engine, carrier: Carrier, monkeypatch: pytest.MonkeyPatch, odd: Any
) -> None:
    def work(_: TaskWork[NoForm]) -> Steps:
        return odd
        yield Progress(1, 1)

    use(monkeypatch, work)
    held = claimed(engine, carrier)
    assert run_by(engine, carrier, held) is AttemptOutcome.ERROR
    job = job_row(engine, held.id)
    assert (job.status, job.attempt) == (JobStatus.FAILED, 1), "the work is done, and would be done again"
    assert "its result cannot be stored: " in (job.error_message or "")


def test_a_result_that_the_database_can_never_take_fails_its_job_and_spends_the_attempt(
    engine: Engine, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = claimed(engine, carrier)

    def too_large(*_: object) -> None:
        raise OperationalError("UPDATE", {}, psycopg.errors.ProgramLimitExceeded("too large"))

    with monkeypatch.context() as patch:
        patch.setattr(finish, "succeed_task", too_large)
        assert end_alone(engine, held, Ended(held.id, held.token)) is AttemptOutcome.ERROR
    assert (job_row(engine, held.id).attempt, job_row(engine, held.id).error_type) == (1, "OperationalError")


@pytest.mark.parametrize("last", [None, _inserting], ids=["in a batch", "in its own transaction"])
def test_a_result_above_the_limit_fails_its_job_before_it_is_sent(
    engine: Engine, carrier: Carrier, monkeypatch: pytest.MonkeyPatch, last: Callable[..., Steps] | None
) -> None:
    def large(work: TaskWork[NoForm]) -> Steps:
        if last:
            yield from last(work)
        return {"text": "a" * MOST_BYTES}

    use(monkeypatch, large)
    held = claimed(engine, carrier)
    assert run_by(engine, carrier, held) is AttemptOutcome.ERROR
    job = job_row(engine, held.id)
    assert (job.status, job.attempt, users(engine)) == (JobStatus.FAILED, 1, 0), "another attempt would not help"
    assert job.error_message == (
        "The work was done, but its result is too large to be stored: 1,000,012 bytes as JSON, of 1,000,000 at most."
    )


def test_the_largest_result_is_stored(engine: Engine, carrier: Carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    def large(_: TaskWork[NoForm]) -> Steps:
        return {"text": "a" * (MOST_BYTES - 12)}
        yield Progress(1, 1)

    use(monkeypatch, large)
    held = claimed(engine, carrier)
    assert run_by(engine, carrier, held) is AttemptOutcome.SUCCEEDED
    assert job_row(engine, held.id).status is JobStatus.SUCCEEDED


def test_an_outage_of_any_length_is_not_blamed_on_the_success_that_waits_for_its_end(
    engine: Engine, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = claimed(engine, carrier)
    ended = Ended(held.id, held.token, None)

    def away(*_: Any) -> None:
        raise OperationalError("a statement", None, psycopg.OperationalError("server closed the connection"))

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "lock_held", away)
        for _ in range(5):
            with pytest.raises(OperationalError):
                end_alone(engine, held, ended)
    assert end_alone(engine, held, ended) is AttemptOutcome.SUCCEEDED


def test_a_job_is_not_locked_while_its_success_is_sent(
    engine: Engine, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancel or a rescue does not wait for a slow network."""
    held = claimed(engine, carrier)
    succeed_task = finish.succeed_task

    def look(*values: Any) -> None:
        with session_scope(engine) as other:
            other.connection().execute(text("SELECT FROM background_jobs FOR UPDATE NOWAIT"))
        succeed_task(*values)

    monkeypatch.setattr(finish, "succeed_task", look)
    assert end_alone(engine, held, Ended(held.id, held.token, None)) is AttemptOutcome.SUCCEEDED


def test_a_success_whose_job_was_taken_away_is_not_sent_again(
    engine: Engine, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = claimed(engine, carrier)
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE background_jobs SET token = token + 1"))
    sent: list[Any] = []
    monkeypatch.setattr(finish, "succeed_task", lambda *values: sent.append(values))
    assert end_alone(engine, held, Ended(held.id, held.token, None)) is AttemptOutcome.LOST
    assert sent == []
