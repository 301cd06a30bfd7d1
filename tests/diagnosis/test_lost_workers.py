"""What is said of a job whose worker is late or lost: who takes over, or when it ends, and which attempts counted."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from core.database.engine import session_scope
from core.diagnosis.answer import Diagnosis
from core.diagnosis.situation import Situation
from core.diagnosis.user import explain_job
from core.errors import GiveUp, TryAgain
from core.health import health_summary
from core.jobs import abandon, finish, sweep, workers
from core.jobs.failure import failure_of
from core.models import BackgroundJob, JobStatus
from core.settings import settings
from core.wording import clock_time
from tests import driving


@pytest.fixture
def held(engine: Engine) -> driving.Claimed:
    """Return a job that a worker has just begun; it has made progress."""
    kind = driving.BY_NAME["demo.enable"]
    driving.ask(engine, kind, driving.prepare(engine, kind), {"preset": "nano"})
    claimed = driving.must_take(engine)
    execute(engine, "UPDATE background_jobs SET progress_done = 5")
    return claimed


def execute(engine: Engine, statement: str) -> None:
    with session_scope(engine) as session:
        session.connection().execute(text(statement))


def silence(engine: Engine, seconds: float) -> datetime:
    """Let every worker have sent its last heartbeat so many seconds ago; return that moment."""
    at = datetime.now(UTC) - timedelta(seconds=seconds)
    execute(engine, f"UPDATE workers SET heartbeat_at = '{at.isoformat()}'")
    return at


def said(engine: Engine, job_id: UUID) -> Diagnosis:
    with Session(engine) as session:
        return explain_job(session, job_id)


def end_after(last_heartbeat: datetime) -> str:
    """Return how the end is said of a job whose queue has had no worker since then."""
    at = last_heartbeat + settings().orphan_patience + settings().lease
    return f"it ends as failed at {clock_time(at, datetime.now(UTC))} unless a worker starts"


@pytest.mark.parametrize("seconds", [25, 45], ids=["silent", "lost"])
def test_an_orphan_without_another_worker_says_when_it_ends(
    engine: Engine, held: driving.Claimed, seconds: float
) -> None:
    assert end_after(silence(engine, seconds)) in said(engine, held.id).sentence


def test_a_job_that_waits_after_a_loss_says_when_it_ends(engine: Engine, held: driving.Claimed) -> None:
    assert driving.presume_dead(engine) == 1
    at = silence(engine, 60)
    diagnosis = said(engine, held.id)
    assert end_after(at) in diagnosis.sentence
    assert end_after(at) in diagnosis.for_admins


def test_a_job_that_has_not_begun_waits_for_ever_and_names_no_end(engine: Engine) -> None:
    kind = driving.BY_NAME["demo.enable"]
    job_id = driving.ask(engine, kind, driving.prepare(engine, kind), {"preset": "nano"})
    assert "ends" not in said(engine, job_id).sentence


def test_an_orphan_of_a_paused_queue_names_no_end(engine: Engine, held: driving.Claimed) -> None:
    execute(engine, "INSERT INTO queues (name, paused_at, paused_by) VALUES ('demo', now(), 'Ana')")
    silence(engine, 45)
    assert "ends" not in said(engine, held.id).sentence


def test_an_orphan_of_a_paused_queue_is_promised_to_no_worker(engine: Engine, held: driving.Claimed) -> None:
    execute(engine, "INSERT INTO queues (name, paused_at, paused_by) VALUES ('demo', now(), 'Ana')")
    silence(engine, 33)
    driving.new_worker(engine)
    assert "goes on only when queue demo is resumed" in said(engine, held.id).sentence


def test_an_orphan_of_a_stopped_kind_is_promised_to_no_worker(engine: Engine, held: driving.Claimed) -> None:
    raised = "goes on only when the limit of kind demo.enable, which is 0, is raised"
    execute(engine, "INSERT INTO job_kinds (kind, max_running) VALUES ('demo.enable', 0)")
    silence(engine, 45)
    assert f"With a worker, it {raised}." in said(engine, held.id).evidence
    silence(engine, 33)
    driving.new_worker(engine)
    assert raised in said(engine, held.id).sentence


def test_a_lost_last_attempt_is_promised_to_no_worker(engine: Engine, held: driving.Claimed) -> None:
    execute(engine, "UPDATE background_jobs SET attempt = 3, progress_done = 0")
    silence(engine, 33)
    driving.new_worker(engine)
    assert "in its last attempt; the next sweep ends it as failed" in said(engine, held.id).sentence
    with session_scope(engine) as session:
        sweep.mark_lost_workers(session, sweep.last_heartbeats(session, settings().lease)[:1])
        assert sweep.rescue(session, sweep.Orphan(held.id, held.token, "worker"))
    assert said(engine, held.id).situation is Situation.FAILED


@pytest.mark.parametrize(
    ("losses", "sentence"),
    [
        (1, "The first attempt was lost and does not count, because it had made progress."),
        (2, "2 attempts were lost and do not count, because each had made progress."),
    ],
)
def test_an_abandoned_job_says_which_attempts_do_not_count(
    engine: Engine, held: driving.Claimed, losses: int, sentence: str
) -> None:
    for loss in range(losses):
        if loss:
            driving.must_take(engine)
            execute(engine, "UPDATE background_jobs SET progress_done = 5 + progress_done")
        assert driving.presume_dead(engine) == 1
    with session_scope(engine) as session:
        assert abandon.abandon(session, held.id, losses, settings().orphan_patience)
    assert sentence in said(engine, held.id).evidence


def test_attempts_that_count_are_told_from_those_that_do_not(engine: Engine, held: driving.Claimed) -> None:
    driving.presume_dead(engine)
    driving.must_take(engine)
    driving.presume_dead(engine)
    with session_scope(engine) as session:
        assert abandon.abandon(session, held.id, 2, settings().orphan_patience)
    sentence = "1 of 3 attempts was made; 1 more was lost and does not count, because it had made progress."
    assert sentence in said(engine, held.id).evidence


def test_a_silent_worker_takes_over_from_no_other(engine: Engine, held: driving.Claimed) -> None:
    driving.new_worker(engine)
    silence(engine, 25)
    assert "every other worker of the queue demo is too" in said(engine, held.id).sentence
    longer = "UPDATE workers SET heartbeat_at = heartbeat_at - interval '10 s' WHERE id = "
    execute(engine, f"{longer}'{worker_of(engine, held)}'")
    diagnosis = said(engine, held.id)
    assert "the only worker of the queue demo has been silent for 25 s" in diagnosis.sentence
    assert "by itself" not in diagnosis.customer


def test_a_due_job_is_promised_to_no_silent_worker(engine: Engine) -> None:
    kind = driving.BY_NAME["demo.enable"]
    job_id = driving.ask(engine, kind, driving.prepare(engine, kind), {"preset": "nano"})
    driving.new_worker(engine)
    assert "starts any moment" in said(engine, job_id).sentence
    silence(engine, 25)
    diagnosis = said(engine, job_id)
    assert diagnosis.situation is Situation.WAITING
    assert diagnosis.sentence == (
        "Enabling demo mode cannot start now: the only worker of the queue demo has been silent for 25 s."
    )
    execute(engine, "UPDATE background_jobs SET attempt = 1, token = 1, started_at = now(), error_message = 'no'")
    assert "cannot continue now: the only worker" in said(engine, job_id).sentence


def test_a_suspect_whose_losses_spent_no_attempt_does_not_start_any_moment(
    engine: Engine, held: driving.Claimed
) -> None:
    driving.presume_dead(engine)
    driving.must_take(engine)
    execute(engine, "UPDATE background_jobs SET progress_done = 9")
    driving.presume_dead(engine)
    driving.new_worker(engine)
    diagnosis = said(engine, held.id)
    assert "alone in a worker, because it has lost several" in diagnosis.sentence
    assert diagnosis.customer == "It starts within a minute."
    assert any("died or went silent" in fact for fact in diagnosis.evidence)


def fail_attempts(engine: Engine, number: int) -> None:
    """Let the held job's attempt, and those after it, end with an error of a service."""
    for _ in range(number):
        with session_scope(engine) as session:
            job = session.exec(select(BackgroundJob)).one()
            finish.fail_or_retry(session, job, failure_of(TryAgain("The demo service did not answer.")))
        driving.make_due(engine)
        driving.must_take(engine)


