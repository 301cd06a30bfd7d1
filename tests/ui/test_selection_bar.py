"""The selection bar, pressed in a browser: what is highlighted, counted and acted on is the same set of jobs."""

import csv
import io
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from sqlmodel import Session, col, select

from core import clock
from core.models import BackgroundJob, BulkAction, BulkRow, DemoModeStatus, JobStatus, Role, User
from core.operations.demo import EnableForm
from tests.factories import make_user
from tests.ui.test_accessible import lasting
from tests.waiting import eventually

pytestmark = pytest.mark.browser


@pytest.fixture
def support(rows: Session) -> User:
    person = make_user(rows, role=Role.SUPPORT)
    rows.commit()
    return person


@pytest.fixture
def place() -> str:
    """Return a queue of the test's own: others leave jobs as well."""
    return f"place-{uuid4()}"


def add_jobs(rows: Session, queue: str, number: int, status: JobStatus = JobStatus.FAILED) -> list[str]:
    """Return jobs of as many users, the newest first."""
    is_over = status is JobStatus.FAILED
    state = DemoModeStatus.FAILED if is_over else DemoModeStatus.ENABLING
    jobs = []
    for age in range(number):
        user = make_user(rows, demo_mode_status=state)
        job = BackgroundJob(kind="demo.enable", queue=queue, status=status, user_id=user.id)
        job.machine, job.came_from, job.args = (
            "users.demo_mode_status",
            "disabled",
            EnableForm().model_dump(mode="json"),
        )
        job.created_at = clock.now() - timedelta(minutes=age)
        if is_over:
            job.token, job.attempt, job.started_at, job.finished_at = 1, 3, job.created_at, job.created_at
        jobs.append(job)
    rows.add_all(jobs)
    rows.commit()
    return [str(job.id) for job in jobs]


def tick(page: Any, job_id: str, *modifiers: str) -> None:
    page.locator(f'.jg-row[row-id="{job_id}"] .jg-tick').click(modifiers=list(modifiers))


def bar(page: Any) -> Any:
    return page.get_by_role("region", name="Selection")


def prepared(rows: Session, by: User) -> BulkAction:
    own = select(BulkAction).where(BulkAction.created_by == by.id)
    found = eventually(lambda: rows.rollback() or rows.exec(own).first())
    assert found
    return found


def targets(rows: Session, bulk: BulkAction) -> set[str]:
    return {str(each) for each in rows.exec(select(BulkRow.target).where(BulkRow.bulk_id == bulk.id))}


