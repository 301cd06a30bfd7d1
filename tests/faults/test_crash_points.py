"""The process ends at a named point of the engine, as by a power cut; its work ends as if undisturbed.

All jobs of a sweep are requested at once, and one worker per point takes one of them, passes the point for the n-th
time, and is gone. Then a healthy worker finishes their jobs. The rows of each job are compared with those that the
generator makes.
"""

from collections import Counter
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from core.crash import EXIT_CODE
from core.demo.generator import batches
from core.demo.presets import Preset
from core.models import BackgroundJob, Interaction, JobAttempt, JobStatus, User, Worker
from tests.faults.cluster import NANO, PROGRAM, Cluster, heal_and_check
from tests.waiting import eventually

#: So long that no crashing worker takes over the job of another.
FOR_EVER = 600
#: Workers that start at the same time.
AT_ONCE = 3
#: One job more than there are points, so that every worker finds one.
SPARE = 1


class Point(NamedTuple):
    """A crash point, and how often it is passed before the process ends there."""

    name: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.name}:{self.nth}"


def every_point(steps: int) -> list[Point]:
    """Return each point at each step of a job with so many checkpoints; the others are passed once."""
    once = [Point(name) for name in ("after_claim", "before_finish", "after_finish")]
    return once + [Point(f"{when}_checkpoint", n + 1) for n in range(steps) for when in ("before", "after")]


SOME = [Point("after_claim"), Point("before_checkpoint", 2), Point("after_checkpoint"), Point("before_finish")]


def crash_at_each(cluster: Cluster, points: list[Point]) -> dict[Point, BackgroundJob]:
    """Let one worker per point take one queued job and end at its point; return which job met which point."""
    settings = {"UNSTUCK_LEASE_SECONDS": FOR_EVER, "UNSTUCK_HEARTBEAT_SECONDS": FOR_EVER}
    pids = {}
    for start in range(0, len(points), AT_ONCE):
        batch = points[start : start + AT_ONCE]
        started = [cluster.fork_worker(threads=1, **settings, UNSTUCK_CRASH_AT=str(point)) for point in batch]
        assert [process.wait(60) for process in started] == [EXIT_CODE] * len(batch)
        pids |= {process.pid: point for process, point in zip(started, batch, strict=True)}
    with Session(cluster.engine) as session:
        attempt = sa.union_all(
            select(JobAttempt.worker_id, JobAttempt.job_id, JobAttempt.started_at),
            select(BackgroundJob.worker_id, BackgroundJob.id, BackgroundJob.claimed_at).where(
                col(BackgroundJob.status).in_((JobStatus.RUNNING, JobStatus.SUCCEEDED))
            ),
        ).subquery()
        met = sa.select(col(Worker.pid), attempt.c.job_id).join(attempt, attempt.c.worker_id == col(Worker.id))
        latest_first = session.connection().execute(met.order_by(attempt.c.started_at.desc()))
        return {pids[pid]: cluster.job(job_id) for pid, job_id in latest_first if pid in pids}


def rescue(cluster: Cluster, met: dict[Point, BackgroundJob]) -> None:
    """Start a healthy worker, for whose lease the others have been silent, and let it finish."""
    with Session(cluster.engine) as session:
        session.connection().execute(sa.update(Worker).values(lease_seconds=None))
        session.commit()
    cluster.start_worker()
    eventually(lambda: cluster.has_ended(*met.values()), within=60)
    heal_and_check(cluster)


def as_generated(cluster: Cluster, job: BackgroundJob) -> bool:
    """Return whether the user has exactly the rows that an undisturbed run of this job would have left."""
    job = cluster.job(job)
    made = batches(Preset.NANO, str(job.id), job.started_at, 0)
    expected = sorted((str(row["id"]), row["body"], row["created_at"]) for batch in made for row in batch.interactions)
    demo_rows = select(Interaction).where(Interaction.user_id == job.user_id, col(Interaction.is_demo))
    with Session(cluster.engine) as session:
        return sorted((str(row.id), row.body, row.created_at) for row in session.exec(demo_rows)) == expected


