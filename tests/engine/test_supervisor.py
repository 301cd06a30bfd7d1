"""What the process that started a worker does when the worker ends, or lives and is presumed dead."""

import os
import socket
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from core.database.engine import session_scope
from core.models import JobStatus
from tasks.supervisor import Supervisor
from tasks.sweeper import take_over
from tests import driving

OTHER = {"another process": {"pid": 1}, "another machine": {"host": "elsewhere"}}


def running_job(engine: Engine) -> UUID:
    kind = driving.BY_NAME["demo.enable"]
    driving.ask(engine, kind, driving.prepare(engine, kind), {"preset": "nano"})
    return driving.must_take(engine).id


def write(engine: Engine, assignment: str, **values: object) -> None:
    with session_scope(engine) as session:
        session.connection().execute(text(f"UPDATE workers SET {assignment}"), values)


def test_the_jobs_of_a_worker_that_has_ended_are_free_at_once(engine: Engine) -> None:
    job = running_job(engine)
    take_over(engine, os.getpid())
    assert driving.job_row(engine, job).status is JobStatus.QUEUED
    assert driving.must_take(engine).id == job


@pytest.mark.parametrize("place", OTHER.values(), ids=OTHER)
def test_the_end_of_one_process_takes_no_job_from_another(engine: Engine, place: dict[str, object]) -> None:
    job = running_job(engine)
    write(engine, "pid = :pid, host = :host", **{"pid": os.getpid(), "host": socket.gethostname()} | place)
    take_over(engine, os.getpid())
    assert driving.job_row(engine, job).status is JobStatus.RUNNING


def test_a_child_that_was_seen_alive_and_is_presumed_dead_is_silent_until_it_registers_again(engine: Engine) -> None:
    supervisor = Supervisor(Path("main.py"), 1, 1, engine)
    assert not supervisor._is_silent(os.getpid()), "it has not registered yet"
    driving.new_worker(engine)
    assert not supervisor._is_silent(os.getpid())
    write(engine, "lost_at = now()")
    assert supervisor._is_silent(os.getpid())
    driving.new_worker(engine)
    assert not supervisor._is_silent(os.getpid())


def test_a_new_child_is_not_taken_for_an_earlier_one_with_the_same_number(engine: Engine) -> None:
    driving.new_worker(engine)
    write(engine, "lost_at = now()")
    assert not Supervisor(Path("main.py"), 1, 1, engine)._is_silent(os.getpid())