def return_it(engine: Engine) -> BackgroundJob:
    """Let the worker that holds the job return it to the queue."""
    with session_scope(engine) as session:
        job = session.exec(select(BackgroundJob)).one()
        job_id = job.id
        workers.release(session, job.id, job.token)
    return driving.job_row(engine, job_id)


def lose(engine: Engine, *, done: int = 0, why: str = "worker") -> None:
    """Let the held job lose its worker, when it is so far."""
    with session_scope(engine) as session:
        job = session.exec(select(BackgroundJob)).one()
        job.progress_done = done
        session.flush()
        assert sweep.rescue(session, sweep.Orphan(job.id, job.token, why))


def test_a_single_loss_after_errors_can_be_retried(engine: Engine, held: driving.Claimed) -> None:
    fail_attempts(engine, 2)
    lose(engine)
    diagnosis = said(engine, held.id)
    assert diagnosis.remedy is not None
    assert (diagnosis.situation, diagnosis.remedy.command) == (Situation.FAILED, "job.retry")
    assert "It was interrupted." in diagnosis.customer
    assert "does not help" not in diagnosis.customer


@pytest.mark.parametrize("why", ["worker", "step"])
def test_a_job_that_was_lost_again_and_again_is_not_retried(engine: Engine, held: driving.Claimed, why: str) -> None:
    fail_attempts(engine, 1)
    lose(engine, why=why)
    driving.must_take(engine)
    lose(engine, why=why)
    diagnosis = said(engine, held.id)
    assert diagnosis.remedy is not None
    assert (diagnosis.situation, diagnosis.remedy.command) == (Situation.FAILED, "demo.dismiss")
    assert "2 times" in diagnosis.sentence


