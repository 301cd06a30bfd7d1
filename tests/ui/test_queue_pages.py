"""Workers, queues and schedules in a real browser: operators see them, admins control them, live without a reload."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlmodel import Session, select

from core.jobs.request import request
from core.models import BackgroundJob, Event, JobKind, JobStatus, Queue, Role, Schedule, ScheduleTick, User, Worker
from core.operations import demo
from core.operations.demo import EnableForm
from tests.factories import SUPPORT, make_user
from tests.repeats import mostly_slow
from tests.waiting import eventually

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def _fresh(rows: Session) -> None:
    """Begin without the rows of other tests of this module."""
    for table in ("workers", "queues", "job_kinds", "schedules", "background_jobs", "users"):
        rows.connection().execute(text(f"DELETE FROM {table}"))  # a TRUNCATE and an open page would wait for each other
    rows.commit()


def alive(session: Session, **values: object) -> Worker:
    row = Worker(**{"host": "mill", "pid": 42, "threads": 8, "queues": ["demo"], "memory_mb": 97, **values})
    row.heartbeat_at = values.get("heartbeat_at") or datetime.now(UTC)
    session.add(row)
    session.flush()
    return row


def person(session: Session, role: Role) -> User:
    return make_user(session, role=role)


def enabling(session: Session, user: User, worker: Worker | None = None) -> BackgroundJob:
    job = request(session, demo.enable, user.id, EnableForm(), SUPPORT)
    if worker:
        job.status, job.worker_id, job.token, job.attempt = JobStatus.RUNNING, worker.id, 1, 1
        job.progress_done, job.progress_total, job.started_at = 500, 2000, datetime.now(UTC)
    return job


def toast(page: object, text: str) -> None:
    page.locator(".q-notification").filter(has_text=text).wait_for()


def lies_within(bubble: dict[str, float] | None, row: dict[str, float] | None) -> bool:
    """Tell whether a bubble covers no other row."""
    return (
        bubble is not None
        and row is not None
        and row["y"] <= bubble["y"]
        and bubble["y"] + bubble["height"] <= row["y"] + row["height"]
        and bubble["x"] >= 0
    )


def test_a_worker_is_shown_with_what_it_does_and_its_heartbeat_moves_without_a_reload(console, rows: Session) -> None:
    viewer, ana = person(rows, Role.VIEWER), make_user(rows, email="ana@example.com")
    worker = alive(rows, heartbeat_at=datetime.now(UTC) - timedelta(seconds=15))
    job = enabling(rows, ana, worker)
    alive(rows, pid=43, lost_at=datetime.now(UTC) - timedelta(hours=2))
    rows.commit()
    page = console.open(viewer, "/workers")

    at_work = page.get_by_label("Live workers")
    does = ("Enable demo mode", "ana@example.com", "25 %")
    for shown in ("mill:42", "1 of 8 threads busy", "97 MB", "serves demo", *does):
        at_work.get_by_text(shown).first.wait_for()
    assert page.get_by_label("Stopped workers").get_by_text("mill:43").is_visible()
    assert page.get_by_label("Stopped workers").get_by_text("lost", exact=True).is_visible()

    heartbeat = at_work.locator(".beat time-text")
    first = heartbeat.get_attribute("at")
    worker.heartbeat_at, job.progress_done = datetime.now(UTC), 1500
    rows.commit()
    eventually(lambda: heartbeat.get_attribute("at") != first)
    at_work.get_by_text("75 %").wait_for()

    worker.stopped_at = datetime.now(UTC)
    rows.commit()
    page.get_by_label("Stopped workers").get_by_text("mill:42").wait_for()
    page.get_by_text("No worker is alive", exact=True).wait_for()
    assert page.wrong == []


def test_the_page_without_a_worker_says_how_to_start_one_and_that_nothing_is_lost(console, rows: Session) -> None:
    viewer, ana = person(rows, Role.VIEWER), make_user(rows)
    enabling(rows, ana)
    rows.commit()
    page = console.open(viewer, "/workers")
    for shown in ("No worker is alive", "in the database until one starts", "make run", "python main.py worker"):
        page.get_by_label("Live workers").get_by_text(shown, exact=False).first.wait_for()
    page.get_by_text("1 job waits in the database").wait_for()
    enabling(rows, make_user(rows))
    rows.commit()
    page.get_by_text("2 jobs wait in the database").wait_for()


def test_a_queue_is_paused_with_a_reason_that_its_page_and_its_jobs_show(console, rows: Session) -> None:
    admin, ana = person(rows, Role.ADMIN), make_user(rows, email="ana@example.com")
    alive(rows, heartbeat_at=datetime.now(UTC) + timedelta(hours=1))
    job = enabling(rows, ana)
    rows.commit()
    page = console.open(admin, "/queues")

    line = page.get_by_label("Queues", exact=True).locator("tr").filter(has=page.get_by_role("link", name="demo"))
    line.get_by_role("button", name="Pause").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Pause").click()
    dialog.get_by_text("Give a reason in a few words").wait_for()
    assert rows.get(Queue, "demo") is None, "nothing is paused without a reason"
    dialog.get_by_label("Reason").fill("deploying")
    dialog.get_by_role("button", name="Pause").click()
    toast(page, "demo paused.")
    line.get_by_text(f"by {admin.email}").wait_for()
    line.get_by_text("deploying").wait_for()
    page.locator(".foot").get_by_role("link", name="1 queue paused").wait_for()

    page.goto(f"/users/{ana.id}")
    page.get_by_label("Diagnosis").get_by_text("not running because queue demo").wait_for()
    assert not page.get_by_role("progressbar").is_visible(), "nothing moves, and nothing looks as if it did"
    page.goto(f"/jobs/{job.id}")
    sentence = f"not running because queue demo was paused by {admin.email}"
    reason = page.get_by_label("Diagnosis").get_by_text(sentence)  # it is said once more, for screen readers
    reason.wait_for()
    assert "deploying" in reason.inner_text()
    page.get_by_role("button", name="Resume").click()
    dialog.get_by_text("deploying").wait_for()
    dialog.get_by_text("This starts 1 job of 1 user.").wait_for()
    dialog.get_by_role("button", name="Resume").click()
    toast(page, "Queue resumed.")
    reason.wait_for(state="detached")
    rows.expire_all()
    assert rows.get_one(Queue, "demo").paused_at is None
    assert page.wrong == []


@pytest.mark.slow
def test_a_kind_is_paused_and_resumed_while_its_queue_goes_on(console, rows: Session) -> None:
    admin = person(rows, Role.ADMIN)
    alive(rows, heartbeat_at=datetime.now(UTC) + timedelta(hours=1))
    rows.commit()
    page = console.open(admin, "/queues")
    line = page.get_by_label("Kinds", exact=True).locator("tr").filter(has_text="demo.enable")
    line.get_by_role("button", name="Pause").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("service is down")
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    line.get_by_text("service is down").wait_for()
    line.get_by_role("button", name="Resume").click()
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    line.get_by_text("active").wait_for()
    rows.expire_all()
    names = [event.name for event in rows.exec(select(Event).where(Event.actor_id == admin.id).order_by(Event.id))]
    assert [name for name in names if name.startswith("kind.")] == ["kind.paused", "kind.resumed"]


def test_limits_are_set_in_a_dialog_that_explains_invalid_values(console, rows: Session) -> None:
    admin = person(rows, Role.ADMIN)
    rows.commit()
    page = console.open(admin, "/queues")
    line = page.get_by_label("Kinds", exact=True).locator("tr").filter(has_text="demo.enable")
    line.get_by_role("button", name="Limits").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Running at once, in total").fill("2")
    dialog.get_by_label("Maximum starts").fill("10")
    dialog.get_by_role("button", name="Save limits").click()
    dialog.get_by_role("alert").filter(has_text="A rate needs both numbers").wait_for()
    dialog.get_by_label("Within this many seconds").fill("60")
    dialog.get_by_role("button", name="Save limits").click()
    line.get_by_text("2 at once").wait_for()
    line.get_by_text("10 starts per 60 s").wait_for()
    rows.expire_all()
    row = rows.get_one(JobKind, "demo.enable")
    assert (row.max_running, row.max_per_worker, row.rate_count, row.rate_seconds) == (2, None, 10, 60)
    assert page.wrong == []


def test_the_page_without_the_broker_says_that_nothing_is_lost(console, rows: Session) -> None:
    viewer = person(rows, Role.VIEWER)
    enabling(rows, make_user(rows))
    enabling(rows, make_user(rows))
    rows.commit()
    page = console.open(viewer, "/queues")
    page.get_by_text("Nothing is lost: 2 rows queued in the database; workers check every 5 s").wait_for()


def test_a_schedule_is_added_run_paused_resumed_and_removed(console, rows: Session) -> None:
    admin = person(rows, Role.ADMIN)
    rows.commit()
    page = console.open(admin, "/schedules", timezone_id="Europe/Berlin")
    page.get_by_text("No schedules yet").wait_for()
    page.get_by_role("button", name="Add schedule").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("nightly")
    dialog.get_by_label("Cron", exact=True).fill("0 0 31 2 *")
    dialog.get_by_text("is not a valid cron expression, or never due").wait_for()
    dialog.get_by_label("Cron", exact=True).fill("30 2 * * 1-5")
    dialog.get_by_text("At 02:30, Monday through Friday").wait_for()
    eventually(lambda: dialog.locator(".preview time-text").count() == 3)
    dialog.get_by_role("button", name="Add schedule").click()
    toast(page, "nightly added.")

    line = page.locator('[data-schedule="nightly"]')
    for shown in ("Delete old jobs", "At 02:30, Monday through Friday", "30 2 * * 1-5", "in Europe/Berlin"):
        line.get_by_text(shown).first.wait_for()
    following = line.locator(".next time-text").first
    eventually(lambda: re.fullmatch(r"in \d+ (s|min|h|days), .*\b02:30", following.inner_text()))
    line.get_by_role("button", name="Run now").click()
    toast(page, "nightly requested.")
    schedule = rows.exec(select(Schedule)).one()
    assert rows.exec(select(BackgroundJob.kind).where(BackgroundJob.schedule_id == schedule.id)).all() == [
        "maintenance.delete_old_jobs"
    ]

    line.get_by_role("button", name="Pause").click()
    dialog.get_by_label("Reason").fill("holiday")
    dialog.get_by_role("button", name="Pause").click()
    line.get_by_text("none while paused").wait_for()
    line.get_by_text("holiday").wait_for()
    line.get_by_role("button", name="Resume").click()
    line.get_by_text("active").wait_for()
    line.get_by_role("button", name="Remove").click()
    dialog.get_by_label("Reason").fill("not needed any more")
    dialog.get_by_role("button", name="Remove").click()
    page.get_by_text("No schedules yet").wait_for()
    rows.expire_all()
    assert rows.exec(select(Schedule)).first() is None
    assert page.wrong == []


def test_an_operation_is_scheduled_for_a_user_by_their_address_with_its_own_form(console, rows: Session) -> None:
    admin, ana = person(rows, Role.ADMIN), make_user(rows, email="ana@example.com")
    rows.commit()
    page = console.open(admin, "/schedules")
    page.get_by_role("button", name="Add schedule").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("trade fair")
    dialog.get_by_label("Job", exact=True).click()
    page.get_by_role("option", name="Enable demo mode").click()
    dialog.get_by_label("Preset").wait_for()
    dialog.get_by_label("e-mail").fill("nobody@example.com")
    dialog.get_by_text("nobody@example.com").wait_for()
    dialog.get_by_role("button", name="Add schedule").click()
    dialog.get_by_role("alert").filter(has_text="Enter the e-mail address").wait_for()
    dialog.get_by_label("e-mail").fill("ANA@example.com")
    dialog.get_by_text("User found.").wait_for()
    dialog.get_by_role("button", name="Add schedule").click()
    page.locator('[data-schedule="trade fair"]').get_by_role("link", name="ana@example.com").wait_for()
    schedule = rows.exec(select(Schedule)).one()
    assert (schedule.target_id, schedule.args) == (ana.id, {"preset": "mid_tier"})


def test_the_last_runs_are_shown_with_the_job_or_the_reason(console, rows: Session) -> None:
    viewer, ana = person(rows, Role.VIEWER), make_user(rows)
    job = enabling(rows, ana)
    schedule = Schedule(name="nightly", kind="demo.enable", target_id=ana.id, cron="0 3 * * *")
    rows.add(schedule)
    rows.flush()
    outcomes = [("fired", job.id, None), ("missed", None, "7 ticks passed"), ("refused", None, "cannot start from")]
    for days, (outcome, job_id, detail) in enumerate(outcomes):
        due = datetime.now(UTC) - timedelta(days=days)
        rows.add(ScheduleTick(schedule_id=schedule.id, due_at=due, outcome=outcome, job_id=job_id, detail=detail))
    rows.commit()
    page = console.open(viewer, "/schedules")
    line = page.locator('[data-schedule="nightly"]')
    for shown in ("fired", "missed", "7 ticks passed", "refused", "cannot start from"):
        line.get_by_text(shown).first.wait_for()
    line.get_by_role("link", name="job").click()
    page.wait_for_url(f"**/jobs/{job.id}")


@pytest.mark.parametrize("path", mostly_slow(["/queues", "/schedules"], fast=1))
def test_support_sees_everything_and_reads_why_the_buttons_are_not_for_them(console, rows: Session, path: str) -> None:
    support = person(rows, Role.SUPPORT)
    rows.add(Schedule(name="nightly", kind="maintenance.expire_sessions", cron="0 3 * * *"))
    rows.commit()
    page = console.open(support, path)
    pause = page.get_by_role("button", name="Pause").first
    pause.wait_for()
    buttons = page.locator("#main").get_by_role("button").all()
    assert buttons
    for each in buttons:
        assert each.get_attribute("aria-disabled") == "true"
        assert "needs the role admin; you are support" in each.get_attribute("aria-description")
    pause.hover()
    bubble = page.locator(".q-tooltip").filter(has_text="needs the role admin")
    bubble.wait_for()
    row = pause.locator("xpath=ancestor::*[self::tr or contains(@class, 'schedule')][1]")

    def is_in_its_row() -> bool:
        """Point at the button again: a banner that has come meanwhile has moved it."""
        pause.hover()
        return lies_within(bubble.bounding_box(timeout=1_000), row.bounding_box())

    eventually(is_in_its_row)
    pause.dispatch_event("click")
    toast(page, "needs the role admin")
    assert page.get_by_role("dialog").count() == 0


def test_the_mark_in_the_navigation_follows_to_the_new_pages(console, rows: Session) -> None:
    viewer = person(rows, Role.VIEWER)
    rows.commit()
    page = console.open(viewer, "/workers")
    marked = page.locator("nav a[aria-current=page]")
    marked.filter(has_text="Workers").wait_for()
    for key, name in (("q", "Queues"), ("s", "Schedules"), ("w", "Workers")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        marked.filter(has_text=name).wait_for()
        page.get_by_role("heading", name=name, level=1).wait_for()
        eventually(lambda: marked.count() == 1)
