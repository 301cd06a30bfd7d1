"""A quiet worker starts no jobs until it is resumed, whoever waits is told why, and one that is asked to stop stops."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from core import clock
from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.diagnosis.incidents import incidents
from core.diagnosis.situation import Situation, job_situation
from core.diagnosis.user import explain_job
from core.errors import NotAllowed
from core.jobs import workers
from core.jobs.abandon import abandoned
from core.jobs.failure import WORKER_LOST
from core.jobs.request import request
from core.models import BackgroundJob, JobStatus, Worker
from core.operations import demo
from core.operations.demo import EnableForm
from core.queues.controls import QueueState, queue_lines
from core.queues.workers import WorkerState, worker_state
from tasks.actors import Drain
from tasks.heartbeat import Heartbeat
from tasks.registry import Registry
from tests import driving
from tests.factories import ADMIN, SUPPORT, make_user
from tests.waiting import eventually

WHY = "a look at its memory"


def order(engine: Engine, verb: str, worker: UUID) -> None:
    perform(engine, ADMIN, CommandRequest(name=f"worker.{verb}", target=worker, reason=WHY))


def requested(engine: Engine) -> UUID:
    with session_scope(engine) as session:
        return request(session, demo.enable, make_user(session).id, EnableForm(preset="nano"), SUPPORT).id


def status_of(engine: Engine, job: UUID) -> JobStatus:
    return driving.job_row(engine, job).status


def test_a_quiet_worker_starts_no_job_until_it_is_resumed(engine: Engine) -> None:
    worker = driving.new_worker(engine)
    drain = Drain(engine, Registry(1), worker, queues=["demo"])
    heartbeat = Heartbeat(drain, ["demo"], "1", lambda: None)
    order(engine, "quiet", worker)
    heartbeat.once()
    drain.start()
    job = requested(engine)
    drain.carrier.wake("demo")
    eventually(lambda: drain.registry.busy == 1 and not drain.carrier._due)  # no wake-up is taken from others
    assert not drain.registry.wait_for_thread(0)
    assert status_of(engine, job) is JobStatus.QUEUED
    order(engine, "resume", worker)
    heartbeat.once()
    eventually(lambda: status_of(engine, job) is JobStatus.SUCCEEDED)
    drain.carrier.stop()


def test_who_waits_for_a_quiet_worker_is_held_and_told_by_whom(engine: Engine) -> None:
    worker, job = driving.new_worker(engine), requested(engine)
    order(engine, "quiet", worker)
    with Session(engine) as session:
        assert session.scalar(select(job_situation()).where(col(BackgroundJob.id) == job)) == Situation.HELD
        diagnosis = explain_job(session, job)
        assert diagnosis.sentence.startswith("Enabling demo mode is not running because the worker ")
        assert f"was made quiet by {ADMIN.name} at " in diagnosis.sentence
        assert diagnosis.sentence.endswith(f": {WHY}.")
        assert (diagnosis.remedy.command, diagnosis.remedy.target) == ("worker.resume", worker)
        [incident] = incidents(session, clock.now())
        assert incident.sentence.startswith(f"Every worker of the queue demo is quiet, by {ADMIN.name} since ")
        assert incident.is_held
        assert {line.name: line.state for line in queue_lines(session)}["demo"] is QueueState.QUIET
    order(engine, "resume", worker)
    with Session(engine) as session:
        assert incidents(session, clock.now()) == ()


def test_another_worker_serves_meanwhile(engine: Engine) -> None:
    worker, job = driving.new_worker(engine), requested(engine)
    driving.new_worker(engine)
    order(engine, "quiet", worker)
    with Session(engine) as session:
        assert session.scalar(select(job_situation()).where(col(BackgroundJob.id) == job)) == Situation.WAITING
        assert incidents(session, clock.now()) == ()


def test_a_half_done_job_is_not_abandoned_while_its_workers_are_quiet(engine: Engine) -> None:
    worker, job = driving.new_worker(engine), requested(engine)
    with session_scope(engine) as session:
        row = session.get_one(BackgroundJob, job)
        row.token, row.attempt, row.started_at, row.error_type = 1, 1, clock.now(), WORKER_LOST
    order(engine, "quiet", worker)
    with Session(engine) as session:
        assert abandoned(session, timedelta(seconds=1)) == []
        session.get_one(Worker, worker).heartbeat_at = clock.now() - timedelta(hours=1)
        session.flush()
        assert [each[0] for each in abandoned(session, timedelta(seconds=1))] == [job]


def test_a_worker_that_was_presumed_dead_is_still_quiet(engine: Engine) -> None:
    worker = driving.new_worker(engine)
    drain = Drain(engine, Registry(1), worker, queues=["demo"])
    heartbeat = Heartbeat(drain, ["demo"], "1", lambda: None)
    order(engine, "quiet", worker)
    driving.presume_dead(engine)
    heartbeat.once()
    assert drain.worker_id != worker
    heartbeat.once()
    assert drain.quiet.is_set()
    with Session(engine) as session:
        row = session.get_one(Worker, drain.worker_id)
        assert (row.queues, row.quiet_queues, row.quiet_reason) == ([], ["demo"], WHY)


def test_one_that_is_asked_to_stop_leaves_with_its_next_heartbeat(engine: Engine) -> None:
    worker, left = driving.new_worker(engine), []
    heartbeat = Heartbeat(Drain(engine, Registry(1), worker), [], "1", lambda: None, lambda: left.append(1))
    heartbeat.once()
    assert left == []
    order(engine, "stop", worker)
    with Session(engine) as session:
        assert worker_state(session.get_one(Worker, worker), clock.now()) is WorkerState.STOPPING
    heartbeat.once()
    assert left == [1]


def test_an_order_that_changes_nothing_is_refused(engine: Engine) -> None:
    worker = driving.new_worker(engine)
    with pytest.raises(NotAllowed, match="is not quiet"):
        order(engine, "resume", worker)
    order(engine, "quiet", worker)
    with pytest.raises(NotAllowed, match="is quiet already"):
        order(engine, "quiet", worker)
    order(engine, "stop", worker)
    with pytest.raises(NotAllowed, match="was asked to stop"):
        order(engine, "stop", worker)
    with session_scope(engine) as session:
        workers.deregister(session, worker)
    with pytest.raises(NotAllowed, match="has stopped already"):
        order(engine, "resume", worker)
