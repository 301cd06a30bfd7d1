"""A job that is open beside the list: the list stays usable, the bar between them is moved and its place is kept."""

from typing import Any

import pytest
from sqlmodel import Session

from core import clock
from core.models import BackgroundJob, Role
from tests.factories import make_user
from tests.waiting import eventually

pytestmark = pytest.mark.browser
SCREEN = {"width": 1440, "height": 900}


@pytest.fixture
def page(console: Any, rows: Session) -> Any:
    support = make_user(rows, role=Role.SUPPORT)
    job = BackgroundJob(
        kind="demo.enable", queue="beside", status="succeeded", user_id=support.id, finished_at=clock.db_now()
    )
    rows.add(job)
    rows.commit()
    page = console.open(support, f"/jobs?queue=beside&job={job.id}", SCREEN)
    page.locator(".jg-row").first.wait_for()
    page.get_by_role("complementary", name="Job").get_by_role("heading", name="Enable demo mode").wait_for()
    return page


def width_of_job(page: Any) -> int:
    return round(page.get_by_role("complementary", name="Job").bounding_box()["width"])


def test_beside_an_open_job_columns_of_words_give_way_before_the_list_scrolls(page: Any) -> None:
    view = page.locator(".jg-view")
    eventually(lambda: view.evaluate("view => view.scrollWidth <= view.clientWidth"))
    error = page.get_by_role("columnheader", name="Error").bounding_box()
    assert error["x"] + error["width"] <= page.get_by_role("complementary", name="Job").bounding_box()["x"] + 1


def test_the_bar_between_list_and_job_is_moved_by_keyboard_and_pointer_and_kept(page: Any) -> None:
    bar, before = page.get_by_role("separator", name="Width of the job"), width_of_job(page)
    bar.press("ArrowLeft")
    assert width_of_job(page) == before + 24
    place = bar.bounding_box()
    page.mouse.move(place["x"] + 3, 400)
    page.mouse.down()
    page.mouse.move(place["x"] + 3 - 50, 400)
    page.mouse.up()
    assert abs(width_of_job(page) - before - 74) <= 4
    moved = width_of_job(page)
    page.reload()
    page.get_by_role("complementary", name="Job").get_by_role("heading", name="Enable demo mode").wait_for()
    assert width_of_job(page) == moved
    bar.dblclick()
    assert width_of_job(page) == before


def test_a_job_has_no_button_that_its_status_rules_out(page: Any) -> None:
    job = page.get_by_role("complementary", name="Job")
    assert job.get_by_role("button", name="More").count() == 1
    assert job.get_by_role("button", name="Cancel").count() == job.get_by_role("button", name="Retry").count() == 0


def test_the_open_job_follows_the_cursor_and_a_closed_one_stays_closed(console: Any, rows: Session) -> None:
    kinds = ("demo.enable", "demo.disable")
    for kind in kinds:
        rows.add(BackgroundJob(kind=kind, queue="follow", status="succeeded", finished_at=clock.db_now()))
        rows.commit()
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.open(viewer, "/jobs?queue=follow")
    job = page.get_by_role("complementary", name="Job")
    page.locator(".jg-row [data-name=queue]").first.click()
    job.get_by_role("heading", name="Disable demo mode").wait_for()
    opened = page.url
    page.keyboard.press("j")
    job.get_by_role("heading", name="Enable demo mode").wait_for()
    assert page.url != opened
    page.keyboard.press("ArrowUp")
    job.get_by_role("heading", name="Disable demo mode").wait_for()
    assert page.url == opened
    job.get_by_role("button", name="Close").click()
    eventually(lambda: page.evaluate("location.href").endswith("/jobs?q=queue:follow"))
    page.locator(".jg-row [data-name=queue]").first.focus()
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.get_by_text("2 selected").wait_for()
    assert page.url.endswith("/jobs?q=queue:follow")
