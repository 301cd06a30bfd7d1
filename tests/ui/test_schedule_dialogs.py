"""Editing and backfilling a schedule in a browser, from its line and from the palette."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlmodel import Session, col, select

from core import clock
from core.models import BackgroundJob, Role, Schedule, ScheduleTick
from tests.factories import make_user
from tests.waiting import eventually

pytestmark = pytest.mark.browser


@pytest.fixture
def nightly(rows: Session) -> Schedule:
    for table in ("schedules", "background_jobs", "users"):
        rows.connection().execute(text(f"DELETE FROM {table}"))
    name = f"nightly {uuid4().hex[:6]}"  # what earlier tests had may be on the screen for a second
    row = Schedule(name=name, kind="maintenance.delete_old_jobs", args={"days": 90}, cron="0 3 * * *")
    row.timezone, row.next_due_at = "Europe/Berlin", clock.now() + timedelta(hours=9)
    rows.add(row)
    rows.commit()
    return row


def open_as_admin(console, rows: Session, **options: str):
    admin = make_user(rows, role=Role.ADMIN)
    rows.commit()
    return console.open(admin, "/schedules", **options)


def line_of(page, schedule: Schedule):
    return page.locator(f'[data-schedule="{schedule.name}"]')


def test_the_form_is_filled_with_what_is_and_saves_what_changes(console, rows: Session, nightly: Schedule) -> None:
    page = open_as_admin(console, rows, timezone_id="America/Lima")
    line_of(page, nightly).get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name=f"Edit schedule “{nightly.name}”")
    assert dialog.get_by_label("Cron", exact=True).input_value() == "0 3 * * *"
    assert dialog.get_by_label("Days", exact=True).input_value() == "90"
    assert dialog.get_by_label("Time zone").input_value() == "Europe/Berlin"
    dialog.get_by_role("button", name="Save").click()
    dialog.get_by_role("alert").filter(has_text="has these settings already").wait_for()
    dialog.get_by_label("Cron", exact=True).fill("30 4 * * *")
    dialog.get_by_text("At 04:30").wait_for()
    dialog.get_by_role("button", name="Save").click()
    line_of(page, nightly).get_by_text("30 4 * * *").wait_for()
    rows.refresh(nightly)
    assert (nightly.cron, nightly.args, nightly.timezone) == ("30 4 * * *", {"days": 90}, "Europe/Berlin")
    assert page.wrong == []


def test_a_single_time_is_filled_in_the_viewers_zone(console, rows: Session, nightly: Schedule) -> None:
    at = datetime(2027, 3, 1, 12, 30, tzinfo=clock.UTC)
    nightly.cron, nightly.at, nightly.next_due_at = None, at, at
    rows.commit()
    page = open_as_admin(console, rows, timezone_id="America/Lima")
    line = line_of(page, nightly)
    line.get_by_role("button", name="Edit").click()
    moment = page.get_by_role("dialog").get_by_label("Date and time")
    eventually(lambda: moment.input_value() == "2027-03-01T07:30")
    assert line.get_by_role("button", name="Backfill").count() == 0, "a single time has no other past runs"


def test_past_runs_are_previewed_requested_and_shown(console, rows: Session, nightly: Schedule) -> None:
    page = open_as_admin(console, rows)
    line = line_of(page, nightly)
    line.get_by_role("button", name="Backfill").click()
    dialog = page.get_by_role("dialog", name=f"Backfill schedule “{nightly.name}”")
    dialog.get_by_text("1 job", exact=True).wait_for()
    day = clock.now() - timedelta(days=6)
    dialog.get_by_label("From", exact=True).fill(f"{day:%Y-%m-%d}T12:00")
    dialog.get_by_label("To", exact=True).fill(f"{day + timedelta(days=3):%Y-%m-%d}T12:00")
    dialog.get_by_text("3 jobs", exact=True).wait_for()
    dialog.get_by_role("button", name="Request the jobs").click()
    dialog.get_by_text("Give a reason in a few words").wait_for()
    assert rows.exec(select(BackgroundJob)).all() == [], "nothing is requested without a reason"
    dialog.get_by_label("Reason").fill("the scheduler was down")
    dialog.get_by_role("button", name="Request the jobs").click()
    page.get_by_text(f"{nightly.name}: 3 jobs requested.").wait_for()
    line.get_by_role("link", name="job queued").nth(2).wait_for()
    newest = rows.exec(select(ScheduleTick).order_by(col(ScheduleTick.due_at).desc()).limit(1)).one()
    line.get_by_role("link", name="job queued").first.click()
    page.wait_for_url(f"**/jobs/{newest.job_id}")
    assert page.wrong == []


def test_what_cannot_be_backfilled_says_why_in_the_preview(console, rows: Session, nightly: Schedule) -> None:
    nightly.cron = "* * * * *"
    rows.commit()
    page = open_as_admin(console, rows)
    page.keyboard.press("Control+k")
    page.keyboard.type(f"backfill schedule {nightly.name}")
    page.get_by_role("option", name=f"Backfill schedule {nightly.name}").first.click()
    dialog = page.get_by_role("dialog", name=f"Backfill schedule “{nightly.name}”")
    dialog.get_by_text("has more than 1,000 runs in this time").wait_for()
