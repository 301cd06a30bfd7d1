"""The tiles of Overview show the last day by the hour, and how it differs from the day before, where that is known."""

import re
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlmodel import Session, select

from core import clock
from core.analytics import rolling
from core.analytics.figures import JobFigures, Times
from core.job_list.filters import JobFilter
from core.job_list.orders import MOST_SORTED
from core.job_list.queries import page
from core.models import BackgroundJob, JobStatus, Role, RollupState
from core.overview import overview
from core.queues.last_day import DayFigures, job_times
from tests.factories import make_user
from ui.components.analytics import day_tiles
from ui.components.analytics.day_tiles import longest_runs, longest_waits
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


def test_times_open_the_jobs_behind_them_the_longest_first(session: Session) -> None:
    two_days(session)
    day = job_times(session).day
    for href, sort, number in ((longest_waits(day), "-waited", 3), (longest_runs(day), "-took", 2)):
        params = dict(parse_qsl(urlsplit(href).query))
        assert params.pop("sort") == sort
        found = page(session, JobFilter.from_params(params), sort=sort, limit=10)
        assert len(found.items) == number, "of the 24 hours, and of no other time"


def test_tiles_of_times_count_from_where_the_others_do(session: Session) -> None:
    two_days(session)
    summary, day = overview(session), job_times(session).day
    assert day.since == summary.since
    ended(session, summary.since)
    ended(session, summary.since - timedelta(seconds=1))
    session.flush()
    assert overview(session).ended == day.now.finished + 1
    state = session.exec(select(RollupState)).one()
    state.until = summary.since - timedelta(hours=1)
    session.flush()
    assert job_times(session).day == DayFigures(), "what is added up ends before this time begins"


@pytest.mark.parametrize(("p95", "sort"), [(0.5, False), (90.0, True)])
def test_a_list_that_could_not_be_sorted_opens_in_its_own_order(p95: float, sort: bool) -> None:
    now = JobFigures(finished=MOST_SORTED + 1, succeeded=MOST_SORTED + 1, wait=Times(p95=p95), run=Times(p95=p95))
    day = DayFigures(now, since=clock.now() - timedelta(hours=24), until=clock.now())
    assert ["sort=" in (each(day) or "") for each in (longest_waits, longest_runs)] == [sort, sort]
    assert longest_runs(DayFigures(JobFigures(run=Times(p95=1.0)))) is None, "nothing is added up yet"


def test_what_is_zero_opens_nothing(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markup, "path_prefix", lambda: "")
    summary = overview(session)
    tiles = (day_tiles.people(summary), day_tiles.waiting(summary), day_tiles.finished(summary, DayFigures()))
    assert "href" not in "".join((*tiles, day_tiles.success(summary, DayFigures()), *day_tiles._times(DayFigures())))
    ended(session, clock.now())
    session.flush()
    assert "href" in day_tiles.finished(overview(session), DayFigures())


@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 2560])
def test_no_tile_ends_in_a_word_alone_and_the_page_is_in_the_middle(console, rows: Session, width: int) -> None:
    two_days(rows)
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.open(viewer, "/", screen={"width": width, "height": 900})
    page.get_by_role("img", name="Finished jobs by the hour").wait_for()
    last_lines = """[...document.querySelectorAll(".tile .label")].map((each) => {
        const range = document.createRange(); range.selectNodeContents(each);
        const boxes = [...range.getClientRects()].filter((box) => box.width > 1);
        const last = Math.max(...boxes.map((box) => box.top)), first = Math.min(...boxes.map((box) => box.top));
        const width = (top) => boxes.filter((box) => Math.abs(box.top - top) < 4)
            .reduce((sum, box) => sum + box.width, 0);
        return last === first ? 1 : width(last) / width(first); })"""
    assert min(page.evaluate(last_lines)) > 0.3
    sides = """(() => { const main = document.querySelector(".main").getBoundingClientRect(),
        own = document.querySelector(".screen").getBoundingClientRect();
        return [own.left - main.left, main.right - own.right]; })()"""
    left, right = page.evaluate(sides)
    assert abs(left - right) < 20


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
