"""After a change that can be taken back, the message offers Undo; it does what Undo in the audit log does."""

import pytest
from sqlmodel import Session, col, select

from core.models import Event, JobKind, Queue, Role, User
from tests.factories import make_user

pytestmark = pytest.mark.browser


def signed(rows: Session, role: Role) -> User:
    person = make_user(rows, role=role)
    rows.commit()
    return person


def line_of(page, table: str, name: str):
    return page.get_by_label(table, exact=True).locator("tr").filter(has_text=name).first


def last(rows: Session) -> Event:
    rows.rollback()
    return rows.exec(select(Event).where(col(Event.via) == "console").order_by(col(Event.id).desc())).first()


def test_undo_takes_a_pause_back_and_the_page_shows_it(console, rows: Session) -> None:
    page = console.open(signed(rows, Role.ADMIN), "/queues")
    queue = line_of(page, "Queues", "connections")
    queue.get_by_role("button", name="Pause").click()
    page.get_by_label("Reason").fill("a deploy")
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    page.get_by_text("connections paused.").wait_for()
    paused = last(rows).id
    page.locator(".q-notification").get_by_role("button", name="Undo").wait_for()
    page.keyboard.press("z")
    page.get_by_text("Queue connections runs again.").wait_for()
    queue.get_by_role("button", name="Pause").wait_for()
    assert rows.get_one(Queue, "connections").paused_at is None
    assert (last(rows).name, last(rows).reason) == (
        "queue.resumed",
        f"entry {paused} of the audit log was undone: right after it was done",
    )
    assert not page.locator(".q-notification").get_by_role("button", name="Undo").count()
    assert not page.wrong


def test_the_key_of_undo_takes_back_the_newest_change(console, rows: Session) -> None:
    page = console.open(signed(rows, Role.ADMIN), "/queues")
    for name in ("connections", "messages"):
        line_of(page, "Queues", name).get_by_role("button", name="Pause").click()
        page.get_by_label("Reason").fill("a deploy")
        page.get_by_role("dialog").get_by_role("button", name="Pause").click()
        page.get_by_text(f"{name} paused.").wait_for()
        page.get_by_role("dialog").wait_for(state="detached")
    page.keyboard.press("z")
    page.get_by_text("Queue messages runs again.").wait_for()
    rows.rollback()
    paused = {name: rows.get_one(Queue, name).paused_at is not None for name in ("connections", "messages")}
    assert paused == {"connections": True, "messages": False}
    page.locator(".q-notification").get_by_role("button", name="Undo", exact=True).click()
    page.get_by_text("Queue connections runs again.").wait_for()


def test_undo_of_what_was_changed_since_says_so_and_changes_nothing(console, rows: Session) -> None:
    page = console.open(signed(rows, Role.ADMIN), "/queues")
    line_of(page, "Kinds", "demo.enable").get_by_role("button", name="Limits").click()
    page.get_by_label("Running at once, in total").fill("3")
    page.get_by_role("button", name="Save limits").click()
    undo = page.locator(".q-notification").get_by_role("button", name="Undo")
    undo.wait_for()
    row = rows.get_one(JobKind, "demo.enable")
    row.max_running = 7
    rows.commit()
    undo.click()
    page.get_by_text("cannot be undone: it is no longer as this entry has left it").wait_for()
    rows.rollback()
    assert rows.get_one(JobKind, "demo.enable").max_running == 7


def test_an_entry_that_this_page_has_not_offered_is_not_taken_back(console, rows: Session) -> None:
    admin = signed(rows, Role.ADMIN)
    other, page = console.open(admin, "/queues"), console.open(admin, "/queues")
    line_of(other, "Queues", "demo").get_by_role("button", name="Pause").click()
    other.get_by_label("Reason").fill("a deploy")
    other.get_by_role("dialog").get_by_role("button", name="Pause").click()
    other.get_by_text("demo paused.").wait_for()
    paused = last(rows).id
    for forged in (str(paused), f"'{paused}'", f"[{paused}]", "null"):
        page.evaluate(f"emitEvent('undo_entry', {forged})")
    line_of(page, "Queues", "messages").get_by_role("button", name="Pause").click()
    page.get_by_role("dialog").wait_for()  # what came before it was answered
    assert last(rows).id == paused
    assert not page.wrong


def test_a_message_about_a_job_leads_to_it(console, rows: Session) -> None:
    creator = make_user(rows)
    page = console.open(signed(rows, Role.SUPPORT), f"/users/{creator.id}")
    page.get_by_role("button", name="Enable").first.click()
    dialog = page.get_by_role("dialog")
    if dialog.count():
        dialog.get_by_role("button", name="Enable").click()
    page.locator(".q-notification").get_by_role("button", name="View job").click()
    page.wait_for_url("**/jobs/*")
    assert not page.wrong
