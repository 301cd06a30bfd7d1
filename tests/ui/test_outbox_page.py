"""The outbox in a browser; writing to a user; the tick and the switch by which creators ask to be told."""

import re

import pytest
from playwright.sync_api import expect
from sqlmodel import Session, select

from core.actor import ENGINE
from core.messages.control import AnswerForm, tell
from core.messages.outbox import Message, put
from core.messages.preferences import PreferenceForm, preferences_of, set_preference
from core.models import BackgroundJob, Notification, NotificationStatus, Role, User
from tests.factories import SUPPORT, make_user
from tests.messages.sending import READY
from tests.waiting import eventually

pytestmark = pytest.mark.browser

HOSTILE = '</p><script>document.title="owned"</script><img src="https://elsewhere.example/x.png" onerror=alert(1)>'


@pytest.fixture
def sam(rows: Session) -> User:
    made = make_user(rows, role=Role.SUPPORT, name="Sam")
    rows.commit()
    return made


@pytest.fixture
def ana(rows: Session) -> User:
    made = make_user(rows)
    rows.commit()
    return made


def message(rows: Session, user: User, **values: object) -> Notification:
    made = rows.get_one(Notification, put(rows, Message(template="demo_ready", user_id=user.id, data=READY)))
    made.sqlmodel_update(values)
    rows.add(made)
    rows.commit()
    return made


def line(page: object, shown: Notification) -> object:
    return page.locator(f'[data-message="{shown.id}"]')


def test_support_reads_previews_drops_and_sends_again(console, rows: Session, sam: User, ana: User) -> None:
    failed = message(rows, ana, status="failed", error="mail.example.com:25 refused the address: 550.")
    waiting = message(rows, ana)
    page = console.open(sam, "/outbox")
    page.get_by_text("No way out is set").first.wait_for()
    assert "refused the address" in line(page, failed).inner_text()
    line(page, waiting).get_by_role("button", name="Preview").click()
    mail = page.get_by_role("dialog", name="Preview of the message").frame_locator("iframe")
    mail.get_by_role("heading", name="Your demo mode is ready").wait_for()
    page.get_by_role("button", name="Close").click()
    line(page, waiting).get_by_role("button", name="Drop").click()
    page.get_by_role("dialog").get_by_role("button", name="Drop").click()
    line(page, waiting).get_by_text(re.compile("Dropped by")).wait_for()
    line(page, failed).get_by_role("button", name="Resend").click()
    page.locator(".q-notification").filter(has_text="It waits: no mail server is set.").wait_for()
    eventually(lambda: rows.refresh(failed) or failed.status is NotificationStatus.WAITING)


def test_the_filter_is_in_the_address(console, rows: Session, sam: User, ana: User) -> None:
    sent = message(rows, ana, status="sent")
    waiting = message(rows, ana)
    page = console.open(sam, "/outbox?status=sent")
    line(page, sent).wait_for()
    assert line(page, waiting).count() == 0
    page.get_by_role("button", name=re.compile("^sent")).click()
    line(page, waiting).wait_for()
    assert page.url.endswith("/outbox")
    page.get_by_role("button", name=re.compile("^waiting")).click()
    page.wait_for_url("**/outbox?status=waiting")
    line(page, sent).wait_for(state="detached")
    page.goto("/outbox?status=nonsense")
    page.get_by_text("Unknown status in the URL").wait_for()


def test_a_message_runs_and_loads_nothing_in_its_preview(console, rows: Session, sam: User, ana: User) -> None:
    tell(rows, ana.id, AnswerForm(title=HOSTILE[:150], text=HOSTILE), SUPPORT, None)
    rows.commit()
    page = console.open(sam, f"/outbox?user={ana.id}")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("button", name="Preview").click()
    frame = page.get_by_role("dialog").locator("iframe")
    frame.wait_for()
    assert frame.get_attribute("sandbox") == ""
    page.frame_locator("iframe").get_by_text("document.title").first.wait_for()
    assert page.title() != "owned"
    assert not [url for url in asked if "elsewhere" in url]


def test_support_writes_to_a_user_from_their_page(console, rows: Session, sam: User, ana: User) -> None:
    page = console.open(sam, f"/users/{ana.id}")
    page.get_by_role("button", name="Write to user").click()
    dialog = page.get_by_role("dialog", name="Write to user")
    assert dialog.get_by_label("Text").input_value() == "Demo mode is off."
    dialog.get_by_text("It waits: no mail server is set.").wait_for()
    dialog.get_by_label("Text").fill("All is well again.")
    dialog.get_by_role("button", name="Send").click()
    told = "It waits: no mail server is set. The outbox has it."
    page.locator(".q-notification").filter(has_text=told).wait_for()
    written = eventually(lambda: rows.exec(select(Notification).where(Notification.user_id == ana.id)).first())
    assert (written.data["text"], written.data["by"], written.requested_by) == ("All is well again.", "Sam", sam.id)
    page.get_by_role("link", name="Messages to this user").click()
    line(page, written).wait_for()


def test_a_creator_asks_to_be_told(console, rows: Session, ana: User) -> None:
    page = console.open(ana, "/settings/demo-mode")
    page.get_by_role("checkbox", name="E-mail me when it is ready").click()
    page.get_by_role("button", name="Enable demo mode").click()
    job = eventually(lambda: rows.exec(select(BackgroundJob).where(BackgroundJob.user_id == ana.id)).first())
    assert job.args == {"preset": "mid_tier", "email_when_ready": True}


def test_a_creator_chooses_to_be_told_each_time(console, rows: Session, ana: User) -> None:
    page = console.open(ana, "/settings")
    switch = page.get_by_role("switch", name=re.compile("E-mail me when something"))
    switch.click()
    eventually(lambda: rows.rollback() or preferences_of(rows, ana.id).email_when_done)
    switch.click()
    eventually(lambda: rows.rollback() or not preferences_of(rows, ana.id).email_when_done)
    assert preferences_of(rows, ana.id).email_when_needed, "a no to one topic is none to the other"
    warnings = page.get_by_role("switch", name=re.compile("E-mail me when a connection"))
    warnings.click()
    eventually(lambda: rows.rollback() or not preferences_of(rows, ana.id).email_when_needed)
    set_preference(rows, ana.id, PreferenceForm(email_when_needed=True), ENGINE, None)
    rows.commit()
    expect(warnings).to_be_checked(timeout=20_000)  # an open page follows what is chosen elsewhere