def table_row(cluster: Cluster, point: Point, job: BackgroundJob) -> str:
    """Return a line of the table in docs/reliability.md."""
    ended = cluster.job(job)
    with Session(cluster.engine) as session:
        state = session.get_one(User, ended.user_id).demo_mode_status.value
    return f"| {job.kind} | {point.name} | {point.nth} | {', '.join(cluster.outcomes(job))} | {ended.status}, {state} |"


def test_wherever_a_worker_ends_its_job_is_finished_as_if_undisturbed(cluster: Cluster) -> None:
    cluster.ask(len(SOME))
    met = crash_at_each(cluster, SOME)
    rescue(cluster, met)
    assert set(met) == set(SOME)
    assert [point for point, job in met.items() if not as_generated(cluster, job)] == []
    assert {tuple(cluster.outcomes(job)) for job in met.values()} == {("lost", "succeeded")}


def test_at_every_point_and_step_of_enabling_the_result_is_that_of_an_undisturbed_run(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    points = every_point(checkpoints_of(cluster, "demo.enable"))
    cluster.ask(len(points) + SPARE)
    met = crash_at_each(cluster, points)
    rescue(cluster, met)
    show(cluster, met, capsys)
    assert set(met) == set(points)
    assert [point for point, job in met.items() if not as_generated(cluster, job)] == []
    _assert_outcomes(cluster, met)


def test_at_every_point_and_step_of_disabling_nothing_is_left(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    points = every_point(checkpoints_of(cluster, "demo.disable"))
    healthy = cluster.start_worker()
    requested = cluster.ask(len(points) + SPARE)
    eventually(cluster.all_ended, within=60)
    healthy.terminate()
    assert healthy.wait(20) == 0
    for user, _ in requested:
        cluster.perform("demo.disable", user)
    met = crash_at_each(cluster, points)
    rescue(cluster, met)
    show(cluster, met, capsys)
    assert set(met) == set(points)
    assert Counter(cluster.state_of(user) for user, _ in requested) == {("disabled", 0): len(points) + SPARE}
    _assert_outcomes(cluster, met)


def checkpoints_of(cluster: Cluster, name: str) -> int:
    """Return how many checkpoints an undisturbed run of an operation on the smallest preset has."""
    from core.demo.batch import batch_size

    if name == "demo.enable":
        return len(list(batches(Preset.NANO, "any", cluster.now(), 0)))
    return -(-NANO // batch_size(NANO))


def _assert_outcomes(cluster: Cluster, met: dict[Point, BackgroundJob]) -> None:
    for point, job in met.items():
        expected = ["succeeded"] if point.name == "after_finish" else ["lost", "succeeded"]
        assert cluster.outcomes(job) == expected, point


def show(cluster: Cluster, met: dict[Point, BackgroundJob], capsys: pytest.CaptureFixture[str]) -> None:
    """Print the table of a whole sweep: `make faults` shows it."""
    with capsys.disabled():
        print("\n| operation | point | n-th time | attempts | end |\n|---|---|---|---|---|")  # noqa: T201
        print("\n".join(table_row(cluster, point, job) for point, job in sorted(met.items())))  # noqa: T201


def test_a_request_counts_although_its_process_ends_before_the_wakeup(cluster: Cluster) -> None:
    [user] = cluster.make_users(1)
    command = [*PROGRAM, "do", "demo.enable", "--user", user.email, "--preset", "nano"]
    assert cluster.spawn(command, UNSTUCK_CRASH_AT="after_commit_before_ring").wait(60) == EXIT_CODE
    with Session(cluster.engine) as session:
        job = session.exec(select(BackgroundJob).where(BackgroundJob.user_id == user.id)).one()
    assert (job.status, job.attempt, cluster.state_of(user)) == (JobStatus.QUEUED, 0, ("enabling", 0))
    with cluster.servers.broker() as client:
        assert client.keys("unstuck:wakeup:*") == []
    heal_and_check(cluster)
    assert cluster.state_of(user) == ("enabled", NANO)
