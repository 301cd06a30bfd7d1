"""Pages of long lists stay small, and a row that this release cannot read stands beside the others."""

import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import text
from sqlmodel import Session

from core.job_list.counts import MOST_KINDS
from core.job_list.rows import ATTEMPTS_SHOWN, EVENTS_SHOWN
from core.models import BackgroundJob, Role
from tests import driving
from tests.factories import make_user
from tests.ui.conftest import Console

pytestmark = pytest.mark.browser
#: Rows of another release; its migrations widened the constraints.
ODD = (
    "INSERT INTO schedules (id, name, kind, cron, timezone) VALUES (gen_random_uuid(), 'odd', 'of.another', 'R', 'x')",
    """INSERT INTO schedules (id, name, kind, at, next_due_at, args)
       VALUES (gen_random_uuid(), 'for ever', 'maintenance.delete_old_jobs', 'infinity', 'infinity', '[1]')""",
    """INSERT INTO workers (id, host, pid, threads, queues, heartbeat_at, started_at)
       VALUES (gen_random_uuid(), 'odd', 1, 1, '{}', 'infinity', '-infinity')""",
    """INSERT INTO workers (id, host, pid, threads, queues, heartbeat_at, started_at, lost_at)
       VALUES (gen_random_uuid(), 'gone', 1, 1, '{}', '-infinity', 'infinity', 'infinity')""",
    "INSERT INTO queues (name, paused_at, paused_by) VALUES ('odd', 'infinity', 'odd')",
    """INSERT INTO events (name, user_id, job_id, via, data, at)
       VALUES ('job.noted', :user, :job, 'api', '[1]', 'infinity')""",
    """INSERT INTO job_attempts (job_id, token, attempt, started_at, finished_at)
       VALUES (:job, 99, 1, '-infinity', 'infinity')""",
    "UPDATE background_jobs SET created_at = '-infinity', run_at = 'infinity', result = '[1]' WHERE id = :job",
    "UPDATE users SET created_at = 'infinity' WHERE id = :user",
)


@pytest.mark.slow
def test_a_job_with_thousands_of_attempts_and_events_has_a_small_page(console: Console, rows: Session) -> None:
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    kind = driving.BY_NAME["demo.enable"]
    job = driving.ask(console.engine, kind, driving.prepare(console.engine, kind), {"preset": "nano"})
    rows.connection().execute(
        text("INSERT INTO job_attempts (job_id, token, attempt) SELECT :job, n, n FROM generate_series(1, 2000) n"),
        {"job": job},
    )
    rows.connection().execute(
        text("INSERT INTO events (name, job_id) SELECT 'job.noted', :job FROM generate_series(1, 5000)"), {"job": job}
    )
    rows.commit()
    page = console.open(viewer, f"/jobs/{job}")
    expect(page.locator(".attempt")).to_have_count(ATTEMPTS_SHOWN)
    expect(page.locator(".timeline li")).to_have_count(EVENTS_SHOWN)
    expect(page.locator(".attempt").first).to_contain_text("2000. running")
    page.get_by_label("More attempts").click()
    expect(page.locator(".attempt").first).to_contain_text(f"{2000 - ATTEMPTS_SHOWN}. running")
    expect(page.locator(".attempt")).to_have_count(ATTEMPTS_SHOWN)
    page.get_by_role("button", name="Back to the first").click()
    expect(page.locator(".attempt").first).to_contain_text("2000. running")


def test_the_field_for_a_kind_offers_fifty_and_says_that_there_are_more(console: Console, rows: Session) -> None:
    viewer = make_user(rows, role=Role.VIEWER)
    rows.add_all(BackgroundJob(kind=f"another.{number}") for number in range(MOST_KINDS + 3))
    rows.commit()
    page = console.open(viewer, "/jobs")
    page.get_by_label("Kind", exact=True).click()
    expect(page.get_by_text(re.compile("^[34] more: search for them by name"))).to_be_visible()  # one of another test


@pytest.mark.slow
def test_every_page_shows_unreadable_rows_beside_the_others(console: Console, rows: Session) -> None:
    admin = make_user(rows, role=Role.ADMIN)
    rows.commit()
    kind = driving.BY_NAME["demo.enable"]
    user = driving.prepare(console.engine, kind)
    job = driving.ask(console.engine, kind, user, {"preset": "nano"})
    for statement in ODD:
        values = {name: value for name, value in {"user": user, "job": job}.items() if f":{name}" in statement}
        rows.connection().execute(text(statement), values)
    rows.commit()
    page = console.open(admin, "/schedules")
    expect(page.locator("[data-schedule=odd]")).to_contain_text("cannot be loaded on this host")
    expect(page.locator("[data-schedule='for ever']")).to_contain_text("unreadable")
    for path, sign in {
        "/workers": "odd:1",
        "/queues": "odd",
        f"/jobs/{job}": "99",
        f"/users/{user}": "History",
        "/users": "shown",
        "/audit": "Newest first",
        "/operators": admin.email,
        "/": "Overview",
        "/jobs": "Jobs",
    }.items():
        page.goto(path)
        expect(page.locator("main, [role=main], .screen").first).to_contain_text(sign)
        expect(page.get_by_text("Something unexpected")).to_have_count(0)
