"""What happens to jobs when workers are killed, frozen or stopped, and when the broker loses everything."""

import signal
from collections.abc import Callable

import pytest
from sqlmodel import Session, col, select

from core.models import AttemptOutcome, BackgroundJob, JobAttempt, JobStatus, User
from tests.driving import ask_to_cancel, job_row
from tests.faults.conftest import Cluster
from tests.waiting import eventually

NANO = 60


def outcomes(cluster: Cluster, job: BackgroundJob) -> list[str]:
    with Session(cluster.engine) as session:
        attempts = select(JobAttempt).where(JobAttempt.job_id == job.id).order_by(col(JobAttempt.token))
        return [attempt.outcome.value for attempt in session.exec(attempts)]


def state_of(cluster: Cluster, user: User) -> str:
    with Session(cluster.engine) as session:
        return session.get_one(User, user.id).demo_mode_status.value


def test_a_job_whose_worker_is_killed_is_finished_by_another_with_exactly_one_set(cluster: Cluster) -> None:
    first = cluster.start_worker(UNSTUCK_DEMO_STEP_SECONDS=0.3)
    [(user, job)] = cluster.ask()
    eventually(lambda: cluster.progress_of(job) > 0)
    first.kill()
    first.wait()
    cluster.start_worker()
    eventually(cluster.all_ended, within=20)
    assert job_row(cluster.engine, job.id).status is JobStatus.SUCCEEDED
    assert (state_of(cluster, user), cluster.sets_of(user)) == ("enabled", NANO)
    assert outcomes(cluster, job) == ["lost", "succeeded"]


def test_a_worker_frozen_beyond_its_lease_changes_nothing_when_it_wakes(cluster: Cluster) -> None:
    frozen = cluster.start_worker(UNSTUCK_DEMO_STEP_SECONDS=0.3)
    [(user, job)] = cluster.ask()
    eventually(lambda: cluster.progress_of(job) > 0)
    frozen.send_signal(signal.SIGSTOP)
    cluster.start_worker()
    eventually(cluster.all_ended, within=20)
    ended = job_row(cluster.engine, job.id)
    frozen.send_signal(signal.SIGCONT)
    eventually(lambda: cluster._workers() == 3, within=20)  # it noticed, and registered anew
    assert job_row(cluster.engine, job.id) == ended
    assert (state_of(cluster, user), cluster.sets_of(user)) == ("enabled", NANO)


def test_two_hundred_jobs_all_end_though_the_broker_is_wiped_in_the_middle(
    cluster: Cluster, wipe_broker: Callable[[], None]
) -> None:
    cluster.start_worker()
    asked = cluster.ask(200)
    wipe_broker()
    eventually(cluster.all_ended, within=60)
    assert {job_row(cluster.engine, job.id).status for _, job in asked} == {JobStatus.SUCCEEDED}
    assert {cluster.sets_of(user) for user, _ in asked} == {NANO}


def test_jobs_start_within_a_sweep_while_the_broker_is_away(cluster: Cluster) -> None:
    cluster.start_worker(REDIS_URL="redis://127.0.0.1:1/0")
    [(user, _)] = cluster.ask()
    eventually(cluster.all_ended, within=10)
    assert state_of(cluster, user) == "enabled"


def test_a_worker_that_is_asked_to_stop_hands_its_job_back_and_spends_no_attempt(cluster: Cluster) -> None:
    worker = cluster.start_worker(UNSTUCK_DEMO_STEP_SECONDS=0.2)
    [(user, job)] = cluster.ask()
    eventually(lambda: cluster.progress_of(job) > 0)
    worker.terminate()
    assert worker.wait(15) == 0
    handed = job_row(cluster.engine, job.id)
    assert (handed.status, handed.attempt, handed.worker_id) == (JobStatus.QUEUED, 0, None)
    assert handed.progress_done > 0
    cluster.start_worker()
    eventually(cluster.all_ended, within=20)
    assert (state_of(cluster, user), cluster.sets_of(user)) == ("enabled", NANO)
    assert outcomes(cluster, job) == ["handed_back", "succeeded"]


def test_a_job_cancelled_while_its_worker_lies_dead_comes_to_rest(cluster: Cluster) -> None:
    first = cluster.start_worker(UNSTUCK_DEMO_STEP_SECONDS=0.3)
    [(user, job)] = cluster.ask()
    eventually(lambda: cluster.progress_of(job) > 0)
    first.kill()
    ask_to_cancel(cluster.engine, job.id)
    cluster.start_worker()
    eventually(cluster.all_ended, within=20)
    assert job_row(cluster.engine, job.id).status is JobStatus.CANCELLED
    assert (state_of(cluster, user), cluster.sets_of(user)) == ("disabled", 0)


def test_a_job_that_kills_its_worker_three_times_is_failed(cluster: Cluster) -> None:
    [(user, job)] = cluster.ask()
    for _ in range(3):
        assert cluster.start_worker(UNSTUCK_CRASH_AT="before_checkpoint").wait(20) == 137
    cluster.start_worker()
    eventually(cluster.all_ended, within=20)
    failed = job_row(cluster.engine, job.id)
    assert (failed.status, failed.attempt) == (JobStatus.FAILED, 3)
    assert "worker lost 3 times" in (failed.error_message or "")
    assert (state_of(cluster, user), cluster.sets_of(user)) == ("failed", 0)


@pytest.mark.parametrize(
    "point", ["after_claim", "before_checkpoint", "after_checkpoint:2", "before_finish", "after_finish"]
)
def test_a_worker_that_ends_at_any_point_leaves_a_job_that_another_completes(cluster: Cluster, point: str) -> None:
    [(user, job)] = cluster.ask()
    crashing = cluster.start_worker(UNSTUCK_CRASH_AT=point)
    assert crashing.wait(20) == 137
    cluster.start_worker()
    eventually(cluster.all_ended, within=20)
    assert (state_of(cluster, user), cluster.sets_of(user)) == ("enabled", NANO)
    assert outcomes(cluster, job)[-1] == AttemptOutcome.SUCCEEDED
