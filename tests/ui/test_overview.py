"""Each figure of Overview, Queues and the status bar opens the jobs that it counts, and no others."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from core import clock
from core.analytics.recent import RecentTime, recent_outcomes
from core.database.engine import session_scope
from core.diagnosis.situation import Situation
from core.health import health_summary
from core.job_list.filters import JobFilter
from core.job_list.queries import page
from core.jobs import finish
from core.jobs.failure import failure_of
from core.jobs.retry import retry
from core.lateness import LATE
from core.models import BackgroundJob, DemoModeStatus, JobStatus, User
from core.operations import demo
from core.overview import overview, start_of_day
from core.queues.last_day import DayFigures
from core.queues.summary import queue_summary
from tests import driving
from tests.factories import SUPPORT, make_user
from tests.repeats import mostly_slow
from ui import design, frame
from ui.components.analytics import day_tiles
from ui.components.analytics.recent_chart import OUTCOMES, jobs_between
from ui.components.base import markup
from ui.pages import overview as overview_page
from ui.pages.queues import jobs_of

NOW = datetime.now(UTC)
OLD = NOW - timedelta(hours=30)


@pytest.fixture(autouse=True)
def jobs(session: Session) -> None:
    """Add jobs of each end that ended now or long ago, requested before; one failure was retried, its retry failed."""
    failed = {"status": JobStatus.FAILED, "error_type": "X", "error_message": "no", "error_fingerprint": "abc"}
    ends = [failed, {"status": JobStatus.SUCCEEDED}, {"status": JobStatus.CANCELLED}]
    made = [
        BackgroundJob(kind="maintenance.test", created_at=OLD, run_at=OLD, finished_at=at, **end)
        for at in (NOW, NOW - timedelta(hours=2), OLD)
        for end in ends
    ]
    session.add_all(made)
    session.flush()
    session.add(BackgroundJob(kind="maintenance.test", retry_of=made[0].id, finished_at=NOW, **failed))
    session.flush()


def opened(session: Session, href: str) -> int:
    params = parse_qs(urlsplit(href).query)
    params.pop("sort", None)
    job_filter = JobFilter.from_params(params)
    return page(session, job_filter, limit=100).total.value


def test_figures_open_what_they_count(session: Session) -> None:
    summary = overview(session)
    assert (summary.ended, summary.succeeded, summary.mended, summary.tried_again) == (4, 2, 0, 1)
    assert opened(session, day_tiles.jobs_of_day(summary, **day_tiles.ENDED)) == summary.ended
    assert opened(session, day_tiles.jobs_of_day(summary, **day_tiles.FAILED)) == summary.ended - summary.succeeded
    assert opened(session, day_tiles.jobs_of_day(summary, **day_tiles.MENDED)) == summary.mended
    assert opened(session, day_tiles.jobs_of_day(summary, **day_tiles.TRIED)) == summary.tried_again
    [group] = summary.failures
    assert group.count == 2
    assert opened(session, day_tiles.jobs_of_day(summary, situation="failed", error=group.fingerprint)) == group.count


@pytest.mark.usefixtures("drawn")
def test_a_rate_is_not_green_while_attempts_fail_and_leads_to_the_jobs_that_are_retried(session: Session) -> None:
    session.execute(text("DELETE FROM background_jobs WHERE status = 'failed'"))
    assert f'class="tile {design.OK}"' in day_tiles.success(overview(session), DayFigures())
    again = {"attempt": 1, "run_at": NOW + timedelta(minutes=5), "error_type": "X"}
    session.add_all(BackgroundJob(kind="maintenance.test", **again) for _ in range(3))
    session.flush()
    tile = day_tiles.success(overview(session), DayFigures())
    assert f'class="tile {design.WARN}"' in tile
    [(href, number)] = re.findall(r'href="([^"]+)"><span>(\d+) retrying', tile)
    assert int(number) == opened(session, href) == 3


def test_chart_tiles_and_lists_count_the_same_24_hours(session: Session) -> None:
    edge = start_of_day(session.exec(select(clock.db_now())).one())
    for at in (edge - timedelta(seconds=1), edge, edge + timedelta(minutes=10)):
        session.add(BackgroundJob(kind="maintenance.test", finished_at=at, status=JobStatus.SUCCEEDED))
    session.flush()
    summary, chart = overview(session), recent_outcomes(session, RecentTime.DAY)
    assert summary.since == chart.start
    assert summary.succeeded == chart.total("succeeded") == 4
    assert summary.ended - summary.succeeded + summary.mended + summary.tried_again == chart.total("failed")
    for words, number in (("succeeded", 4), ("failed", chart.total("failed"))):
        assert opened(session, jobs_between(chart, OUTCOMES[words], chart.start, chart.stop)) == number
        assert opened(session, day_tiles.jobs_of_day(summary, status=words)) == number


def test_figures_of_queues_and_kinds_open_what_they_count(session: Session) -> None:
    since, ended = queue_summary(session).since, {"status": JobStatus.FAILED}
    later = NOW + timedelta(hours=1)
    live = [{}, {}, {"run_at": later}, {"run_at": later, "attempt": 1}, {"status": JobStatus.RUNNING}]
    at_the_edge = [{**ended, "finished_at": since}, {**ended, "finished_at": since - timedelta(seconds=1)}]
    session.add_all(BackgroundJob(kind="maintenance.expire_sessions", **values) for values in (*live, *at_the_edge))
    session.flush()
    session.connection().execute(
        text(
            "INSERT INTO job_counters (kind, queue, status, shard, hour, jobs, ran_seconds)"
            " SELECT kind, queue, status, 0, date_trunc('hour', finished_at, 'UTC'), count(*), 0 FROM background_jobs"
            " WHERE finished_at IS NOT NULL GROUP BY kind, queue, status, date_trunc('hour', finished_at, 'UTC')"
        )
    )
    summary = queue_summary(session)
    for queue in summary.queues:
        line = queue.line
        counts = {"Waiting": line.waiting, "Scheduled": line.scheduled, "Running": line.running}
        counts |= {column: queue.ended.total(column.lower()) for column in ("Succeeded", "Failed", "Cancelled")}
        for column, count in counts.items():
            assert opened(session, jobs_of(column, summary.since, queue=line.name)) == count, column
    kind = next(each for each in summary.kinds if each.kind.kind == "maintenance.expire_sessions")
    assert (kind.running, kind.ended.total("failed")) == (1, 1)
    assert opened(session, jobs_of("Failed", summary.since, kind="maintenance.expire_sessions")) == 1
    assert opened(session, jobs_of("Running", summary.since, kind="maintenance.expire_sessions")) == 1


def test_figures_of_the_status_bar_open_what_they_count(session: Session) -> None:
    later = NOW + timedelta(hours=1)
    made = ({}, {"run_at": later}, {"status": JobStatus.RUNNING})
    session.add_all(BackgroundJob(kind="maintenance.test", **values) for values in made)
    session.flush()
    health = health_summary(session)
    assert (opened(session, frame.WAITING), opened(session, frame.RUNNING)) == (health.queue_depth, health.running)
    assert (health.queue_depth, health.running) == (1, 1)


def request_and_end(engine: Engine, operation: Any, user_id: UUID, *, fails: bool = False) -> UUID:
    job_id = driving.ask(engine, operation, user_id, driving.smallest_form(operation))
    held = driving.must_take(engine)
    if not fails:
        driving.work_on(engine, held)
        return job_id
    with session_scope(engine) as session:
        finish.fail(session, session.get_one(BackgroundJob, held.id), failure_of(OSError("no")))
    return job_id


def rates(engine: Engine) -> tuple[int, int, int, int]:
    """Return ended, succeeded, mended and tried again of what the tests of this file add to the jobs above."""
    with Session(engine) as session:
        summary = overview(session)
        for where, number in (
            (day_tiles.ENDED, summary.ended),
            (day_tiles.FAILED, summary.ended - summary.succeeded),
            (day_tiles.MENDED, summary.mended),
            (day_tiles.TRIED, summary.tried_again),
        ):
            assert opened(session, day_tiles.jobs_of_day(summary, **where)) == number, where
        return summary.ended, summary.succeeded, summary.mended, summary.tried_again


@pytest.fixture
def failed(engine: Engine, session: Session) -> tuple[UUID, UUID]:
    """Return a user whose enabling has failed, and the job, in a database without other jobs."""
    session.rollback()
    user = driving.prepare(engine, demo.enable)
    return user, request_and_end(engine, demo.enable, user, fails=True)


def test_a_dismissed_failure_counts_as_failed(engine: Engine, failed: tuple[UUID, UUID]) -> None:
    assert rates(engine) == (1, 0, 0, 0)
    request_and_end(engine, demo.dismiss, failed[0])
    assert rates(engine) == (2, 1, 0, 0)
    request_and_end(engine, demo.enable, failed[0])
    assert rates(engine) == (3, 2, 0, 0), "what was asked for anew is other work"


def test_a_repaired_failure_counts_as_failed(engine: Engine, failed: tuple[UUID, UUID]) -> None:
    with session_scope(engine) as session:
        session.get_one(User, failed[0]).demo_mode_status = "disabled"
    assert rates(engine) == (1, 0, 0, 0)


@pytest.mark.parametrize("operation", mostly_slow([demo.enable, demo.switch], fast=1), ids=lambda each: each.name)
def test_a_failure_whose_work_was_done_again_leaves_the_rate_to_the_later_job(
    engine: Engine, failed: tuple[UUID, UUID], operation: Any
) -> None:
    request_and_end(engine, operation, failed[0])
    assert rates(engine) == (1, 1, 1, 0)


def test_a_failure_whose_retry_was_cancelled_counts_as_failed(engine: Engine, failed: tuple[UUID, UUID]) -> None:
    with session_scope(engine) as session:
        again = retry(session, failed[1], SUPPORT).id
    driving.ask_to_cancel(engine, again)
    assert rates(engine) == (1, 0, 0, 0)


def test_a_failure_whose_retry_has_not_succeeded_is_neither_mended_nor_counted(
    engine: Engine, failed: tuple[UUID, UUID]
) -> None:
    with session_scope(engine) as session:
        retry(session, failed[1], SUPPORT)
    assert rates(engine) == (0, 0, 0, 1), "it waits"
    held = driving.must_take(engine)
    assert rates(engine) == (0, 0, 0, 1), "it runs"
    with session_scope(engine) as session:
        finish.fail(session, session.get_one(BackgroundJob, held.id), failure_of(OSError("no")))
    assert rates(engine) == (1, 0, 0, 1), "it has failed, and counts itself"
    request_and_end(engine, demo.enable, failed[0])
    assert rates(engine) == (1, 1, 2, 0), "the work is done, with the second repeat"


def test_a_failed_task_is_mended_by_a_retry_of_its_retry(session: Session) -> None:
    first = session.exec(select(BackgroundJob.id).where(BackgroundJob.retry_of != None)).one()  # noqa: E711
    session.add(BackgroundJob(kind="maintenance.test", retry_of=first, finished_at=NOW, status=JobStatus.SUCCEEDED))
    session.flush()
    summary = overview(session)
    assert (summary.ended, summary.succeeded, summary.mended, summary.tried_again) == (4, 3, 2, 0)
    assert opened(session, day_tiles.jobs_of_day(summary, **day_tiles.MENDED)) == summary.mended


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let parts of the page be drawn for no visitor, whose request would say under which path it is served."""
    monkeypatch.setattr(markup, "path_prefix", lambda: "")


