"""The alerts in a browser: what is wrong, who is told, and the snooze with its reason."""

import re
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlmodel import Session, select

from core import clock
from core.models import Alert, AlertSnooze, Event, Role
from tests.factories import make_user

pytestmark = pytest.mark.browser

HOSTILE = '<img src="https://elsewhere.example/x.png" onerror=alert(1)> of demo.enable'


def add(rows: Session, **values: object) -> Alert:
    now = clock.now()
    made = Alert(
        **{
            "rule": "new_error",
            "subject": uuid4().hex,
            "sentence": "New error",
            "href": "/jobs",
            "since": now,
            "raised_at": now,
            **values,
        }
    )
    rows.add(made)
    rows.commit()
    return made


def test_support_reads_an_alert_snoozes_it_with_a_reason_and_ends_the_snooze(console, rows: Session) -> None:
    sam = make_user(rows, role=Role.SUPPORT, name="Sam")
    add(rows, sentence=HOSTILE, told_at=clock.now())
    add(
        rows,
        rule="long_pause",
        subject="queue demo",
        sentence="The queue demo was paused",
        over_at=clock.now(),
        missing_since=clock.now(),
    )
    add(rows, rule="long_wait", sentence="Too young to be shown", raised_at=None)
    page = console.open(sam, "/alerts")
    row = page.locator('[data-alert="new_error"]')
    row.get_by_role("link", name=HOSTILE).wait_for()
    page.get_by_text("Nobody is told by message").wait_for()
    page.get_by_label("Alerts that are over").get_by_text("The queue demo was paused").wait_for()
    assert page.get_by_text("Too young to be shown").count() == 0
    row.get_by_role("button", name="Snooze").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Snooze").click()
    dialog.get_by_text(re.compile("reason", re.IGNORECASE)).first.wait_for()
    dialog.get_by_label("Reason").fill("we know")
    dialog.get_by_role("button", name="Snooze").click()
    row.get_by_text("we know").wait_for()
    row.get_by_role("button", name="End snooze").click()
    row.get_by_role("button", name="Snooze: New error").wait_for()
    rows.expire_all()
    assert rows.exec(select(AlertSnooze)).all() == []
    names = [event.name for event in rows.exec(select(Event).order_by(Event.id))]  # type: ignore[arg-type]
    assert names[-2:] == ["alert.snoozed", "alert.woken"]


def test_a_viewer_reads_alerts_and_is_told_who_may_snooze(console, rows: Session) -> None:
    viewer = make_user(rows, role=Role.VIEWER)
    add(rows)
    page = console.open(viewer, "/alerts")
    button = page.locator('[data-alert="new_error"]').get_by_role("button", name="Snooze").first
    button.wait_for()
    assert button.get_attribute("aria-disabled") == "true"


def test_nothing_wrong_is_said(console, rows: Session) -> None:
    viewer = make_user(rows, role=Role.VIEWER)
    rows.connection().execute(text("DELETE FROM alerts"))
    rows.commit()
    page = console.open(viewer, "/alerts")
    page.get_by_text("No alerts").wait_for()
    assert not page.get_by_label("Alerts that are over").is_visible()
