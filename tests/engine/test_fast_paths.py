"""The engine's fast paths (many at once, prepared, raw) keep the promises of the ordinary ones."""

from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy import event as event_of
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import Session, select

from core.actor import ENGINE
from core.database import pool, timeouts
from core.database.engine import session_scope
from core.database.statement import Statement, for_one_statement
from core.jobs.request import request_task, request_task_now, request_tasks
from core.models import BackgroundJob, Event, JobStatus, Queue
from core.operations.maintenance import DeleteForm, delete_old_jobs, expire_sessions
from tests.factories import SUPPORT


def ask(engine: Engine, number: int = 1) -> list[Any]:
    with session_scope(engine) as session:
        forms = [DeleteForm(days=days + 1) for days in range(number)]
        return [task.id for task in request_tasks(session, delete_old_jobs, forms, SUPPORT)]


def test_many_tasks_at_once_are_as_many_jobs_with_one_event_each_in_the_order_of_their_forms(engine: Engine) -> None:
    ids = ask(engine, 30)
    with Session(engine) as session:
        jobs = {job.id: job for job in session.exec(select(BackgroundJob))}
        events = session.exec(select(Event)).all()
    assert [jobs[job_id].args["days"] for job_id in ids] == list(range(1, 31))
    assert {jobs[job_id].status for job_id in ids} == {JobStatus.QUEUED}
    assert sorted(map(str, ids)) == sorted(str(event.job_id) for event in events)
    assert {event.name for event in events} == {"job.requested"}


def test_a_task_exists_only_if_the_caller_commits(engine: Engine) -> None:
    with Session(engine) as session:
        request_task(session, expire_sessions, expire_sessions.form(), ENGINE)
        session.rollback()
        assert session.exec(select(BackgroundJob)).all() == []


def test_a_statement_of_its_own_is_committed_when_it_returns_and_leaves_its_connection_as_it_was(
    engine: Engine,
) -> None:
    add = Statement("INSERT INTO queues (name) VALUES (:name)")
    with for_one_statement(engine) as connection:
        driver: Any = connection.connection.driver_connection
        add.run_on(connection, {"name": "one"})
        with Session(engine) as other:
            assert [queue.name for queue in other.exec(select(Queue))] == ["one"]
        with pytest.raises(IntegrityError):
            add.run_on(connection, {"name": "one"})
    assert not driver.autocommit


def test_a_task_requested_without_a_transaction_is_committed_with_its_event_when_the_call_returns(
    engine: Engine,
) -> None:
    job = request_task_now(engine, delete_old_jobs, DeleteForm(days=7), SUPPORT)
    with Session(engine) as session:
        row = session.get_one(BackgroundJob, job.id)
        event = session.exec(select(Event)).one()
    assert (row.status, row.args["days"], row.requested_by) == (JobStatus.QUEUED, 7, SUPPORT.id)
    assert (event.name, event.job_id, event.actor, event.data["kind"]) == (
        "job.requested", job.id, SUPPORT.name, delete_old_jobs.name,
    )  # fmt: skip


def test_a_connection_is_transactional_again_after_a_request_without_one(engine: Engine) -> None:
    for _ in range(3):
        request_task_now(engine, expire_sessions, expire_sessions.form(), ENGINE)
    with Session(engine) as session:
        request_task(session, expire_sessions, expire_sessions.form(), ENGINE)
        session.rollback()
        assert len(session.exec(select(BackgroundJob)).all()) == 3


def test_behind_a_pooler_that_drops_settings_a_request_without_a_transaction_has_its_limits(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.connect():
        pass
    begun: list[Any] = []

    def note(connection: Any) -> None:
        begun.append(connection)

    event_of.listen(engine, "begin", note)
    request_task_now(engine, expire_sessions, expire_sessions.form(), ENGINE)
    assert begun == []
    monkeypatch.setattr(timeouts._DELIVERIES[engine], "by_transaction", True)
    request_task_now(engine, expire_sessions, expire_sessions.form(), ENGINE)
    assert len(begun) == 1
    event_of.remove(engine, "begin", note)


def test_statements_are_prepared_on_a_session_of_the_servers_own(engine: Engine) -> None:
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        assert driver.prepare_threshold == pool.PREPARE_AFTER


def test_a_connection_that_ended_while_idle_is_replaced(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.connect() as connection:
        process = connection.scalar(text("SELECT pg_backend_pid()"))
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [process])
    monkeypatch.setattr(pool, "IDLE", 0)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) != process


def test_a_statement_on_a_connection_that_breaks_raises_what_sqlalchemy_raises(
    engine: Engine, database_url: str
) -> None:
    with Session(engine) as session:
        pid = session.connection().scalar(text("SELECT pg_backend_pid()"))
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        with pytest.raises(OperationalError) as error:
            Statement("SELECT :a + 1 AS b").run(session, {"a": 1})
        assert error.value.connection_invalidated
        session.rollback()
        assert Statement("SELECT CAST(:a AS int) + 1 AS b").run(session, {"a": 1}).b == 2
