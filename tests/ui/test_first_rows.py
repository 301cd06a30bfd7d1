"""The jobs' first rows are asked for once, while the page loads; a person who comes back finds the list as it was."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, Route
from sqlmodel import Session

from core.jobs.request import request
from core.models import BackgroundJob, JobStatus, Role
from core.operations import demo
from core.operations.demo import EnableForm
from tests.factories import SUPPORT, make_user
from tests.waiting import eventually

pytestmark = pytest.mark.browser

FAILED = 150


def asked_of(page: Page) -> list[str]:
    """Return the list that gets the address of each request for rows; what others change may be loaded again."""
    lists: list[str] = []
    page.on("request", lambda sent: lists.append(sent.url) if "/api/jobs?" in sent.url else None)
    return lists


def test_the_first_rows_are_asked_for_once_and_a_press_opens_the_job(console, rows: Session) -> None:
    job = request(rows, demo.enable, make_user(rows).id, EnableForm(), SUPPORT)
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.signed_in(viewer)
    lists = asked_of(page)
    page.goto("/jobs")
    page.locator(".jg-row .jg-status", has_text="queued").first.click()
    page.wait_for_url(f"**/jobs?job={job.id}")
    assert {url.split("/api/")[1] for url in lists} == {"jobs?limit=100"}
    assert not page.wrong


def test_an_order_and_a_pattern_are_asked_for_once_too(console, rows: Session) -> None:
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.signed_in(viewer)
    lists = asked_of(page)
    page.goto("/jobs?kind=demo.*&sort=created_at&q=a~b")
    page.locator(".jg-empty, .jg-row").first.wait_for()
    eventually(lambda: page.evaluate("window.did_handshake === true"))
    assert len(lists) == 1, lists


def test_what_changes_while_the_page_loads_is_in_the_list(console, rows: Session) -> None:
    request(rows, demo.enable, make_user(rows).id, EnableForm(), SUPPORT)
    viewer = make_user(rows, role=Role.VIEWER)
    colleague = make_user(rows, role=Role.VIEWER)
    rows.commit()
    other = console.open(colleague, "/jobs")
    page = console.signed_in(viewer)
    held: list[Route] = []
    page.route(
        "**/static/nicegui.js", lambda route: held.append(route)
    )  # the rows are asked for, and the page has no connection yet
    with page.expect_response("**/api/jobs?*"):
        page.goto("/jobs", wait_until="commit")
    eventually(lambda: page.title() and held)  # asking the browser lets Playwright pass it on
    request(rows, demo.enable, make_user(rows, email="late@example.com").id, EnableForm(), SUPPORT)
    rows.commit()
    other.get_by_role("button", name="1 new").wait_for()  # it was sent to those who listened
    held[0].continue_()
    page.locator(".jg-row", has_text="late@example.com").wait_for()
    page.unroute("**/static/nicegui.js")


def test_jobs_are_as_they_were_left(console, rows: Session) -> None:
    now = datetime.now(UTC)
    failed = [
        BackgroundJob(kind="mail.send", queue="mail", status=JobStatus.FAILED, created_at=now - timedelta(hours=number))
        for number in range(FAILED)
    ]
    rows.add_all(failed)
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.open(viewer, "/jobs")
    chip = page.get_by_role("button", name="failed").first
    chip.click()
    page.wait_for_url("**/jobs?q=label:failed")
    page.get_by_role("columnheader", name="Requested").click()  # the oldest first
    chosen = page.locator(f'.jg-row[row-id="{failed[-20].id}"]')
    chosen.click(modifiers=["Control"])
    page.get_by_text("1 selected").wait_for()
    page.locator(".jg-view").evaluate("list => { list.scrollTop = 1000 }")

    for link in ("Workers", "Jobs"):
        page.get_by_role("navigation").get_by_role("link", name=link).click()
        page.locator("h1", has_text=link).wait_for(state="attached")
    eventually(lambda: page.locator(".jg-view").evaluate("list => list.scrollTop") == 1000)
    page.get_by_text("1 selected").wait_for()
    assert page.url.endswith("/jobs?q=label:failed&sort=created_at")
    assert chip.get_attribute("aria-pressed") == "true"
    assert page.get_by_role("columnheader", name="Requested").get_attribute("aria-sort") == "ascending"
    page.locator(".jg-view").evaluate("list => { list.scrollTop = 0 }")
    eventually(lambda: chosen.get_attribute("aria-selected") == "true")

    page.get_by_role("navigation").get_by_role("link", name="Jobs").click()  # from the page itself: all jobs
    page.wait_for_url("**/jobs")
    assert not page.wrong
