"""The users of one cause: above their list stand the cause, since when, what helps them all, and what says more."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlmodel import Session

from core.database.window import Window
from core.diagnosis.situation import Situation
from core.jobs.request import request
from core.models import BackgroundJob, DemoModeStatus, JobStatus, Queue, Role, User
from core.operations import demo
from core.operations.demo import EnableForm
from core.people.in_need import need_group
from core.people.user_listing import user_listing
from core.people.users import UserQuery
from tests.factories import SUPPORT, make_user

NOW = datetime.now(UTC)


def fails(session: Session, name: str, error: str, hours: float) -> User:
    user = make_user(session, email=f"{name}@example.com", demo_mode_status=DemoModeStatus.FAILED)
    failed = {"error_type": "X", "error_message": "Rate limit reached for user 7", "error_fingerprint": error}
    failed |= {"kind": "demo.enable", "machine": demo.demo_mode.name, "status": JobStatus.FAILED}
    session.add(BackgroundJob(user_id=user.id, finished_at=NOW - timedelta(hours=hours), **failed))
    session.flush()
    return user


def hold(session: Session) -> User:
    held = make_user(session, email="held@example.com")
    request(session, demo.enable, held.id, EnableForm(), SUPPORT)
    session.merge(Queue(name="demo", paused_at=NOW, paused_by="Ana", paused_reason="deploy"))
    session.flush()
    return held


def test_the_group_of_a_list_has_all_of_its_users_and_since_when_and_who_paused(session: Session) -> None:
    _, last = fails(session, "a", "rate", 30), fails(session, "b", "rate", 2)
    for name in ("c", "d", "e"):
        fails(session, name, "other", 50)
    held = hold(session)
    group = need_group(session, Situation.FAILED, "rate")
    assert group
    assert group.number == 2
    assert (group.latest.id, group.since) == (last.id, NOW - timedelta(hours=30))
    paused = need_group(session, Situation.HELD, "demo")
    assert paused
    assert (paused.latest.id, paused.number, paused.paused_by, paused.paused_reason) == (held.id, 1, "Ana", "deploy")
    assert need_group(session, Situation.STUCK, "rate") is None
    found = user_listing(session, UserQuery("b@", Situation.FAILED, because="rate"))
    assert (len(found.lines), found.group and found.group.number) == (1, 2), "a search narrows the list only"
    assert isinstance(found.lines, Window)
    assert user_listing(session, UserQuery("", Situation.FAILED)).group is None


@pytest.mark.browser
def test_the_users_of_a_cause_are_no_dead_end(console, rows: Session) -> None:
    for table in ("workers", "queues", "background_jobs", "users"):
        rows.connection().execute(text(f"DELETE FROM {table}"))
    for name, hours in (("a", 3), ("b", 60)):
        fails(rows, name, "rate", hours)
    hold(rows)
    admin = make_user(rows, role=Role.ADMIN)
    rows.commit()
    tab = console.open(admin, "/users?situation=failed&because=rate")
    head = tab.locator(".need-head")
    head.get_by_text("2 users failed").wait_for()
    head.get_by_text("Rate limit reached").wait_for()
    assert "longest 2 days ago, latest 3 h ago" in head.inner_text()
    assert "situation" in head.get_by_role("link", name="Its unhandled jobs").get_attribute("href")
    head.get_by_role("link", name="The error").click()
    tab.get_by_text("2 failed jobs in the last 7 days").wait_for()
    tab.goto("/users?situation=failed&because=%00")
    tab.get_by_text("No reason (because) has such characters").wait_for()
    tab.get_by_text("Nobody is failed for this reason any more").wait_for()
    assert not head.is_visible()
    tab.goto("/users?situation=failed&because=rate")
    head.get_by_role("button", name="Retry one").click()
    tab.get_by_text("Start acts on the first job").wait_for()
    tab.goto(f"{console.url}/users?situation=held&because=demo")
    head.get_by_text("The queue demo is paused", exact=True).wait_for()
    assert "by Ana" in head.inner_text()
    assert "deploy" in head.inner_text()
    head.get_by_role("button", name="Resume").click()
    tab.get_by_role("dialog").get_by_role("button", name="Resume").click()
    tab.get_by_text("Nobody is held for this reason any more").wait_for()
    assert not head.is_visible()


@pytest.mark.browser
def test_pages_warn_before_a_retry_that_ends_the_same_way(console, rows: Session) -> None:
    for table in ("workers", "queues", "background_jobs", "users"):
        rows.connection().execute(text(f"DELETE FROM {table}"))
    for name in ("a", "b"):
        fails(rows, name, "final", 1)
    rows.connection().execute(text("UPDATE background_jobs SET error_type = 'GiveUp'"))
    admin = make_user(rows, role=Role.ADMIN)
    rows.commit()
    sentence = "Doing it again ends the same way: it needs an admin."
    tab = console.open(admin, "/")
    tab.locator(".need-group", has_text="2 users failed").get_by_text(sentence).wait_for()
    tab.goto(f"{console.url}/users?situation=failed&because=final")
    tab.locator(".need-head").get_by_text(sentence).wait_for()
    tab.goto(f"{console.url}/failures/final")
    tab.get_by_text(sentence).wait_for()
    assert "primary" not in tab.get_by_role("button", name="Retry one").get_attribute("class")
