"""Jobs that exit, eat memory, cannot be printed, never end, ignore interruptions, or kill their worker."""

import statistics
from collections.abc import Callable

from core.models import BackgroundJob, JobStatus
from tests.faults import kinds
from tests.faults.cluster import Cluster, heal_and_check
from tests.waiting import eventually


def test_whatever_a_job_raises_it_fails_alone_and_its_worker_goes_on(cluster: Cluster) -> None:
    worker = cluster.start_worker(knows_kinds=True)
    jobs = {how: cluster.ask_task("fault.wrong", how=how) for how in kinds.WAYS}
    eventually(cluster.all_ended, within=40)
    good = cluster.ask_task("fault.steps", steps=2)
    eventually(lambda: cluster.has_ended(good), within=20)
    assert worker.poll() is None
    ended = {how: cluster.job(job) for how, job in jobs.items()}
    assert {how: job.status for how, job in ended.items() if job.status is not JobStatus.FAILED} == {}
    assert {how: job.error_message for how, job in ended.items() if not 0 < len(job.error_message or "") <= 8_000} == {}
    assert ended["SystemExit"].error_type == "SystemExit"
    assert "cannot be read" in (ended["unprintable"].error_message or "")
    heal_and_check(cluster)


def test_a_job_without_checkpoints_is_interrupted_at_its_time_limit(cluster: Cluster) -> None:
    limits = {"UNSTUCK_STEP_SECONDS": 1, "UNSTUCK_LEASE_SECONDS": 10, "UNSTUCK_GRACE_SECONDS": 60}
    worker = cluster.start_worker(knows_kinds=True, threads=1, **limits)
    job, next_job = cluster.ask_task("fault.endless"), cluster.ask_task("fault.steps")
    eventually(lambda: cluster.has_ended(job, next_job), within=40)  # the one thread is free again
    assert cluster.job(job).status is JobStatus.FAILED
    assert "time limit" in (cluster.job(job).error_message or "")
    assert worker.poll() is None
    heal_and_check(cluster)


def test_a_job_that_swallows_its_interruption_writes_nothing_after_its_time_limit(cluster: Cluster) -> None:
    # The long lease keeps PostgreSQL from ending the step's idle transaction before the fence refuses it.
    cluster.start_worker(knows_kinds=True, UNSTUCK_STEP_SECONDS=1, UNSTUCK_LEASE_SECONDS=30)
    job = cluster.ask_task("fault.swallow", steps=2, seconds=3)
    eventually(lambda: cluster.has_ended(job), within=40)
    heal_and_check(cluster)
    assert cluster.job(job).status is JobStatus.FAILED
    assert (cluster.job(job).progress_done, cluster.effects_of(job)) == (0, [])


def test_jobs_that_heed_nothing_do_not_keep_others_from_running(cluster: Cluster) -> None:
    cluster.start_supervised(threads=2, UNSTUCK_STEP_SECONDS=1, UNSTUCK_GRACE_SECONDS=1)
    deaf = [cluster.ask_task("fault.deaf") for _ in range(3)]
    good = cluster.ask_task("fault.steps", steps=2)
    eventually(lambda: cluster.has_ended(*deaf, good), within=90)
    assert {cluster.job(job).status for job in deaf} == {JobStatus.FAILED}
    assert cluster.job(good).status is JobStatus.SUCCEEDED
    heal_and_check(cluster)


def test_a_job_that_kills_its_worker_three_times_is_failed(cluster: Cluster) -> None:
    cluster.start_supervised(threads=2)
    deadly = cluster.ask_task("fault.deadly")
    eventually(lambda: cluster.has_ended(deadly), within=60)
    failed = cluster.job(deadly)
    assert (failed.status, failed.attempt) == (JobStatus.FAILED, 3)
    assert "worker lost 3 times" in (failed.error_message or "")
    assert cluster.outcomes(deadly) == ["lost"] * 3
    heal_and_check(cluster)


def test_a_deadly_job_beside_healthy_ones_takes_none_of_them_along(
    cluster: Cluster, record_property: Callable[[str, object], None]
) -> None:
    for _ in range(2):
        cluster.start_supervised(threads=4)
    alone = _waits(cluster, [cluster.ask_task("fault.steps", steps=2, seconds=0.1) for _ in range(40)])
    deadly = cluster.ask_task("fault.deadly")
    beside = [cluster.ask_task("fault.steps", steps=2, seconds=0.1) for _ in range(40)]
    waits = _waits(cluster, beside)
    eventually(lambda: cluster.has_ended(deadly), within=60)
    record_property("median wait alone", alone)
    record_property("median wait beside a deadly job", waits)
    assert {cluster.job(job).status for job in beside} == {JobStatus.SUCCEEDED}
    heal_and_check(cluster)


def _waits(cluster: Cluster, jobs: list[BackgroundJob]) -> float:
    """Return the median of the seconds that jobs waited for their first start."""
    eventually(lambda: cluster.has_ended(*jobs), within=90)
    ended = [cluster.job(job) for job in jobs]
    return statistics.median((job.started_at - job.created_at).total_seconds() for job in ended)


def test_a_kind_that_an_older_worker_does_not_know_waits_for_a_newer_one(cluster: Cluster) -> None:
    cluster.start_worker()
    unknown = cluster.ask_task("fault.steps", steps=2)
    [(_, known)] = cluster.ask()
    eventually(lambda: cluster.has_ended(known), within=20)
    waiting = cluster.job(unknown)
    assert (waiting.status, waiting.attempt) == (JobStatus.QUEUED, 0)
    cluster.start_worker(knows_kinds=True)
    eventually(lambda: cluster.has_ended(unknown), within=20)
    assert cluster.outcomes(unknown) == ["succeeded"]
    heal_and_check(cluster)
