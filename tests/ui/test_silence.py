"""A page that hears nothing from its server says so within seconds, and takes no presses without a connection."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlmodel import Session, select

from core.models import DemoModeStatus, Role, User
from tests.factories import make_user
from tests.repeats import mostly_slow

pytestmark = pytest.mark.browser

SILENCE = "#silence"


@contextmanager
def frozen(console: Any) -> Iterator[None]:
    """Stop the console's process until the block ends."""
    os.kill(console.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(console.pid, signal.SIGCONT)


@pytest.mark.parametrize(("role", "path"), mostly_slow([(Role.ADMIN, "/"), (Role.MEMBER, "/dashboard")], fast=1))
def test_a_page_of_a_frozen_console_says_how_long_it_has_heard_nothing(
    console: Any, rows: Session, role: Role, path: str
) -> None:
    person = make_user(rows, role=role)
    rows.commit()
    page = console.open(person, path)
    page.locator("html[data-server=live]").wait_for(state="attached")
    with frozen(console):
        page.locator(SILENCE, has_text="No data for").wait_for()
        assert page.get_by_text("live", exact=True).is_hidden()
        old = page.locator("main.main, main.page, .side .count, .incidents").all()
        assert all("grayscale" in each.evaluate("each => getComputedStyle(each).filter") for each in old)
    page.locator(SILENCE).wait_for(state="hidden")


def test_a_page_without_a_connection_takes_no_presses_and_goes_on_when_it_is_back(console: Any, rows: Session) -> None:
    admin, ana = make_user(rows, role=Role.ADMIN), make_user(rows)
    rows.commit()
    page = console.open(admin, f"/users/{ana.id}")
    page.locator("html[data-server=live]").wait_for(state="attached")
    # By polling, it would close only once the server has taken what is still to be sent.
    page.wait_for_function("window.socket.io.engine.transport.name === 'websocket'")
    with frozen(console):
        page.evaluate("window.socket.io.engine.close()")
        page.locator(SILENCE, has_text="Connection lost").wait_for()
        page.get_by_role("button", name="Enable demo mode").click()
    page.locator(SILENCE).wait_for(state="hidden")
    page.locator("html[data-server=live]").wait_for(state="attached")
    state = select(User.demo_mode_status).where(User.id == ana.id)
    assert rows.exec(state).one() == DemoModeStatus.DISABLED, "the press was not kept and sent later"
    page.get_by_role("button", name="Enable demo mode").click()
    page.get_by_label("Diagnosis").get_by_text("Enabling demo mode").first.wait_for()
