"""Buckets of finished jobs: they say what the rows say, however often they are written, and outlive the rows."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select

from core import sample
from core.analytics import rolling
from core.analytics.buckets import DAY, KEPT, day_of, floor
from core.analytics.figures import By, JobFigures
from core.analytics.reading import analytics
from core.analytics.spans import Choice, TimeRange
from core.database.engine import session_scope
from core.errors import Invalid
from core.jobs.request import request_task
from core.models import WORKER_LOST, BackgroundJob, Grain, JobRollup, JobStatus, RollupState, Worker
from core.operations.maintenance import DeleteForm, delete_old_jobs
from tests import driving
from tests.analytics.ended_jobs import (
    a_job,
    add_jobs,
    buckets,
    db_now,
    ended_between,
    exact,
    is_near,
    roll_up,
    runs,
    waits,
)
from tests.factories import ADMIN

OUTCOMES = {"succeeded": JobStatus.SUCCEEDED, "failed": JobStatus.FAILED, "cancelled": JobStatus.CANCELLED}


def agree(figures: JobFigures, jobs: list[BackgroundJob]) -> bool:
    """Check each figure against the rows that it is about."""
    statuses = Counter(job.status for job in jobs)
    for name, status in OUTCOMES.items():
        assert getattr(figures, name) == statuses[status], name
    assert figures.lost == sum(job.error_type == WORKER_LOST for job in jobs)
    retried, repeated = [job for job in jobs if job.retry_of], [job for job in jobs if job.attempt > 1]
    assert (figures.retries, figures.repeated) == (len(retried), len(repeated))
    well = JobStatus.SUCCEEDED
    assert figures.retries_helped == sum(job.status is well for job in retried)
    assert figures.repeated_helped == sum(job.status is well for job in repeated)
    for times, seconds in ((figures.wait, waits(jobs)), (figures.run, runs(jobs))):
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
            assert is_near(getattr(times, name), exact(seconds, share)), (name, share)
        assert (
            times.mean is None if not seconds else times.mean == pytest.approx(sum(seconds) / len(seconds), abs=0.001)
        )
    return True


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("preset", TimeRange)
def test_figures_of_any_time_are_those_of_the_rows(engine: Engine, seed: int, preset: TimeRange) -> None:
    dice = random.Random(seed * 10 + len(preset))
    add_jobs(engine, dice, 400, lambda: preset.length * 2.2 * dice.random() ** 2)
    roll_up(engine)
    for by in By:
        with Session(engine) as session:
            found = analytics(session, Choice(preset), by)
            versions = {worker.id: worker.version for worker in session.exec(select(Worker))}
        assert found is not None
        span = found.span
        jobs, before = (list(ended_between(engine, each.start, each.stop)) for each in (span, span.before))
        assert len(jobs) > 50
        assert agree(found.now, jobs)
        assert agree(found.before, before)
        name_of = {
            By.KIND: lambda job: job.kind,
            By.QUEUE: lambda job: job.queue,
            By.VERSION: lambda job: versions.get(job.worker_id, ""),  # noqa: B023 - called in this round
        }[by]
        assert {line.name for line in found.lines} == {name_of(job) for job in jobs}
        for line in found.lines:
            assert agree(line.now, [job for job in jobs if name_of(job) == line.name])
            assert agree(line.before, [job for job in before if name_of(job) == line.name])
        for part in found.parts:
            counts = Counter(job.status for job in ended_between(engine, part.start, part.stop))
            assert [getattr(part, name) for name in OUTCOMES] == [counts[status] for status in OUTCOMES.values()]
        assert (found.parts[0].start, found.parts[-1].stop) == (span.start, span.stop)


def test_only_the_jobs_of_a_kind_queue_and_version(engine: Engine) -> None:
    dice = random.Random(7)
    add_jobs(engine, dice, 300, lambda: DAY * dice.random())
    roll_up(engine)
    with Session(engine) as session:
        old = {worker.id for worker in session.exec(select(Worker)) if worker.version == "1.4"}
        found = analytics(session, Choice(kind="demo.enable", queue="demo", version="1.4"))
        assert found is not None
        jobs = ended_between(engine, found.span.start, found.span.stop)
        chosen = [job for job in jobs if (job.kind, job.queue) == ("demo.enable", "demo") and job.worker_id in old]
        assert chosen
        assert agree(found.now, chosen)
        unknown = analytics(session, Choice(version=""))
        assert unknown is not None
        assert unknown.now.finished == sum(job.worker_id is None for job in jobs)


def test_written_twice_or_from_anew_they_are_the_same(engine: Engine) -> None:
    dice = random.Random(1)
    add_jobs(engine, dice, 300, lambda: 20 * DAY * dice.random())
    roll_up(engine)
    first = buckets(engine)
    roll_up(engine)
    assert buckets(engine) == first
    roll_up(engine, db_now(engine) - 30 * DAY)
    assert buckets(engine) == first


def test_killed_between_two_steps_the_next_run_goes_on(engine: Engine) -> None:
    dice = random.Random(2)
    add_jobs(engine, dice, 300, lambda: 10 * DAY * dice.random())
    with session_scope(engine) as session:
        stretches = list(rolling.stretches(session))
    for stretch in stretches[:4]:
        with session_scope(engine) as session:
            rolling.write(session, stretch)
    with Session(engine) as session:
        rolling.write(session, stretches[4])  # not committed
    roll_up(engine)
    half = buckets(engine)
    with session_scope(engine) as session:
        session.connection().execute(text("TRUNCATE job_rollups, job_rollup_states"))
    roll_up(engine)
    assert buckets(engine) == half


def test_an_end_that_is_committed_late_is_counted_by_the_next_run(engine: Engine) -> None:
    dice = random.Random(3)
    add_jobs(engine, dice, 10, lambda: 2 * DAY * dice.random())
    roll_up(engine)
    with session_scope(engine) as session:
        state = session.exec(select(RollupState)).one()
        assert state.until is not None
        late = a_job(dice, state.until - timedelta(minutes=6))
        session.add(late)
        session.flush()
        late_bucket = floor(state.until - timedelta(minutes=6), Grain.FINE)
    roll_up(engine)
    with Session(engine) as session:
        in_it = select(JobRollup).where(JobRollup.grain == Grain.FINE, JobRollup.starts_at == late_bucket)
        assert sum(row.succeeded + row.failed + row.cancelled for row in session.exec(in_it)) >= 1
        found = analytics(session, Choice(TimeRange.WEEK))
        assert found is not None
        assert agree(found.now, list(ended_between(engine, found.span.start, found.span.stop)))


def test_the_clean_up_takes_no_figures_away(engine: Engine) -> None:
    dice = random.Random(4)
    add_jobs(engine, dice, 300, lambda: 20 * DAY * dice.random())
    roll_up(engine)
    with Session(engine) as session:
        before = analytics(session, Choice(TimeRange.MONTH))
    with session_scope(engine) as session:  # as if nothing had ever been added up
        session.connection().execute(text("TRUNCATE job_rollups, job_rollup_states"))
    clean_up(engine, DeleteForm(days=5))
    roll_up(engine)
    roll_up(engine, db_now(engine) - 30 * DAY)  # a rebuild does not ask rows that are gone
    with Session(engine) as session:
        after = analytics(session, Choice(TimeRange.MONTH))
        gone = session.exec(select(RollupState)).one().gone_before
        left = session.exec(select(BackgroundJob.id).where(col(BackgroundJob.finished_at) < gone)).all()
    assert before is not None
    assert after is not None
    assert (left, after.gone_before) == ([], gone)
    of_people = [(line.name, line.now) for line in before.lines]
    assert [(line.name, line.now) for line in after.lines if not line.name.startswith("maintenance")] == of_people


def test_a_clean_up_that_finds_nothing_protects_nothing(engine: Engine) -> None:
    dice = random.Random(9)
    add_jobs(engine, dice, 20, lambda: 4 * DAY * dice.random())
    clean_up(engine, DeleteForm(days=5))
    with Session(engine) as session:
        state = session.exec(select(RollupState)).one()
        assert state.until is not None
        assert state.gone_before is None


def test_a_sample_that_comes_later_is_added_up_as_well(engine: Engine) -> None:
    roll_up(engine)
    sample.fill(engine, users=5, jobs=100, now=db_now(engine))
    roll_up(engine)
    with Session(engine) as session:
        found = analytics(session, Choice(TimeRange.QUARTER))
    assert found is not None
    assert found.now.finished > 50


def clean_up(engine: Engine, form: DeleteForm) -> None:
    worker = driving.new_worker(engine)
    with session_scope(engine) as session:
        request_task(session, delete_old_jobs, form, ADMIN)
    held = driving.take(engine, worker, queue="maintenance")
    assert held is not None
    driving.work_on(engine, held)


def test_without_the_protection_a_rebuild_would_lose_them(engine: Engine) -> None:
    dice = random.Random(5)
    add_jobs(engine, dice, 100, lambda: 10 * DAY + 5 * DAY * dice.random())
    roll_up(engine)
    first = buckets(engine)
    with session_scope(engine) as session:
        rolling.protect(session, db_now(engine) - 9 * DAY)
        session.connection().execute(text("DELETE FROM background_jobs"))
    assert not any(roll_up(engine, db_now(engine) - 30 * DAY)[:3])
    assert buckets(engine) == first


def test_old_small_buckets_go_and_their_hours_and_days_stay(engine: Engine) -> None:
    dice = random.Random(6)
    add_jobs(engine, dice, 200, lambda: 40 * DAY * dice.random())
    roll_up(engine)
    with Session(engine) as session:
        before = analytics(session, Choice(TimeRange.MONTH))
    with session_scope(engine) as session:
        assert rolling.forget(session, 0) > 0
    with Session(engine) as session:
        assert analytics(session, Choice(TimeRange.MONTH)) == before
        oldest = min(row for row in session.exec(select(JobRollup.starts_at).where(JobRollup.grain == Grain.FINE)))
        assert oldest >= day_of(db_now(engine)) - KEPT[Grain.FINE]
    kept = [row for row in buckets(engine) if row[0] != Grain.FINE]
    roll_up(engine, db_now(engine) - 60 * DAY)
    assert [row for row in buckets(engine) if row[0] != Grain.FINE] == kept


def test_a_clock_that_was_ahead_leaves_no_gap(engine: Engine) -> None:
    dice = random.Random(8)
    add_jobs(engine, dice, 50, lambda: DAY * dice.random())
    roll_up(engine)
    expected = buckets(engine)
    with session_scope(engine) as session:
        session.exec(select(RollupState)).one().until = db_now(engine) + 3 * DAY
    roll_up(engine)
    with Session(engine) as session:
        state = session.exec(select(RollupState)).one()
        assert state.until is not None
        assert state.until <= db_now(engine)
    assert buckets(engine) == expected


def test_without_a_job_there_are_no_figures_and_no_error(engine: Engine) -> None:
    with Session(engine) as session:
        assert analytics(session, Choice()) is None
    roll_up(engine)
    with Session(engine) as session:
        found = analytics(session, Choice())
        assert found is not None
        assert (found.now, found.lines, len(found.parts)) == (JobFigures(), (), 24)
        assert found.now.success is None


def test_times_that_cannot_be_are_refused(engine: Engine) -> None:
    roll_up(engine)
    now = db_now(engine)
    impossible = (
        Choice(None, now, now - DAY),
        Choice(None, now + DAY, None),
        Choice(None, now - 900 * DAY, None),
        Choice(None, None, now),
    )
    with Session(engine) as session:
        for choice in impossible:
            with pytest.raises(Invalid):
                analytics(session, choice)
        with pytest.raises(Invalid):
            analytics(session, Choice(), zone="Mars/Olympus")
        with pytest.raises(Invalid):
            analytics(session, Choice(), zone="\x00")
