"""The boxes of a user's page: what is in them stays in them, and columns of their lists are aligned."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session

from core.jobs.request import request
from core.models import (
    BackgroundJob,
    ConnectionStatus,
    DemoModeStatus,
    Event,
    Interaction,
    JobStatus,
    PlatformConnection,
    Role,
)
from core.operations import demo
from core.operations.demo import EnableForm
from tests.factories import SUPPORT, make_user
from ui import design

pytestmark = pytest.mark.browser

_LEFT_EDGES = "rows => rows.map(row => [...row.children].map(cell => Math.round(cell.getBoundingClientRect().left)))"
_RIGHT = "element => element.getBoundingClientRect().right"


def test_cancel_of_a_planned_job_stays_within_its_box_on_a_phone(console: Any, rows: Session) -> None:
    support, user = make_user(rows, role=Role.SUPPORT), make_user(rows)
    job = request(rows, demo.enable, user.id, EnableForm(preset="nano"), SUPPORT)
    job.run_at = datetime.now(UTC) + timedelta(days=1)
    rows.commit()
    page = console.open(support, f"/users/{user.id}", screen={"width": 390, "height": 844})
    panel = page.locator(".panel").filter(has=page.get_by_role("heading", name="Demo mode"))
    cancel = panel.get_by_role("button", name="Cancel")
    assert cancel.evaluate(_RIGHT) <= panel.evaluate(_RIGHT) - 14


def test_columns_of_a_users_jobs_and_connections_are_aligned(console: Any, rows: Session) -> None:
    support, user = make_user(rows, role=Role.SUPPORT), make_user(rows)
    now = datetime.now(UTC)
    for age, error in ((timedelta(seconds=5), "short"), (timedelta(days=400), "long " * 40), (timedelta(hours=3), "")):
        status = JobStatus.FAILED if error else JobStatus.SUCCEEDED
        job = BackgroundJob(kind="demo.enable", queue="demo", user_id=user.id, status=status, finished_at=now)
        job.created_at, job.error_message, job.error_type = now - age, error or None, "Boom" if error else None
        rows.add(job)
    for platform, days in (("instagram", 1), ("tiktok", 300), ("youtube", None)):
        link = PlatformConnection(user_id=user.id, platform=platform, handle=f"@{platform}")
        link.connection_status, link.is_demo = ConnectionStatus.CONNECTED, days is None
        link.token_expires_at = now + timedelta(days=days) if days else None
        rows.add(link)
    rows.commit()
    page = console.open(support, f"/users/{user.id}")
    for lines in (".rows.jobs > a", ".rows.connections > .row-line"):
        page.locator(lines).first.wait_for()
        first, *others = page.locator(lines).evaluate_all(_LEFT_EDGES)
        assert len(others) >= 2
        assert all(each == first for each in others)


def test_the_number_of_demo_interactions_beside_the_connections_follows(console: Any, rows: Session) -> None:
    support, user = make_user(rows, role=Role.SUPPORT), make_user(rows)
    link = PlatformConnection(user_id=user.id, platform="youtube", is_demo=True)
    link.connection_status = ConnectionStatus.CONNECTED
    rows.add(link)
    rows.commit()
    page = console.open(support, f"/users/{user.id}")
    page.get_by_text("0 demo interactions").wait_for()
    rows.add(Interaction(connection_id=link.id, user_id=user.id, kind="comment", body="Hello", is_demo=True))
    rows.add(BackgroundJob(kind="demo.enable", queue="demo", user_id=user.id))  # the change that the page hears of
    rows.commit()
    page.get_by_text("1 demo interaction", exact=True).wait_for()


def test_one_button_is_primary_and_only_what_is_unhandled_is_red(console: Any, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    well, failed = make_user(rows), make_user(rows, demo_mode_status=DemoModeStatus.FAILED)
    now = datetime.now(UTC)
    ended = {"kind": "demo.enable", "machine": demo.demo_mode.name, "args": {"preset": "nano"}, "finished_at": now}
    for user in (well, failed):
        old = {"created_at": now - timedelta(hours=2), "status": JobStatus.FAILED, "error_message": "no", **ended}
        rows.add(job := BackgroundJob(user_id=user.id, **old))
        rows.flush()
        rows.add(Event(name="job.failed", actor="engine", via="engine", user_id=user.id, job_id=job.id))
    rows.add(BackgroundJob(user_id=well.id, status=JobStatus.SUCCEEDED, **ended))
    rows.commit()
    for user, reds in ((well, 0), (failed, 1)):
        page = console.open(support, f"/users/{user.id}")
        page.locator(".timeline li").first.wait_for()
        assert page.locator(".btn.primary").count() == 1
        assert page.locator(".btn.danger").count() == 0
        assert page.locator(f".timeline li.{design.BAD}").count() == reds
