"""Which jobs the sweep takes from their worker, and which it leaves alone; a console sweeps as a worker does."""

from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core.database.engine import session_scope
from core.diagnosis.invariants import violations
from core.diagnosis.user import explain_job
from core.jobs import abandon, finish, sweep, watch, workers
from core.jobs.failure import failure_of
from core.models import AttemptOutcome, BackgroundJob, JobKind, JobStatus
from core.settings import settings
from tasks.sweeper import Sweeper
from tests import driving


def overdue(engine: Engine) -> tuple[driving.Claimed, sweep.Orphan]:
    user = driving.prepare(engine, driving.BY_NAME["demo.enable"])
    driving.ask(engine, driving.BY_NAME["demo.enable"], user, {"preset": "nano"})
    held = driving.must_take(engine)
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE background_jobs SET deadline_at = now() - interval '1 second'"))
    with Session(engine) as session:
        [orphan] = sweep.orphans(session)
    return held, orphan


def test_a_step_past_its_time_limit_loses_the_job(engine: Engine) -> None:
    held, orphan = overdue(engine)
    with session_scope(engine) as session:
        assert sweep.rescue(session, orphan)
    assert driving.job_row(engine, held.id).status is JobStatus.QUEUED


def test_an_orphan_that_cannot_be_ended_keeps_no_other_waiting(engine: Engine) -> None:
    kind = driving.BY_NAME["demo.enable"]
    for _ in range(2):
        driving.ask(engine, kind, driving.prepare(engine, kind), {"preset": "nano"})
    first, second = driving.must_take(engine), driving.must_take(engine)
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE workers SET lost_at = now()"))
        session.connection().execute(
            text(f"""CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''odd''; END';
                CREATE TRIGGER refuse BEFORE UPDATE ON background_jobs FOR EACH ROW
                WHEN (OLD.id = '{first.id}') EXECUTE FUNCTION refuse()""")
        )
    Sweeper(engine).once()
    assert driving.job_row(engine, first.id).status is JobStatus.RUNNING
    assert driving.job_row(engine, second.id).status is JobStatus.QUEUED


def test_a_worker_with_a_fresh_heartbeat_keeps_its_jobs(engine: Engine) -> None:
    user = driving.prepare(engine, driving.BY_NAME["demo.enable"])
    driving.ask(engine, driving.BY_NAME["demo.enable"], user, {"preset": "nano"})
    driving.must_take(engine)
    with Session(engine) as session:
        assert sweep.orphans(session) == []


def silence(engine: Engine, seconds: float) -> None:
    """Let every worker have sent its last heartbeat so many seconds ago."""
    with session_scope(engine) as session:
        ago = {"seconds": seconds}
        session.connection().execute(
            text("UPDATE workers SET heartbeat_at = now() - make_interval(secs => :seconds)"), ago
        )


class Console:
    """The sweeper of a console, for which time passes as the test says."""

    def __init__(self, engine: Engine, patch: pytest.MonkeyPatch) -> None:
        self.passed = 1_000.0
        patch.setattr(watch, "time", SimpleNamespace(monotonic=lambda: self.passed))
        self._sweeper = Sweeper(engine)

    def sweep_for(self, seconds: float) -> None:
        for _ in range(int(seconds / settings().sweep_seconds) + 1):
            self._sweeper.once()
            self.passed += settings().sweep_seconds