@pytest.mark.usefixtures("drawn")
def test_the_longest_wait_ticks_in_the_browser_and_is_coloured_when_it_is_late(session: Session) -> None:
    assert "–" in day_tiles.waiting(overview(session))
    now = datetime.now(UTC)
    session.add(job := BackgroundJob(kind="maintenance.test", run_at=now - timedelta(seconds=LATE - 30)))
    session.flush()
    tile = day_tiles.waiting(overview(session))
    at = re.search(r'<time-text class="figure"[^>]* mode="elapsed" at="([^"]+)"', tile)
    assert at is not None
    assert abs(datetime.fromisoformat(at[1]) - job.run_at) < timedelta(seconds=1)
    assert 'class="nicegui-link tile"' in tile
    job.run_at = now - timedelta(seconds=LATE + 30)
    session.flush()
    assert f'class="nicegui-link tile {design.WARN}"' in day_tiles.waiting(overview(session))


@pytest.mark.usefixtures("drawn")
def test_a_group_of_failures_names_every_kind(session: Session) -> None:
    failed = {"status": JobStatus.FAILED, "error_type": "X", "error_message": "no", "error_fingerprint": "def"}
    kinds = ("demo.enable", "demo.disable", "demo.disable")
    session.add_all(BackgroundJob(kind=kind, finished_at=NOW, **failed) for kind in kinds)
    session.flush()
    summary = overview(session)
    [group] = [each for each in summary.failures if each.fingerprint == "def"]
    assert group.kinds == ("demo.disable", "demo.enable")
    assert "Disable demo mode, Enable demo mode · 0 users" in overview_page._group(summary, group)


