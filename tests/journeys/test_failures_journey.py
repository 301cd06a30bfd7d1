"""A service breaks for several users, and support deals with it: from Overview to telling those who have recovered."""

from typing import Any

from sqlmodel import Session, col, select

from core.models import DemoModeStatus, JobStatus, Notification
from core.operations import demo
from tests import driving
from tests.demo.fake_service import status, well
from tests.factories import make_user
from tests.journeys.conftest import Program
from tests.journeys.test_support import last_job, state_of
from tests.waiting import eventually

USERS, MOST_PRESSES = 31, 10


class Presses:
    """Presses what a person presses, and counts."""

    def __init__(self, page: Any) -> None:
        self.page, self.number = page, 0

    def __call__(self, role: str, name: str, within: Any = None, *, exact: bool = False) -> None:
        (within or self.page).get_by_role(role, name=name, exact=exact).first.click()
        self.number += 1


def hit_users(program: Program) -> list[Any]:
    """Let the service fail for several users, until each job has given up."""
    with Session(program.engine, expire_on_commit=False) as session:
        users = [make_user(session, name=f"Hit {number}") for number in range(USERS)]
        session.commit()
    with program.demo_service(status(503)):
        for user in users:
            driving.ask(program.engine, demo.enable, user.id, {"preset": "nano"})
        for user in users:
            eventually(lambda user=user: last_job(program, user).status is JobStatus.FAILED, within=60)
    return users


def test_a_broken_service_is_dealt_with_in_ten_presses(program: Program) -> None:
    users = hit_users(program)
    message = str(last_job(program, users[0]).error_message).partition("\n")[0]
    page = program.person()
    press = Presses(page)
    with program.demo_service(well):
        page.goto("/")
        press("link", message[:40], page.locator(".rows.failures"))
        page.get_by_text(f"{USERS} unhandled of any time").wait_for()
        press("button", "Retry one, then the rest …")
        rest = f"Once its job has succeeded, the other {USERS - 1} jobs follow by themselves."
        page.get_by_text(rest).wait_for()
        press("button", "Start …")
        press("button", "Start", page.get_by_role("dialog"), exact=True)
        page.get_by_text(f"All {USERS} requested").wait_for(timeout=60_000)
        for user in users:
            eventually(lambda user=user: state_of(program, user) == DemoModeStatus.ENABLED, within=60)
    page.go_back()
    press.number += 1
    page.get_by_text(f"{USERS} recovered").wait_for()
    press("button", "Tell the users …")
    dialog = page.get_by_role("dialog")
    dialog.get_by_text(f"{USERS} messages").wait_for()
    dialog.get_by_text("Hello Hit ").first.wait_for()
    press("button", "Send", dialog)
    page.get_by_text(f"{USERS} messages. The outbox has what was written.").wait_for()
    assert press.number <= MOST_PRESSES
    with Session(program.engine) as session:
        ids = [user.id for user in users]
        told = session.exec(select(Notification).where(col(Notification.user_id).in_(ids))).all()
    troubles = {each.user_id: each.data for each in told if each.template == "trouble"}
    assert troubles.keys() == set(ids)
    assert troubles[ids[0]]["text"].startswith("Hello Hit 0,\n\nsomething that you started did not work at first.")
