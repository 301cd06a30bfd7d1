"""What happens to jobs when workers are killed, frozen or asked to stop."""

import signal
import subprocess

import psutil
from sqlalchemy import Engine

from core.database.engine import session_scope
from core.models import JobStatus
from core.operations import BY_NAME
from tests import driving
from tests.driving import ask_to_cancel
from tests.factories import make_user
from tests.faults import kinds
from tests.faults.cluster import NANO, PROGRAM, Cluster, heal_and_check
from tests.waiting import eventually


def test_a_job_whose_worker_is_killed_is_finished_by_another_with_exactly_one_set(cluster: Cluster) -> None:
    first = cluster.start_worker(UNSTUCK_DEMO_STEP_SECONDS=0.3)
    [(user, job)] = cluster.ask()
    cluster.begin(job)
    first.kill()
    heal_and_check(cluster)
    assert cluster.state_of(user) == ("enabled", NANO)
    assert cluster.outcomes(job) == ["lost", "succeeded"]


def test_a_worker_frozen_beyond_its_lease_changes_nothing_when_it_wakes(cluster: Cluster) -> None:
    frozen = cluster.start_worker(UNSTUCK_DEMO_STEP_SECONDS=0.3)
    [(user, job)] = cluster.ask()
    cluster.begin(job)
    frozen.send_signal(signal.SIGSTOP)
    cluster.start_worker(UNSTUCK_DEMO_STEP_SECONDS=0.3)
    eventually(lambda: cluster.job(job).token == 2, within=20)
    frozen.send_signal(signal.SIGCONT)  # while the other worker is at work
    eventually(lambda: "registered anew" in cluster.log_text(), within=20)
    eventually(cluster.all_ended, within=20)
    assert cluster.state_of(user) == ("enabled", NANO)
    assert cluster.outcomes(job) == ["lost", "succeeded"]
    heal_and_check(cluster)


def test_a_worker_frozen_inside_a_step_loses_its_locks_and_writes_nothing_when_it_wakes(cluster: Cluster) -> None:
    frozen = cluster.start_worker(knows_kinds=True, **{kinds.HOLD: 0.6})
    [(user, job)] = cluster.ask()
    cluster.begin(job)
    eventually(lambda: cluster.open_transactions() > 0)
    frozen.send_signal(signal.SIGSTOP)
    cluster.start_worker()
    eventually(cluster.all_ended, within=20)
    ended = cluster.job(job)
    frozen.send_signal(signal.SIGCONT)
    eventually(lambda: "registered anew" in cluster.log_text(), within=20)
    heal_and_check(cluster)
    assert cluster.job(job) == ended
    assert cluster.state_of(user) == ("enabled", NANO)
    assert cluster.outcomes(job) == ["lost", "succeeded"]


def test_a_worker_that_was_presumed_dead_claims_nothing(engine: Engine) -> None:
    worker = driving.new_worker(engine)
    with session_scope(engine) as session:
        user = make_user(session)
    driving.ask(engine, BY_NAME["demo.enable"], user.id, {"preset": "nano"})
    driving.presume_dead(engine)
    assert driving.take(engine, worker) is None  # or the next sweep would take it back, and spend the attempt
    assert driving.take(engine) is not None


def test_a_worker_whose_supervisor_was_gone_before_it_looked_ends_by_itself(cluster: Cluster) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert cluster.start_worker(UNSTUCK_CHILD=str(gone.pid)).wait(30) == 0


def test_a_healthy_job_that_is_longer_than_the_lease_is_never_taken_away(cluster: Cluster) -> None:
    cluster.start_workers(2, knows_kinds=True)
    jobs = [cluster.ask_task("fault.steps", steps=1, seconds=4) for _ in range(4)]
    heal_and_check(cluster)
    assert [cluster.outcomes(job) for job in jobs] == [["succeeded"]] * 4


def test_a_worker_that_is_told_to_stop_releases_its_job_and_spends_no_attempt(cluster: Cluster) -> None:
    worker = cluster.start_worker(UNSTUCK_DEMO_STEP_SECONDS=0.2)
    [(user, job)] = cluster.ask()
    cluster.begin(job)
    worker.terminate()
    assert worker.wait(15) == 0
    handed = cluster.job(job)
    assert (handed.status, handed.attempt, handed.worker_id) == (JobStatus.QUEUED, 0, None)
    assert handed.progress_done > 0
    heal_and_check(cluster)
    assert cluster.state_of(user) == ("enabled", NANO)
    assert cluster.outcomes(job) == ["handed_back", "succeeded"]


def test_a_job_cancelled_while_its_worker_is_dead_settles(cluster: Cluster) -> None:
    first = cluster.start_worker(UNSTUCK_DEMO_STEP_SECONDS=0.3)
    [(user, job)] = cluster.ask()
    cluster.begin(job)
    first.kill()
    ask_to_cancel(cluster.engine, job.id)
    heal_and_check(cluster)
    assert cluster.outcomes(job) == ["cancelled"]  # no worker started it again only to stop it
    assert cluster.job(job).status is JobStatus.CANCELLED
    assert cluster.state_of(user) == ("disabled", 0)


def test_a_job_cancelled_while_its_worker_is_frozen_settles_and_stays_settled(cluster: Cluster) -> None:
    frozen = cluster.start_worker(UNSTUCK_DEMO_STEP_SECONDS=0.3)
    [(user, job)] = cluster.ask()
    cluster.begin(job)
    frozen.send_signal(signal.SIGSTOP)
    ask_to_cancel(cluster.engine, job.id)
    cluster.start_worker()
    eventually(cluster.all_ended, within=20)
    heal_and_check(cluster)
    eventually(lambda: "registered anew" in cluster.log_text(), within=20)
    heal_and_check(cluster)
    assert cluster.job(job).status is JobStatus.CANCELLED
    assert cluster.state_of(user) == ("disabled", 0)


def the_worker_of_a_run(cluster: Cluster, **settings: object) -> psutil.Process:
    """Start the whole program, and return its worker process."""
    before = {row.pid for row in cluster.workers()}
    cluster.spawn((*PROGRAM, "run", "--no-browser", "--port", "0"), UNSTUCK_DEMO_STEP_SECONDS=0.3, **settings)
    return psutil.Process(eventually(lambda: {row.pid for row in cluster.workers()} - before, within=60).pop())


def test_a_run_whose_worker_is_killed_goes_on_in_seconds_and_not_after_the_lease(cluster: Cluster) -> None:
    slow = {"UNSTUCK_LEASE_SECONDS": 300, "UNSTUCK_HEARTBEAT_SECONDS": 100, "UNSTUCK_SWEEP_SECONDS": 100}
    worker = the_worker_of_a_run(cluster, **slow)
    [(user, job)] = cluster.ask()
    cluster.begin(job)
    worker.kill()
    eventually(lambda: cluster.job(job).token == 1 and cluster.job(job).status is JobStatus.QUEUED, within=2)
    eventually(lambda: cluster.has_ended(job), within=30)
    assert cluster.state_of(user) == ("enabled", NANO)
    heal_and_check(cluster)


def test_a_run_kills_its_frozen_worker_after_a_lease_and_starts_another(cluster: Cluster) -> None:
    worker = the_worker_of_a_run(cluster)
    [(user, job)] = cluster.ask()
    cluster.begin(job)
    worker.send_signal(signal.SIGSTOP)
    eventually(lambda: not worker.is_running(), within=20)
    eventually(lambda: cluster.has_ended(job), within=30)
    assert cluster.state_of(user) == ("enabled", NANO)
    heal_and_check(cluster)
