"""On a phone, the list of jobs has two lines a row: none of them lies beside the screen, and a finger does it all."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlmodel import Session

from core import clock
from core.models import BackgroundJob, Role, User
from tests.factories import make_user
from tests.ui.test_accessible import lasting

pytestmark = pytest.mark.browser

JOBS = 250
PHONE = {"width": 390, "height": 844}
ERROR = "The demo service did not answer\nTraceback of it"
FINGER = 44
SHOWN = ("label", "kind", "created_at", "user_email", "error")


@pytest.fixture
def viewer(emptied, rows: Session) -> User:
    viewer, now = make_user(rows, role=Role.VIEWER), clock.db_now()
    for number in range(JOBS):
        at, queue = now - timedelta(minutes=number), f"narrow-{number}"
        job = BackgroundJob(kind="demo.enable", queue=queue, status="failed", user_id=viewer.id, created_at=at)
        job.error_type, job.error_message = "TryAgain", ERROR
        rows.add(job)
    rows.commit()
    return viewer


def opened(console, viewer: User) -> Page:
    page = console.open(viewer, f"/jobs?user={viewer.id}", PHONE)
    page.locator(".jg-cell", has_text="failed").first.wait_for()
    return page


def test_a_row_on_a_phone_is_two_lines_within_the_screen(console, viewer: User) -> None:
    page = opened(console, viewer)
    row = page.locator(".jg-row").first
    places = {name: row.locator(f"[data-name={name}]").bounding_box() for name in SHOWN}
    assert all(place and place["x"] >= 0 and place["x"] + place["width"] <= PHONE["width"] for place in places.values())
    assert [name for name, place in places.items() if place["y"] == places["label"]["y"]] == [*SHOWN[:3]]
    assert places["error"]["y"] == places["user_email"]["y"] >= places["label"]["y"] + places["label"]["height"]
    assert page.locator(".jg-view").evaluate("view => view.scrollWidth <= view.clientWidth")
    assert row.locator("[data-name=error]").inner_text() == ERROR.split("\n")[0]
    page.evaluate(Axe().axe_script)
    assert lasting(page) == []


def test_a_finger_ticks_opens_and_sorts_jobs_and_scrolls_to_the_oldest(console, viewer: User) -> None:
    page = opened(console, viewer)
    tick, sort = page.locator(".jg-row .jg-tick").first, page.get_by_role("columnheader", name="Requested")
    for target in (tick, page.locator(".jg-tick-all button"), sort, page.locator(".jg-row").first):
        place = target.bounding_box()
        assert place
        assert min(place["width"], place["height"]) >= FINGER
    tick.click()
    expect(page.locator(".jg-row[aria-selected=true]")).to_have_count(1)
    assert "job=" not in page.url
    page.locator(".jg-view").evaluate("view => { view.scrollTop = view.scrollHeight }")
    page.locator(f".jg-row[row-index='{JOBS - 1}'] .jg-status").wait_for()
    sort.click()
    page.wait_for_url("**sort=created_at*")
    page.locator(".jg-row[row-index='0'] [data-name=user_email]").click()  # its link is no target of its own there
    page.wait_for_url("**job=*")


def test_the_row_at_the_top_stays_when_a_window_becomes_narrow(console, viewer: User) -> None:
    page = console.open(viewer, f"/jobs?user={viewer.id}")
    page.locator(".jg-cell", has_text="failed").first.wait_for()
    page.locator(".jg-view").evaluate("view => { view.scrollTop = 100 * 26 }")
    page.locator(".jg-row[row-index='100'] .jg-status").wait_for()
    page.set_viewport_size(PHONE)
    page.locator(".jg-narrow").wait_for()
    rows_at_top = "view => Math.round(view.scrollTop / view.querySelector('.jg-row').offsetHeight)"
    assert page.locator(".jg-view").evaluate(rows_at_top) == 100


def test_one_menu_has_what_the_buttons_of_a_wide_screen_have(console, viewer: User) -> None:
    page = opened(console, viewer)
    assert page.get_by_role("button", name="Columns").count() == 0
    more = page.get_by_role("button", name="More actions")
    targets = [more, page.get_by_label("Search jobs").locator("xpath=ancestor::label")]
    more.click()
    menu = page.locator(".more-menu")
    names = ("Refresh", "Export as CSV", "Retry all that match …")
    targets += [menu.locator(".q-item", has_text=name) for name in names]
    targets += [menu.get_by_role("link", name="Tried again"), menu.get_by_role("button", name="Save this view …")]
    for target in targets:
        target.wait_for()
        assert target.bounding_box()["height"] >= FINGER
    menu.get_by_role("link", name="Tried again").click()
    page.wait_for_url("**/jobs?q=attempt*")


def test_the_number_of_new_jobs_covers_no_state_on_a_phone(console, viewer: User) -> None:
    page = opened(console, viewer)
    news = page.locator(".btn.news")
    news.evaluate("button => button.classList.remove('hidden')")
    place, states = news.bounding_box(), page.get_by_role("group", name="States").bounding_box()
    assert place["y"] >= states["y"] + states["height"]
    assert place["height"] >= FINGER
    assert place["y"] + place["height"] <= page.locator(".jg-view").bounding_box()["y"]
