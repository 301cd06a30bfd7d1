"""A dialog is sent by keyboard; what it refuses is said at the field at fault, which has the focus."""

import pytest
from sqlmodel import Session

from core.models import Queue, Role, User
from tests.factories import make_user
from tests.ui.test_undo_toast import line_of, signed

pytestmark = pytest.mark.browser


def pausing(console, rows: Session):
    page = console.open(signed(rows, Role.ADMIN), "/queues")
    line_of(page, "Queues", "messages").get_by_role("button", name="Pause").click()
    page.get_by_role("dialog").wait_for()
    return page, page.get_by_role("dialog").get_by_label("Reason")


def see_fault(page, field) -> None:
    field.and_(page.locator("[aria-invalid=true]")).wait_for()
    told = page.locator(f"#{field.get_attribute('aria-describedby')}")
    assert told.get_attribute("role") == "alert"
    assert told.inner_text()
    field.and_(page.locator(":focus")).wait_for()


def test_a_needed_reason_is_marked_and_its_lack_is_said_at_its_field(console, rows: Session) -> None:
    page, reason = pausing(console, rows)
    assert reason.get_attribute("aria-required") == "true"
    page.get_by_role("dialog").get_by_text("Reason (required").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    see_fault(page, reason)


def test_a_dialog_is_sent_from_a_text_area_and_its_enter_is_a_new_line(console, rows: Session) -> None:
    page, reason = pausing(console, rows)
    reason.press_sequentially("a deploy")
    page.keyboard.press("Enter")
    reason.press_sequentially("of today")
    page.keyboard.press("Control+Enter")
    page.get_by_role("dialog").wait_for(state="detached")
    page.get_by_text("messages is paused").or_(page.get_by_text("messages paused")).first.wait_for()
    rows.rollback()
    assert rows.get_one(Queue, "messages").paused_reason == "a deploy\nof today"


def test_enter_sends_a_form_and_leads_to_the_field_that_does_not_fit(console, rows: Session) -> None:
    page = console.open(signed(rows, Role.ADMIN), "/operators")
    page.get_by_role("button", name="Add operator").click()
    email = page.get_by_role("dialog").get_by_label("E-mail address")
    assert email.get_attribute("aria-required") == "true"
    email.press_sequentially("nobody")
    page.get_by_role("dialog").get_by_label("Name").press("Enter")
    see_fault(page, email)
    email.press_sequentially("@example.com")
    page.keyboard.press("Enter")
    page.get_by_text("Sign-in link for nobody@example.com").wait_for()
    assert not page.wrong


def test_a_reason_that_only_the_server_asks_for_has_the_focus_too(console, rows: Session) -> None:
    other = make_user(rows, role=Role.SUPPORT, email="other@example.com", name="Other")
    rows.commit()
    page = console.open(signed(rows, Role.ADMIN), "/operators")
    page.locator("tr, .row-line").filter(has_text=other.email).get_by_role("button", name="Change role").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Change role").click()
    see_fault(page, page.get_by_role("dialog").get_by_label("Reason"))
    assert rows.get_one(User, other.id).role is Role.SUPPORT


def test_a_dialog_that_is_left_gives_the_focus_back(console, rows: Session) -> None:
    page = console.open(signed(rows, Role.ADMIN), "/queues")
    pause = line_of(page, "Queues", "connections").get_by_role("button", name="Pause")
    for leave in ("Escape", "Go back"):
        pause.focus()
        page.keyboard.press("Enter")
        page.get_by_role("dialog").get_by_label("Reason").and_(page.locator(":focus")).wait_for()
        if leave == "Escape":
            page.keyboard.press("Escape")
        else:
            page.get_by_role("dialog").get_by_role("button", name=leave).click()
        page.get_by_role("dialog").wait_for(state="detached")
        pause.and_(page.locator(":focus")).wait_for()
