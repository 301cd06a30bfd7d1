"""A job's story is complete, although the program's own requests and a task's success write no event."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from core.actor import ENGINE, Actor
from core.database.engine import session_scope
from core.job_list.rows import detail
from core.job_list.story import job_events
from core.jobs.request import request_task, request_task_now, request_tasks
from core.models import BackgroundJob, Event, Role
from core.operation import NoForm, Progress, Steps, Task, TaskWork
from core.operations import BY_NAME
from tasks.actors import Drain
from tasks.registry import Registry
from tests.carrying import QUEUE
from tests.driving import drain, new_worker, run_next, take
from tests.factories import SUPPORT


def _nothing(_: TaskWork[NoForm]) -> Steps:
    return None
    yield Progress(1, 1)


def _fail(_: TaskWork[NoForm]) -> Steps:
    raise ValueError("no more paper")
    yield Progress(1, 1)


task = Task(name="test.story", label="Story", form=NoForm, run=_nothing, role=Role.ADMIN, queue=QUEUE)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cast(dict[str, Any], BY_NAME), task.name, task)


def ask_in_session(engine: Engine, actor: Actor) -> UUID:
    with session_scope(engine) as session:
        return request_task(session, task, NoForm(), actor).id


def ask_for_many(engine: Engine, actor: Actor) -> UUID:
    with session_scope(engine) as session:
        return request_tasks(session, task, [NoForm()], actor)[0].id


def ask_now(engine: Engine, actor: Actor) -> UUID:
    return request_task_now(engine, task, NoForm(), actor).id


ASKING = pytest.mark.parametrize("ask", [ask_in_session, ask_for_many, ask_now])


def events(engine: Engine) -> list[str]:
    with Session(engine) as session:
        return list(session.exec(select(Event.name).order_by(Event.id)))


def story(engine: Engine, job: UUID) -> list[str]:
    with Session(engine) as session:
        told = job_events(session, job, 50)
        assert [event.id for event in detail(session, job).events] == [event.id for event in told]
        assert all(event.job_id == job and event.at for event in told)
        return [f"{event.name} by {event.actor}" for event in told]


@ASKING
def test_a_job_of_the_program_writes_no_event_and_its_story_is_complete(
    engine: Engine, ask: Callable[[Engine, Actor], UUID]
) -> None:
    job = ask(engine, ENGINE)
    assert story(engine, job) == ["job.requested by engine"]
    drain(Drain(engine, Registry(2), new_worker(engine)), QUEUE)
    assert events(engine) == []
    assert story(engine, job) == ["job.requested by engine", "job.succeeded by engine"]
    with Session(engine) as session:
        row = session.get_one(BackgroundJob, job)
        requested, succeeded = job_events(session, job, 50)
        assert (requested.at, succeeded.at) == (row.created_at, row.finished_at)
        assert requested.data == {"kind": task.name, "args": {}, "retry_of": None}


@ASKING
def test_a_request_by_a_person_is_in_the_log_and_once_in_the_story(
    engine: Engine, ask: Callable[[Engine, Actor], UUID]
) -> None:
    job = ask(engine, SUPPORT)
    assert run_next(engine)
    assert events(engine) == ["job.requested"]
    assert story(engine, job) == [f"job.requested by {SUPPORT.name}", "job.succeeded by engine"]


def test_what_happens_between_request_and_success_is_told_in_order(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cast(dict[str, Any], BY_NAME), task.name, replace(task, run=_fail))
    job = ask_now(engine, ENGINE)
    run_next(engine)
    monkeypatch.setitem(cast(dict[str, Any], BY_NAME), task.name, task)
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE background_jobs SET run_at = now()"))
    run_next(engine)
    assert [line.split(" ")[0] for line in story(engine, job)] == ["job.requested", "job.retrying", "job.succeeded"]
    with Session(engine) as session:
        window = job_events(session, job, 1, 1)
    assert ([event.name for event in window], window.next) == (["job.retrying"], 2)


def test_a_running_job_has_not_succeeded_in_its_story(engine: Engine) -> None:
    job = ask_now(engine, ENGINE)
    assert take(engine)
    assert story(engine, job) == ["job.requested by engine"]
