"""The tiles of Overview show the last day by the hour, and how it differs from the day before, where that is known."""

import re
from datetime import datetime, timedelta

import pytest
from sqlmodel import Session, select

from core import clock
from core.analytics import rolling
from core.analytics.figures import JobFigures, Times
from core.models import BackgroundJob, JobStatus, Role
from core.overview import overview
from core.queues.last_day import DayFigures, job_times
from tests.factories import make_user
from ui.components.analytics import day_tiles
from ui.components.base import markup


def ended(session: Session, at: datetime, *, waited: float = 1, ran: float = 2, is_well: bool = True) -> None:
    started = at - timedelta(seconds=ran)
    times = {"created_at": started - timedelta(seconds=waited), "run_at": started - timedelta(seconds=waited)}
    status = JobStatus.SUCCEEDED if is_well else JobStatus.FAILED
    session.add(BackgroundJob(kind="demo.enable", status=status, started_at=started, finished_at=at, **times))


def two_days(session: Session) -> None:
    """Three jobs of this day, one of them failed, one of the day before, and one that makes that day whole."""
    now = session.exec(select(clock.db_now())).one()
    for hours in (3, 5):
        ended(session, now - timedelta(hours=hours), waited=30)
    ended(session, now - timedelta(hours=5, minutes=1), is_well=False)
    ended(session, now - timedelta(hours=30))
    ended(session, now - timedelta(hours=60))
    session.flush()
    for stretch in rolling.stretches(session):
        rolling.write(session, stretch)


def test_hours_add_up_to_the_day_and_the_day_before_is_known_only_as_a_whole(session: Session) -> None:
    two_days(session)
    day = job_times(session).day
    assert (day.now.finished, day.before and day.before.finished) == (3, 1)
    assert len(day.hours) in (24, 25)
    assert sum(each.finished for each in day.hours) == 3
    assert max(each.wait.p95 or 0 for each in day.hours) == pytest.approx(30, rel=0.05)
    assert [each.finished for each in day.hours if each.wait.p95 is None].count(0) >= 21


def test_a_change_is_said_with_whether_it_is_good_and_not_at_all_without_a_day_before(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(markup, "path_prefix", lambda: "")
    summary = overview(session)
    now = JobFigures(finished=112, success=0.97, wait=Times(p95=3.0), run=Times(p95=60.0))
    before = JobFigures(finished=100, success=0.99, wait=Times(p95=1.0), run=Times(p95=59.0))
    changes = r'class="change([^"]*)">([^<]*)<'
    day = DayFigures(now, before)
    shown = "".join((day_tiles.finished(summary, day), day_tiles.success(summary, day), *day_tiles._times(day)))
    assert re.findall(changes, shown) == [
        ("", "+12 % on the day before"),
        ("", "−2.0 points on the day before"),  # of a rate that is above its target
        (" tone-bad", "3 times the day before"),
        ("", "same on the day before"),
    ]
    assert "tone-bad" in day_tiles._points(0.93, 0.95, is_good=False)
    alone = DayFigures(now)
    shown = "".join((day_tiles.finished(summary, alone), day_tiles.success(summary, alone), *day_tiles._times(alone)))
    assert re.findall(changes, shown) == [("", "")] * 4


@pytest.mark.browser
def test_tiles_have_their_lines_and_nothing_moves_as_these_come(console, rows: Session) -> None:
    two_days(rows)
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.open(viewer, "/")
    page.get_by_role("img", name="Finished jobs by the hour: 0 to 2").wait_for()
    assert page.locator(".day-line path").count() == 4
    moved = """() => new Promise((done) => new PerformanceObserver((list) => done(list.getEntries()
        .reduce((sum, each) => sum + each.value, 0))).observe({ type: "layout-shift", buffered: true })
        || setTimeout(() => done(0), 500))"""
    assert page.evaluate(moved) < 0.001
    assert not page.wrong