def test_a_group_of_failures_shows_the_text_and_the_time_of_its_latest_job(session: Session) -> None:
    failed = {"status": JobStatus.FAILED, "kind": "demo.enable", "error_type": "X", "error_fingerprint": "def"}
    for hours, message in ((3, "request 9"), (1, "request 5\nmore"), (2, "request 7")):
        session.add(BackgroundJob(finished_at=NOW - timedelta(hours=hours), error_message=message, **failed))
    session.flush()
    [group] = [each for each in overview(session).failures if each.fingerprint == "def"]
    assert (group.count, group.message, group.last_seen) == (3, "request 5", NOW - timedelta(hours=1))
    assert (sum(group.parts), max(group.parts)) in {(3, 1), (3, 2)}, "one in each of three hours"


def test_users_who_need_help_are_listed_by_their_latest_failure_with_its_time_and_cause(session: Session) -> None:
    failed = {"status": JobStatus.FAILED, "kind": "demo.enable", "machine": demo.demo_mode.name}
    for name, hours in (("old", 5), ("new", 1), ("older", 9)):
        user = make_user(session, email=f"{name}@example.com", demo_mode_status=DemoModeStatus.FAILED)
        at = NOW - timedelta(hours=hours)
        job = BackgroundJob(user_id=user.id, error_message=f"{name} error\nmore", finished_at=at, **failed)
        session.add(job)
    make_user(session, email="drifted@example.com", demo_mode_status=DemoModeStatus.ENABLING)
    session.flush()
    latest = [each.latest for each in overview(session).held_up]
    people = [(each.situation, each.email, each.cause, each.at) for each in latest]
    assert people == [
        (Situation.STUCK, "drifted@example.com", "", None),
        (Situation.FAILED, "new@example.com", "new error", NOW - timedelta(hours=1)),
        (Situation.FAILED, "old@example.com", "old error", NOW - timedelta(hours=5)),
        (Situation.FAILED, "older@example.com", "older error", NOW - timedelta(hours=9)),
    ]
