"""A support person at work: finds the customer, sees why they are stuck, presses the one safe button."""

import re

import pytest
from sqlmodel import Session, col, func, select

from core.models import BackgroundJob, Interaction, User
from tests import driving
from tests.demo.fake_service import FakeService
from tests.driving import picture
from tests.journeys.conftest import Program, hurry
from tests.waiting import eventually

MID_TIER = 2_000


def user_called(program: Program, state: str, skip: int = 0) -> User:
    with Session(program.engine) as session:
        users = select(User).where(User.demo_mode_status == state, User.role == "member").order_by(User.email)
        return session.exec(users.offset(skip)).first()


def demo_rows(program: Program, user: User) -> int:
    with Session(program.engine) as session:
        rows = select(func.count()).select_from(Interaction)
        return session.exec(rows.where(Interaction.user_id == user.id, col(Interaction.is_demo))).one()


def last_job(program: Program, user: User) -> BackgroundJob:
    with Session(program.engine) as session:
        newest = select(BackgroundJob).where(BackgroundJob.user_id == user.id)
        return session.exec(newest.order_by(col(BackgroundJob.created_at).desc())).first()


def state_of(program: Program, user: User) -> str:
    return picture(program.engine, user.id)["state"]


def test_support_signs_in_finds_a_customer_enables_watches_closes_and_comes_back(
    program: Program, service: FakeService
) -> None:
    page = program.person()
    user = user_called(program, "disabled")
    page.goto("/users")
    page.get_by_placeholder("E-mail, name or id", exact=True).fill(user.email[:12])
    page.get_by_text(user.email).first.click()
    page.get_by_role("button", name="Enable demo mode").click()
    page.get_by_text("Enabling demo mode").first.wait_for()
    eventually(lambda: re.search(r"[\d,]+ of 2,000", page.inner_text("body")), within=15)
    address, browser = page.url, page.context
    page.close()
    again = browser.new_page()
    again.goto(address)
    again.get_by_text("Enabling demo mode").first.wait_for()
    hurry(service)
    again.get_by_text("Demo mode active").or_(again.get_by_text("demo mode is enabled")).first.wait_for(timeout=60_000)
    assert (state_of(program, user), demo_rows(program, user)) == ("enabled", MID_TIER)


def test_progress_moves_in_the_grid_without_reload_and_the_row_ends_as_cancelled(
    program: Program, service: FakeService
) -> None:
    jobs = program.person()
    user = user_called(program, "disabled", skip=3)
    jobs.goto("/jobs")
    jobs.locator(".jg-row").first.wait_for()
    page = jobs.context.new_page()
    page.goto(f"/users/{user.id}")
    page.get_by_role("button", name="Enable demo mode").click()
    jobs.get_by_role("button", name=re.compile("new")).click()
    row = jobs.locator(".jg-row", has_text=user.email).first
    row.get_by_text("running").wait_for()
    first = eventually(lambda: row.inner_text() if "%" in row.inner_text() else "", within=10)
    eventually(lambda: row.inner_text() != first, within=10)
    row.click()
    jobs.keyboard.press("c")
    jobs.get_by_role("dialog").get_by_role("button", name=re.compile("^Cancel")).last.click()
    row.get_by_text("cancelled").wait_for(timeout=20_000)
    eventually(lambda: state_of(program, user) == "disabled")
    assert demo_rows(program, user) == 0


@pytest.mark.slow
def test_a_killed_worker_changes_nothing_for_the_customer(program: Program, service: FakeService) -> None:
    page = program.person()
    user = user_called(program, "disabled", skip=6)
    page.goto(f"/users/{user.id}")
    page.get_by_role("button", name="Enable demo mode").click()
    eventually(lambda: re.search(r"[\d,]+ of 2,000", page.inner_text("body")), within=15)
    program.kill_worker()
    hurry(service)
    page.get_by_text("demo mode is enabled").first.wait_for(timeout=80_000)
    assert demo_rows(program, user) == MID_TIER
    assert last_job(program, user).token == 2


@pytest.mark.slow
def test_a_double_click_starts_one_job(program: Program, service: FakeService) -> None:
    page = program.person()
    user = user_called(program, "disabled", skip=9)
    page.goto(f"/users/{user.id}")
    page.get_by_role("button", name="Enable demo mode").dblclick()
    page.get_by_text("Enabling demo mode").first.wait_for()
    with Session(program.engine) as session:
        rows = select(func.count()).select_from(BackgroundJob).where(BackgroundJob.user_id == user.id)
        live = session.exec(rows.where(col(BackgroundJob.finished_at).is_(None))).one()
    assert live <= 1
    driving.ask_to_cancel(program.engine, last_job(program, user).id)
    eventually(lambda: state_of(program, user) == "disabled", within=60)


@pytest.mark.slow
def test_a_failed_customer_is_explained_and_dismissed(program: Program) -> None:
    page = program.person()
    user = user_called(program, "failed")
    page.goto(f"/users/{user.id}")
    page.get_by_text(re.compile("failed .* ago")).first.wait_for()
    page.get_by_role("button", name="Dismiss").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Dismiss").click()
    eventually(lambda: state_of(program, user) == "disabled", within=20)
    page.get_by_text("demo mode is disabled").first.wait_for()
