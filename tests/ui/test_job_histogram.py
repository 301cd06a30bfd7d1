"""The bars above the list of jobs: thin, a minute or more each, and in an hour at least, however few jobs there are."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlmodel import Session

from core import clock
from core.job_list.over_time import JobsOverTime
from core.models import BackgroundJob, JobStatus, Role
from tests.factories import make_user
from tests.ui.test_time_bars import COUNTED, data_of
from ui.components.jobs.job_histogram import bars_of

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize("age", [timedelta(days=3), timedelta(seconds=70), timedelta(0)])
def test_one_job_is_one_thin_bar_in_its_hour_and_none_is_in_the_future(age: timedelta) -> None:
    at = (clock.now() - age).replace(microsecond=0)
    bars = bars_of(JobsOverTime(at, timedelta(seconds=1), {JobStatus.FAILED: (1,)}))
    assert bars
    assert (bars.width, len(bars.totals), sum(bars.totals)) == (MINUTE, 60, 1)
    place = bars.totals.index(1)
    assert bars.start + place * MINUTE <= at < bars.start + (place + 1) * MINUTE
    assert bars.stop <= max(clock.now(), bars.start + (place + 1) * MINUTE)


def test_bars_of_seconds_are_added_up_by_the_minute() -> None:
    at = (clock.now() - timedelta(days=1)).replace(minute=10, second=45, microsecond=0)
    counts = {JobStatus.SUCCEEDED: (1, 2, 3, 4, 5, 6), JobStatus.FAILED: (0, 1, 0, 0, 0, 0)}
    bars = bars_of(JobsOverTime(at, timedelta(seconds=15), counts))
    assert bars
    first = (at.replace(second=0) - bars.start) // MINUTE
    assert (bars.counts["succeeded"][first : first + 3], bars.counts["failed"][first : first + 3]) == (
        [1, 2 + 3 + 4 + 5, 6],
        [0, 1, 0],
    )


def test_bars_that_are_wide_stay_as_they_are() -> None:
    at, numbers = clock.now() - timedelta(days=3), (1,) * 40
    bars = bars_of(JobsOverTime(at, HOUR, {JobStatus.QUEUED: numbers}))
    assert bars
    assert (bars.start, bars.width, tuple(bars.totals)) == (at, HOUR, numbers)


@pytest.mark.browser
def test_both_ends_have_their_day_and_a_bar_beside_the_filter_s_time_is_no_range(console, rows: Session) -> None:
    viewer, at = make_user(rows, role=Role.VIEWER), clock.now() - timedelta(hours=30)
    for age in (timedelta(0), timedelta(minutes=20)):
        rows.add(BackgroundJob(kind="demo.enable", queue="histogram", status="failed", created_at=at - age))
    rows.commit()
    page = console.open(viewer, "/jobs?queue=histogram", timezone_id="UTC", locale="en-GB")
    ends = page.locator(".histogram .end time-text")
    expect(ends).to_have_count(2)
    for end in ends.all():
        expect(end).to_contain_text(f"{at:%a}")
    bars = page.locator(".time-bars").bounding_box()
    assert bars
    page.wait_for_function(f"() => {COUNTED} === 2")
    places = [sum(numbers) for numbers in zip(*data_of(page)["counts"], strict=True)]
    across = bars["x"] + (places.index(1) + 0.5) * bars["width"] / len(places)
    page.mouse.click(across, bars["y"] + 10)
    page.wait_for_url("**created:*")
    page.wait_for_function(f"() => {COUNTED} === 1")
    narrowed = page.url
    page.mouse.click(bars["x"] + 10, bars["y"] + 10)
    page.get_by_role("button", name="Refresh").click()
    page.wait_for_load_state("networkidle")
    assert page.url == narrowed