def test_a_few_jobs_are_retried_at_once(console, rows: Session, support: User, place: str) -> None:
    ids = add_jobs(rows, place, 5)
    page = console.open(support, f"/jobs?status=failed&queue={place}")
    tick(page, ids[1])
    tick(page, ids[3], "Shift")
    bar(page).get_by_text("3 selected").wait_for()
    bar(page).get_by_text("3 failed · Enable demo mode · 3 users").wait_for()
    bar(page).get_by_role("button", name="Retry", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Retry 3 jobs").click()
    page.get_by_text("3 jobs queued again.").wait_for()
    retries = select(BackgroundJob.retry_of).where(BackgroundJob.requested_by == support.id)
    assert {str(each) for each in rows.exec(retries)} == set(ids[1:4])
    assert rows.exec(select(BulkAction).where(BulkAction.created_by == support.id)).first() is None


def test_many_are_frozen_by_their_ids_and_none_of_the_others(console, rows: Session, support: User, place: str) -> None:
    ids = add_jobs(rows, place, 260)
    page = console.open(support, f"/jobs?status=failed&queue={place}")
    tick(page, ids[10])
    page.locator(".jg-view").evaluate("list => { list.scrollTop = list.scrollHeight }")
    tick(page, ids[250], "Shift")
    bar(page).get_by_text("241 selected").wait_for()
    bar(page).get_by_role("button", name="Retry", exact=True).click()
    page.get_by_role("heading", name="Retry: 241 jobs").wait_for()
    page.get_by_text("241 failed, of 241 users").wait_for()
    bulk = prepared(rows, support)
    assert (bulk.command, bulk.filter, targets(rows, bulk)) == ("job.retry", {}, set(ids[10:251]))
    page.get_by_role("button", name="Start …").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Number of jobs").fill("240")
    dialog.get_by_role("button", name="Start", exact=True).click()
    dialog.get_by_text("Type the number of jobs: 241.").first.wait_for()
    page.keyboard.press("Escape")
    page.go_back()
    bar(page).get_by_text("241 selected").wait_for()  # nothing was started, and the selection stays


def test_all_that_match_are_frozen_by_the_filter(console, rows: Session, support: User, place: str) -> None:
    ids = add_jobs(rows, place, 120)
    add_jobs(rows, place, 2, JobStatus.QUEUED)
    page = console.open(support, f"/jobs?status=failed&queue={place}")
    page.locator(f'.jg-row[row-id="{ids[0]}"]').wait_for()
    page.get_by_role("checkbox", name="Select all loaded jobs").click()
    bar(page).get_by_role("button", name="Select all 120 that match").click()
    bar(page).get_by_text("All 120 that match", exact=True).wait_for()
    assert page.locator('.jg-row:not([row-id=""])[aria-selected=false]').count() == 0
    page.keyboard.press("r")
    page.get_by_role("heading", name="Retry: 120 jobs").wait_for()
    bulk = prepared(rows, support)
    assert (bulk.filter, targets(rows, bulk)) == ({"status": "failed", "queue": place}, set(ids))


def test_waiting_jobs_are_rescheduled_and_failed_ones_are_not(
    console, rows: Session, support: User, place: str
) -> None:
    waiting, failed = add_jobs(rows, place, 2, JobStatus.QUEUED), add_jobs(rows, place, 1)
    page = console.open(support, f"/jobs?queue={place}")
    for each in (*waiting, *failed):
        tick(page, each)
    bar(page).get_by_text("2 queued, 1 failed · Enable demo mode · 3 users").wait_for()
    bar(page).get_by_role("button", name="Reschedule").click()
    dialog = page.get_by_role("dialog", name="Reschedule 2 jobs")
    later = (clock.now() + timedelta(days=2)).strftime("%Y-%m-%dT12:00")
    dialog.get_by_label("Start at").fill(later)
    dialog.get_by_role("button", name="Reschedule", exact=True).click()
    page.get_by_text("2 jobs rescheduled.").wait_for()
    times = select(BackgroundJob.run_at).where(col(BackgroundJob.id).in_(waiting))
    assert all(at > clock.now() + timedelta(days=1) for at in rows.exec(times))


def test_one_argument_of_many_is_changed_and_the_others_stay(console, rows: Session, support: User, place: str) -> None:
    ids = add_jobs(rows, place, 3)
    page = console.open(support, f"/jobs?status=failed&queue={place}")
    tick(page, ids[0])
    tick(page, ids[2], "Shift")
    bar(page).get_by_text("3 selected").wait_for()
    bar(page).get_by_role("button", name="Edit and retry").click()
    dialog = page.get_by_role("dialog", name="Edit and retry Enable demo mode")
    dialog.get_by_role("button", name="Prepare").click()
    dialog.get_by_text("Choose at least one argument to change.").wait_for()
    dialog.get_by_label("Arguments to change").click()
    page.get_by_role("option", name="Tell the creator when it is ready").click()
    page.keyboard.press("Escape")
    dialog.get_by_role("switch", name="Tell the creator when it is ready").click()
    dialog.get_by_role("button", name="Prepare").click()
    page.get_by_role("heading", name="Edit and retry: 3 jobs").wait_for()
    page.get_by_text("email_when_ready: True").wait_for()
    bulk = prepared(rows, support)
    assert (bulk.args, targets(rows, bulk)) == ({"args": {"email_when_ready": True}}, set(ids))


def test_the_file_has_the_selected_jobs_alone(
    console, rows: Session, support: User, place: str, tmp_path: Path
) -> None:
    ids = add_jobs(rows, place, 4)
    page = console.open(support, f"/jobs?queue={place}")
    tick(page, ids[0])
    tick(page, ids[2])
    bar(page).get_by_text("2 selected").wait_for()
    bar(page).get_by_role("button", name="Export these").click()
    with page.expect_download() as download:
        page.get_by_text("Export as CSV").click()
    download.value.save_as(tmp_path / "jobs.csv")
    lines = csv.DictReader(io.StringIO((tmp_path / "jobs.csv").read_text("utf-8-sig")))
    assert {line["id"] for line in lines} == {ids[0], ids[2]}


def test_a_viewer_is_told_which_role_it_takes(console, rows: Session, place: str) -> None:
    ids = add_jobs(rows, place, 2)
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.open(viewer, f"/jobs?queue={place}")
    tick(page, ids[0])
    edit = bar(page).get_by_role("button", name="Edit and retry")
    assert edit.get_attribute("aria-description") == "Edit and retry needs the role support; you are viewer."
    bar(page).get_by_role("button", name="Select none").click()
    eventually(lambda: not bar(page).is_visible())


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_bar_is_accessible_and_overflows_at_no_width(
    console, rows: Session, support: User, place: str, theme: str
) -> None:
    add_jobs(rows, place, 3)
    page = console.signed_in(support)
    page.context.add_cookies([{"name": "theme", "value": theme, "url": console.url}])
    page.goto(f"/jobs?queue={place}")
    page.locator(f"html[data-theme={theme}] .jg-row").first.wait_for()
    page.get_by_role("checkbox", name="Select all loaded jobs").click()
    bar(page).get_by_text("3 selected").wait_for()
    page.evaluate(Axe().axe_script)
    assert lasting(page) == []
    wider = "document.documentElement.scrollWidth > innerWidth"
    for width in (2560, 1024, 390):
        page.set_viewport_size({"width": width, "height": 844})
        eventually(lambda: not page.evaluate(wider))
        box = bar(page).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width  # noqa: PT018 - one place


def test_what_a_filter_s_statuses_rule_out_is_refused_for_all_that_match(
    console, rows: Session, support: User, place: str
) -> None:
    ids = add_jobs(rows, place, 3)
    page = console.open(support, f"/jobs?status=failed&queue={place}")
    tick(page, ids[0])
    tick(page, ids[1])
    bar(page).get_by_role("button", name="Select all 3 that match").click()
    bar(page).get_by_text("All 3 that match", exact=True).wait_for()
    for name, works in (("Retry", None), ("Start now", "true"), ("Cancel", "true")):
        button = bar(page).get_by_role("button", name=name, exact=True)
        assert button.get_attribute("aria-disabled") == works, name
