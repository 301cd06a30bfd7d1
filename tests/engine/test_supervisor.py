"""What the process that started a worker does when the worker ends, or lives and is presumed dead."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from core.database.engine import session_scope
from core.jobs import workers
from core.models import JobStatus
from tasks.supervisor import Supervisor
from tasks.sweeper import take_over
from tests import driving

LAUNCH = uuid4()


@pytest.fixture(autouse=True)
def launched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers register as a supervisor's child does."""
    monkeypatch.setenv(workers.LAUNCH, str(LAUNCH))


def running_job(engine: Engine) -> UUID:
    kind = driving.BY_NAME["demo.enable"]
    driving.ask(engine, kind, driving.prepare(engine, kind), {"preset": "nano"})
    return driving.must_take(engine).id


def write(engine: Engine, assignment: str, **values: object) -> None:
    with session_scope(engine) as session:
        session.connection().execute(text(f"UPDATE workers SET {assignment}"), values)


def test_the_jobs_of_a_worker_that_has_ended_are_free_at_once(engine: Engine) -> None:
    job = running_job(engine)
    take_over(engine, LAUNCH)
    assert driving.job_row(engine, job).status is JobStatus.QUEUED
    assert driving.must_take(engine).id == job


def test_the_end_of_one_process_takes_no_job_from_another_with_the_same_host_and_number(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(workers.LAUNCH, str(uuid4()))
    job = running_job(engine)
    take_over(engine, LAUNCH)
    assert driving.job_row(engine, job).status is JobStatus.RUNNING


def test_a_child_that_was_seen_alive_and_is_presumed_dead_is_silent_until_it_registers_again(engine: Engine) -> None:
    supervisor = Supervisor(Path("main.py"), 1, 1, engine)
    assert not supervisor._is_silent(LAUNCH), "it has not registered yet"
    driving.new_worker(engine)
    assert not supervisor._is_silent(LAUNCH)
    write(engine, "lost_at = now()")
    assert supervisor._is_silent(LAUNCH)
    driving.new_worker(engine)
    assert not supervisor._is_silent(LAUNCH)


def test_a_new_child_is_not_taken_for_an_earlier_one(engine: Engine) -> None:
    driving.new_worker(engine)
    write(engine, "lost_at = now()")
    assert not Supervisor(Path("main.py"), 1, 1, engine)._is_silent(uuid4())
