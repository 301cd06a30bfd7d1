"""The page of the audit log, in a browser."""

import os
from pathlib import Path

import pytest
from sqlmodel import Session, col, select

from core.actor import Actor
from core.audit.record import record
from core.commands.gateway import CommandRequest, perform
from core.models import Event, Queue, Role, User
from tests.factories import ADMIN, SUPPORT, make_user
from tests.waiting import eventually

HOSTILE = "<img src=x onerror=\"console.error('executed')\">"


@pytest.fixture
def admin(rows: Session) -> User:
    """Return an admin, in whose log are some entries by them."""
    user = make_user(rows, role=Role.ADMIN, email=f"ada.{os.urandom(3).hex()}@unstuck.example")
    ana = make_user(rows)
    me = Actor(user.id, user.email, Role.ADMIN, "console")
    limits = {"max_running": None, "rate_count": 5}
    record(rows, me, "queue.paused", reason="deploying", name="demo", was="active", now="paused")
    record(rows, me, "operator.role_changed", user_id=ana.id, reason=HOSTILE, was="viewer", now="support")
    record(rows, me, "kind.limited", name=HOSTILE, was=limits, now={"max_running": 3, "rate_count": None})
    record(rows, SUPPORT, "job.requested", user_id=ana.id, kind="demo.enable", was="disabled", now="enabling")
    rows.commit()
    return user


def test_an_admin_reads_each_change_with_its_person_and_the_value_before(console, admin: User) -> None:
    page = console.open(admin, "/")
    page.get_by_role("link", name="Audit").click()
    log = page.get_by_role("region", name="Audit log")
    log.get_by_text("Role changed").first.wait_for()
    for text in ("viewer", "“deploying”", "max running", HOSTILE):
        eventually(lambda text=text: text in log.inner_text())
    assert page.wrong == []


def test_filters_narrow_the_list_and_the_url_shows_a_colleague_the_same(console, admin: User) -> None:
    page = console.open(admin, f"/audit?who={admin.email}")
    lines = page.get_by_role("region", name="Audit log").get_by_role("listitem")
    lines.nth(2).wait_for()
    page.get_by_label("Reason contains").fill("deploy")
    page.wait_for_url("**q=deploy*")
    lines.nth(1).wait_for(state="detached")
    assert "Queue paused" in lines.inner_text()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Export this list as CSV").click()
    assert len(Path(downloading.value.path()).read_text().splitlines()) == 2
    page.get_by_label("Reason contains").fill("nothing of the kind")
    page.get_by_text("No matching entries").wait_for()
    assert page.wrong == []


def test_older_entries_are_a_page_away(console, rows: Session, admin: User) -> None:
    me = Actor(admin.id, admin.email, Role.ADMIN, "cli")
    for number in range(55):
        record(rows, me, "queue.resumed", name=f"number-{number}", was="paused", now="active")
    rows.commit()
    page = console.open(admin, f"/audit?who={admin.email}&what=queue")
    page.get_by_text("number-54").wait_for()
    page.get_by_role("link", name="Older entries").click()
    page.get_by_text("number-0", exact=True).wait_for()
    page.get_by_role("link", name="Back to the newest").click()
    page.get_by_text("number-54").wait_for()
    assert page.wrong == []


def test_support_neither_sees_the_link_nor_the_page(console, rows: Session) -> None:
    user = make_user(rows, role=Role.SUPPORT)
    rows.commit()
    page = console.open(user, "/")
    page.get_by_role("link", name="Schedules").wait_for()
    assert page.get_by_role("link", name="Audit").count() == 0
    page.goto("/audit")
    page.get_by_text("admin").first.wait_for()
    assert page.get_by_role("region", name="Audit log").count() == 0


def test_an_admin_undoes_an_entry_in_the_log(console, rows: Session, admin: User) -> None:
    pause = CommandRequest(name="queue.pause", args={"name": "demo"}, reason="deploy")
    perform(rows.get_bind(), ADMIN, pause)
    entry = rows.exec(select(Event.id).order_by(col(Event.id).desc())).first()
    page = console.open(admin, "/audit")
    page.get_by_role("button", name=f"Undo #{entry}").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Resume queue").wait_for()
    dialog.get_by_role("button", name="Undo", exact=True).click()
    page.get_by_text("Queue demo runs again.").wait_for()
    page.get_by_role("button", name=f"Undo #{entry}").wait_for(state="detached")
    rows.expire_all()
    assert rows.get_one(Queue, "demo").paused_at is None