def test_a_job_that_was_returned_and_lost_once_has_lost_one_worker(engine: Engine, held: driving.Claimed) -> None:
    return_it(engine)
    driving.must_take(engine)
    lose(engine)
    driving.new_worker(engine)
    assert "alone in a worker, because it has lost one" in said(engine, held.id).sentence


def test_a_due_job_is_promised_to_no_thread_that_is_kept_for_a_suspect(engine: Engine, held: driving.Claimed) -> None:
    fail_attempts(engine, 1)
    lose(engine)
    assert driving.must_take(engine).is_suspect
    kind = driving.BY_NAME["demo.enable"]
    job_id = driving.ask(engine, kind, driving.prepare(engine, kind), {"preset": "nano"})
    driving.new_worker(engine)
    execute(engine, f"UPDATE background_jobs SET run_at = now() - interval '20 s' WHERE id = '{job_id}'")
    assert "the threads that are free are kept, for a minute at most" in said(engine, job_id).sentence
    execute(engine, "UPDATE background_jobs SET claimed_at = now() - interval '61 s'")
    assert "a thread is free; the next sweep starts it" in said(engine, job_id).sentence


def test_losses_that_spent_no_attempt_are_counted_too(engine: Engine, held: driving.Claimed) -> None:
    for done in (1, 2, 3, 3, 3):
        lose(engine, done=done)
        driving.must_take(engine)
    lose(engine, done=3)
    diagnosis = said(engine, held.id)
    assert "Worker lost 3 times without progress, and 3 times after some: this job" in diagnosis.sentence
    sentence = "3 of 3 attempts were made; 3 more were lost and do not count, because each had made progress."
    assert sentence in diagnosis.evidence


def test_returns_that_spent_no_attempt_are_told_from_those_that_did(engine: Engine, held: driving.Claimed) -> None:
    while return_it(engine).status is JobStatus.QUEUED:
        driving.must_take(engine)
    sentence = "3 of 3 attempts were made; 10 more do not count: the worker returned them to the queue."
    assert sentence in said(engine, held.id).evidence


def test_a_failure_after_one_return_says_that_it_does_not_count(engine: Engine, held: driving.Claimed) -> None:
    return_it(engine)
    with session_scope(engine) as session:
        finish.fail(session, session.get_one(BackgroundJob, held.id), failure_of(GiveUp("no")))
    sentence = "The first attempt does not count: the worker returned it to the queue."
    assert sentence in said(engine, held.id).evidence


def test_a_free_loss_and_a_return_are_told_apart(engine: Engine, held: driving.Claimed) -> None:
    lose(engine, done=5)
    driving.must_take(engine)
    return_it(engine)
    with session_scope(engine) as session:
        finish.fail(session, session.get_one(BackgroundJob, held.id), failure_of(GiveUp("no")))
    sentence = (
        "The first attempt was lost and does not count, because it had made progress; 1 more does not count: the "
        "worker returned it to the queue."
    )
    assert sentence in said(engine, held.id).evidence


def test_the_status_bar_tells_silent_workers_from_living_ones(engine: Engine) -> None:
    driving.new_worker(engine)
    silence(engine, 25)
    driving.new_worker(engine)
    with Session(engine) as session:
        health = health_summary(session)
    assert (health.workers_alive, health.workers_silent) == (1, 1)


def worker_of(engine: Engine, held: driving.Claimed) -> UUID:
    worker_id = driving.job_row(engine, held.id).worker_id
    assert worker_id is not None
    return worker_id
