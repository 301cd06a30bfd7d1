"""Analytics in the browser: each number opens exactly the jobs that it counts, or says why nothing leads to them."""

import random
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import Session

from core.analytics import rolling
from core.database.engine import session_scope
from core.job_list.filters import JobFilter
from core.job_list.queries import page
from core.models import Role
from tests.analytics.ended_jobs import add_jobs, db_now, roll_up
from tests.factories import make_user

DAY = timedelta(days=1)


@pytest.fixture
def looked_at(console, rows: Session) -> Page:
    """Return the page with 300 jobs of the last three weeks."""
    dice = random.Random(11)
    add_jobs(console.engine, dice, 300, lambda: 21 * DAY * dice.random())
    roll_up(console.engine, db_now(console.engine) - 40 * DAY)
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page: Page = console.open(viewer, "/analytics?range=7d")
    page.locator("td[data-label='Finished'] a").first.wait_for()
    return page


def number_of(shown: str) -> int:
    return int(shown.replace(",", ""))


def count_of(session: Session, href: str) -> int:
    params = parse_qs(urlsplit(href).query)
    return page(session, JobFilter.from_params(params), limit=1).total.value


@pytest.mark.browser
def test_every_number_opens_the_jobs_that_it_counts(looked_at: Page, rows: Session) -> None:
    checked = 0
    for column in ("Finished", "Before", "Failed", "Cancelled"):
        for cell in looked_at.locator(f"td[data-label='{column}'] a").all():
            assert count_of(rows, str(cell.get_attribute("href"))) == number_of(cell.inner_text())
            checked += 1
    assert checked >= 9
    for tile, number in (
        ("jobs finished", r"^([\d,]+)"),
        ("succeeded (target", r"([\d,]+) failures"),
        ("lost", r"^(\d+)"),
    ):
        link = looked_at.locator("a.tile", has_text=tile)
        found = re.search(number, link.inner_text())
        assert found
        assert count_of(rows, str(link.get_attribute("href"))) == number_of(found[1]), tile
    for bar in looked_at.locator("a.bar").all():
        total = sum(map(int, re.findall(r"(\d+) (?:succeeded|failed|cancelled)", str(bar.get_attribute("aria-label")))))
        assert count_of(rows, str(bar.get_attribute("href"))) == total > 0


@pytest.mark.browser
def test_a_number_a_bar_and_a_kind_are_pressed(looked_at: Page) -> None:
    failed = looked_at.locator("td[data-label='Failed'] a").first
    number = failed.inner_text()
    failed.press("Enter")
    looked_at.wait_for_url("**/jobs?q=*finished:*")
    expect(looked_at.locator(".chip", has_text="finished before")).to_be_visible()
    expect(looked_at.get_by_role("button", name=f"failed {number}", exact=True)).to_be_visible()
    looked_at.go_back()
    looked_at.get_by_role("link", name="Enable demo mode", exact=True).click()
    looked_at.wait_for_url("**/analytics?*kind=demo.enable")
    expect(looked_at.locator("table[aria-label=Figures] tbody tr")).to_have_count(1)
    looked_at.get_by_role("link", name="Remove kind demo.enable").click()
    expect(looked_at.locator("table[aria-label=Figures] tbody tr")).to_have_count(3)
    looked_at.get_by_role("link", name="Version", exact=True).click()
    looked_at.get_by_text("these numbers lead nowhere").wait_for()
    assert looked_at.locator("td.num a").count() == 0
    with looked_at.expect_download() as download:
        looked_at.get_by_role("link", name="Export these figures as CSV").click()
    assert download.value.suggested_filename == "analytics.csv"


@pytest.mark.browser
def test_another_time_is_chosen_and_an_impossible_one_is_refused(looked_at: Page) -> None:
    looked_at.get_by_role("button", name="Other time …").click()
    dialog = looked_at.get_by_role("dialog", name="Other time")
    dialog.get_by_label("From").fill("2031-01-01T10:00")
    dialog.get_by_role("button", name="Show").click()
    dialog.get_by_text("There are no figures of this time.").wait_for()
    start = datetime.now(UTC) - 3 * DAY
    dialog.get_by_label("From").fill(f"{start:%Y-%m-%dT%H:%M}")
    dialog.get_by_role("button", name="Show").click()
    looked_at.wait_for_url("**/analytics?since=*")
    looked_at.get_by_text("Outcomes over time").wait_for()


@pytest.mark.browser
def test_numbers_of_deleted_jobs_lead_nowhere_and_say_so(looked_at: Page, console) -> None:
    with session_scope(console.engine) as session:
        rolling.protect(session, db_now(console.engine) - DAY)
    looked_at.reload()
    looked_at.get_by_text("their figures stay, and lead nowhere").wait_for()
    assert looked_at.locator("td.num a, a.tile").count() == 0
    assert looked_at.locator("a.bar").count() <= 4, "those of the last day alone"
    with session_scope(console.engine) as session:
        session.get_one(rolling.RollupState, 1).gone_before = None


@pytest.mark.browser
def test_hours_are_those_of_the_viewer(console, rows: Session) -> None:
    roll_up(console.engine)
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    tab = console.open(viewer, "/analytics", timezone_id="Asia/Tokyo")
    tab.get_by_text("finished jobs by weekday and hour, Asia/Tokyo").wait_for()


@pytest.mark.browser
def test_figures_that_are_late_say_so_and_without_any_the_page_says_what_to_do(console, rows: Session) -> None:
    viewer = make_user(rows, role=Role.VIEWER)
    roll_up(console.engine)
    state = rows.get_one(rolling.RollupState, 1)
    state.since = state.until = db_now(console.engine) - timedelta(hours=1)
    rows.commit()
    console.open(viewer, "/analytics").get_by_text("figures only until").wait_for()
    rows.delete(state)
    rows.commit()
    tab = console.open(viewer, "/analytics")
    tab.get_by_text("No figures yet").wait_for()
    tab.goto("/analytics?range=3y")
    tab.get_by_text("Unknown range in the URL.").wait_for()
