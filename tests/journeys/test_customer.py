"""A creator on their phone: switches demo mode on and off, while the demo service dies and comes back."""

import re

import pytest

from tests.demo.fake_service import FakeService, well
from tests.driving import own_rows, picture
from tests.journeys.conftest import Program, hurry, slowly
from tests.waiting import eventually


@pytest.mark.slow
def test_a_dead_demo_service_is_reported_and_retry_works_once_it_is_back(program: Program) -> None:
    page, user = program.creator()
    page.goto("/settings/demo-mode")
    page.get_by_text("Nano Creator").click()
    page.get_by_role("button", name="Enable demo mode").click()
    page.get_by_text("Demo mode failed").first.wait_for(timeout=40_000)
    assert "did not answer" in page.inner_text("body")
    assert "Traceback" not in page.inner_text("body")
    assert picture(program.engine, user.id)["interactions"] == []
    with program.demo_service(slowly) as service:
        page.get_by_role("button", name="Retry").click()
        page.get_by_text("Enabling demo mode…").first.wait_for()
        hurry(service)
        page.get_by_text("Demo mode active").first.wait_for(timeout=40_000)
    assert len(picture(program.engine, user.id)["interactions"]) == 60
    page.goto("/dashboard")
    page.get_by_text("Demo mode active").first.wait_for()


def test_a_failure_can_be_dismissed(program: Program) -> None:
    page, user = program.creator()
    page.goto("/settings/demo-mode")
    page.get_by_role("button", name="Enable demo mode").click()
    page.get_by_text("Demo mode failed").first.wait_for(timeout=40_000)
    page.get_by_role("button", name="Dismiss").click()
    page.get_by_role("dialog").get_by_role("button", name="Dismiss").click()
    page.get_by_role("button", name="Enable demo mode").wait_for()
    eventually(lambda: picture(program.engine, user.id)["state"] == "disabled")


def test_cancelling_in_the_middle_leaves_nothing_behind(program: Program, service: FakeService) -> None:
    page, user = program.creator()
    page.goto("/settings/demo-mode")
    page.get_by_role("button", name="Enable demo mode").click()
    eventually(lambda: re.search(r"[\d,]+ of 2,000", page.inner_text("body")), within=20)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Enable demo mode").wait_for(timeout=30_000)
    end = picture(program.engine, user.id)
    assert (end["state"], end["interactions"], end["connections"]) == ("disabled", [], [])


def test_disabling_asks_first_and_reports_what_was_deleted(program: Program) -> None:
    page, user = program.creator()
    page.goto("/settings/demo-mode")
    page.get_by_text("Nano Creator").click()
    with program.demo_service(well):
        page.get_by_role("button", name="Enable demo mode").click()
        page.get_by_text("Demo mode active").first.wait_for(timeout=40_000)
    page.get_by_role("button", name="Disable demo mode").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Disable demo mode").click()
    page.get_by_text(re.compile("60 interactions were deleted")).first.wait_for(timeout=40_000)
    assert own_rows(program.engine, user.id) == (3, 1)