@pytest.fixture
def console(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Console:
    return Console(engine, monkeypatch)


def half_done(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> tuple[UUID, driving.Claimed]:
    """Return a user whose demo mode is half generated, and the job, whose worker has died."""
    kind = driving.BY_NAME["demo.enable"]
    user = driving.prepare(engine, kind)
    driving.ask(engine, kind, user, {"preset": "nano"})
    held = driving.must_take(engine)
    with monkeypatch.context() as patch, suppress(driving.Killed):
        driving.at_checkpoint(patch, 2, after=driving.die(patch))
        driving.work_on(engine, held)
    assert driving.picture(engine, user)["interactions"]
    return user, held


def test_a_cancel_comes_to_rest_by_a_console_while_no_worker_lives(
    engine: Engine, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, held = half_done(engine, monkeypatch)
    driving.ask_to_cancel(engine, held.id)
    silence(engine, 31)
    console.sweep_for(20)
    assert driving.job_row(engine, held.id).status is JobStatus.CANCELLED
    assert driving.picture(engine, user)["interactions"] == []
    assert driving.picture(engine, user)["state"] == "disabled"


def test_a_job_that_no_worker_takes_over_waits_and_then_fails_with_its_work_undone(
    engine: Engine, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, held = half_done(engine, monkeypatch)
    silence(engine, 31)
    console.sweep_for(60)
    assert driving.job_row(engine, held.id).status is JobStatus.QUEUED
    silence(engine, 301)
    console.sweep_for(30)
    job = driving.job_row(engine, held.id)
    assert (job.status, job.error_type) == (JobStatus.FAILED, "WorkerLost")
    assert "no other one has served the queue demo for 5 min" in (job.error_message or "")
    picture = driving.picture(engine, user)
    assert (picture["state"], picture["interactions"], picture["connections"]) == ("failed", [], [])
    with Session(engine) as session:
        assert list(violations(session)) == []


def test_a_job_that_has_not_begun_or_was_handed_back_waits_for_a_worker_however_long(
    engine: Engine, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, handed_back = half_done(engine, monkeypatch)
    with session_scope(engine) as session:
        workers.release(session, handed_back.id, handed_back.token)
    kind = driving.BY_NAME["demo.enable"]
    new = driving.ask(engine, kind, driving.prepare(engine, kind), {"preset": "nano"})
    silence(engine, 3_600)
    console.sweep_for(60)
    assert [driving.job_row(engine, job).status for job in (handed_back.id, new)] == [JobStatus.QUEUED] * 2


@pytest.mark.parametrize("limit", [{"paused_at": datetime.now(UTC)}, {"max_running": 0}])
def test_a_lost_job_whose_kind_a_person_has_stopped_waits_for_that_person(
    engine: Engine, console: Console, monkeypatch: pytest.MonkeyPatch, limit: dict[str, Any]
) -> None:
    _, held = half_done(engine, monkeypatch)
    with session_scope(engine) as session:
        session.add(JobKind(kind="demo.enable", **limit))
    silence(engine, 3_600)
    console.sweep_for(60)
    assert driving.job_row(engine, held.id).status is JobStatus.QUEUED
    with Session(engine) as session:
        assert "ends as failed" not in explain_job(session, held.id).sentence


@pytest.mark.parametrize("queues", [["demo"], ["maintenance"]])
def test_a_lost_job_waits_as_long_as_a_worker_serves_its_queue(
    engine: Engine, console: Console, monkeypatch: pytest.MonkeyPatch, queues: list[str]
) -> None:
    _, held = half_done(engine, monkeypatch)
    silence(engine, 3_600)
    with session_scope(engine) as session:
        workers.register(session, threads=1, queues=queues, version="test")
    console.sweep_for(60)
    status = driving.job_row(engine, held.id).status
    assert status is (JobStatus.QUEUED if queues == ["demo"] else JobStatus.FAILED)


def test_a_worker_that_starts_soon_after_a_console_takes_over_what_was_lost_long_before(
    engine: Engine, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, held = half_done(engine, monkeypatch)
    silence(engine, 3_600)
    console.sweep_for(40)
    assert driving.run_next(engine) is AttemptOutcome.SUCCEEDED
    assert driving.job_row(engine, held.id).status is JobStatus.SUCCEEDED


def test_a_worker_that_came_at_the_last_moment_keeps_the_job_from_being_abandoned(
    engine: Engine, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, held = half_done(engine, monkeypatch)
    silence(engine, 3_600)
    console.sweep_for(20)
    patience = settings().orphan_patience
    with session_scope(engine) as session:
        assert abandon.abandoned(session, patience) == [(held.id, held.token)]
    driving.new_worker(engine)
    with session_scope(engine) as session:
        assert not abandon.abandon(session, held.id, held.token, patience)


def failed_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> tuple[UUID, UUID]:
    """Return a user whose demo mode is half generated, and the job, whose first attempt has ended with an error."""
    user, held = half_done(engine, monkeypatch)
    with session_scope(engine) as session:
        job = session.get_one(BackgroundJob, held.id)
        finish.fail_or_retry(session, job, failure_of(RuntimeError("the service is away")))
    return user, held.id


def test_an_operation_between_two_attempts_that_no_worker_goes_on_with_fails_with_its_work_undone(
    engine: Engine, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, job = failed_once(engine, monkeypatch)
    silence(engine, 301)
    console.sweep_for(60)
    assert driving.job_row(engine, job).status is JobStatus.QUEUED, "its pause is not over"
    driving.make_due(engine)
    with Session(engine) as session:
        sentence = explain_job(session, job).sentence
    assert "it ends as failed" in sentence
    assert "unless a worker starts" in sentence
    console.sweep_for(60)
    row = driving.job_row(engine, job)
    assert (row.status, row.error_type) == (JobStatus.FAILED, "RuntimeError")
    assert "No worker has served the queue demo for 5 min" in (row.error_message or "")
    assert "the service is away" in (row.error_message or "")
    picture = driving.picture(engine, user)
    assert (picture["state"], picture["interactions"]) == ("failed", [])
    with Session(engine) as session:
        assert list(violations(session)) == []


def test_an_operation_between_two_attempts_waits_in_a_paused_queue_and_beside_a_worker(
    engine: Engine, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed_once(engine, monkeypatch)
    driving.make_due(engine)
    silence(engine, 301)
    console.sweep_for(20)
    with session_scope(engine) as session:
        assert abandon.abandoned(session, settings().orphan_patience)
        session.connection().execute(text("INSERT INTO queues (name, paused_at) VALUES ('demo', now())"))
        assert not abandon.abandoned(session, settings().orphan_patience)
        session.connection().execute(text("DELETE FROM queues"))
        driving.new_worker(engine)
        assert not abandon.abandoned(session, settings().orphan_patience)


def test_a_lost_job_of_a_paused_queue_is_not_abandoned(
    engine: Engine, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_done(engine, monkeypatch)
    silence(engine, 3_600)
    console.sweep_for(20)
    with session_scope(engine) as session:
        assert abandon.abandoned(session, settings().orphan_patience)
        session.connection().execute(text("INSERT INTO queues (name, paused_at) VALUES ('demo', now())"))
        assert not abandon.abandoned(session, settings().orphan_patience)


def test_a_worker_with_a_longer_lease_is_not_presumed_dead_by_a_shorter_one(
    engine: Engine, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_done(engine, monkeypatch)
    with session_scope(engine) as session:
        session.connection().execute(
            text("UPDATE workers SET lease_seconds = 300, heartbeat_at = now() - interval '60 s'")
        )
    console.sweep_for(20)
    with session_scope(engine) as session:
        assert (
            session.connection().execute(text("SELECT count(*) FROM workers WHERE lost_at IS NULL")).scalar_one() == 1
        )


def lose_worker(engine: Engine, progress: int) -> None:
    """Let the next due job come so far, and then lose its worker."""
    held = driving.must_take(engine)
    with session_scope(engine) as session:
        values = {"id": held.id, "done": progress}
        session.connection().execute(text("UPDATE background_jobs SET progress_done = :done WHERE id = :id"), values)
    assert driving.presume_dead(engine) == 1


def a_job(engine: Engine) -> UUID:
    kind = driving.BY_NAME["demo.enable"]
    return driving.ask(engine, kind, driving.prepare(engine, kind), {"preset": "nano"})


def test_a_job_that_is_further_at_each_loss_of_its_worker_spends_no_attempt_three_times_and_then_ends(
    engine: Engine,
) -> None:
    job = a_job(engine)
    for progress in (1, 2, 3):
        lose_worker(engine, progress)
    assert (driving.job_row(engine, job).status, driving.job_row(engine, job).attempt) == (JobStatus.QUEUED, 0)
    for progress in (4, 5, 6):
        assert driving.job_row(engine, job).status is JobStatus.QUEUED
        lose_worker(engine, progress)
    assert driving.job_row(engine, job).status is JobStatus.FAILED, "one that kills its workers may progress, too"
    with Session(engine) as session:
        assert list(violations(session)) == []


@pytest.mark.parametrize("progress", [(0, 0, 0), (5, 5, 5, 5), (3, 1, 3, 2)], ids=str)
def test_a_job_that_three_times_loses_its_worker_no_further_than_before_is_failed(
    engine: Engine, progress: tuple[int, ...]
) -> None:
    job = a_job(engine)
    for done in progress:
        lose_worker(engine, done)
    failed = driving.job_row(engine, job)
    assert failed.status is JobStatus.FAILED
    assert "worker lost 3 times" in (failed.error_message or "")


def test_a_job_that_lost_one_worker_after_two_errors_is_not_said_to_kill_workers(engine: Engine) -> None:
    job = a_job(engine)
    for _ in range(2):
        held = driving.must_take(engine)
        with session_scope(engine) as session:
            failure = failure_of(OSError("no"))
            finish.fail_or_retry(session, session.get_one(BackgroundJob, held.id), failure)
        driving.make_due(engine)
    lose_worker(engine, 0)
    assert driving.job_row(engine, job).status is JobStatus.FAILED
    assert "kills" not in (driving.job_row(engine, job).error_message or "")
