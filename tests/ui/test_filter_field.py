"""The search above the jobs takes a filter as text: completed by keyboard, applied by Enter, refused in place."""

import re
from typing import Any
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from sqlmodel import Session

from core.models import BackgroundJob, Role
from tests.factories import make_user
from tests.waiting import eventually

pytestmark = pytest.mark.browser


@pytest.fixture
def queue() -> str:
    """Return the name of a queue that no other test has jobs in."""
    return f"typed-{uuid4().hex}"


@pytest.fixture
def page(console: Any, rows: Session, queue: str) -> Any:
    viewer = make_user(rows, role=Role.VIEWER)
    for status in ("failed", "succeeded", "failed"):
        rows.add(BackgroundJob(kind="demo.enable", queue=queue, status=status))
    rows.commit()
    page = console.open(viewer, f"/jobs?queue={queue}")
    page.locator(".jg-row").first.wait_for()
    return page


def number_of_rows(page: Any) -> int:
    return int(page.locator(".jg-row").count())


def test_a_filter_is_completed_and_applied_by_keyboard(page: Any) -> None:
    search = page.get_by_label("Search jobs")
    search.press_sequentially("statu")
    page.get_by_role("option", name="status: failed,queued").wait_for()
    serious = [each for each in Axe().run(page).response["violations"] if each["impact"] in ("serious", "critical")]
    assert serious == []
    assert number_of_rows(page) == 3, "the beginning of a filter is not searched"
    search.press("ArrowDown")
    page.locator("[role=option][aria-selected=true]").filter(has_text="status:").wait_for()
    search.press("Enter")
    eventually(lambda: search.input_value() == "status:")
    page.get_by_role("option", name=re.compile("^failed 2")).wait_for()
    search.press_sequentially("fa")
    page.get_by_role("option", name="succeeded").wait_for(state="detached")
    search.press("ArrowDown")
    page.locator("[role=option][aria-selected=true]").filter(has_text="failed").wait_for()
    search.press("Enter")
    page.wait_for_url("**/jobs?q=status:failed+queue:*")
    eventually(lambda: number_of_rows(page) == 2)
    eventually(lambda: search.input_value() == "")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Search jobs"


def test_escape_closes_the_completions_first_and_a_press_takes_one(page: Any) -> None:
    search = page.get_by_label("Search jobs")
    search.press_sequentially("kind:demo")
    page.get_by_role("option", name=re.compile("^demo.enable")).wait_for()
    search.press("Escape")
    page.get_by_role("option").first.wait_for(state="hidden")
    assert search.evaluate("field => field === document.activeElement")
    search.press_sequentially(".")
    page.get_by_role("option", name=re.compile("^demo.enable")).click()
    page.wait_for_url("**/jobs?q=*kind:demo.enable*")
    eventually(lambda: search.input_value() == "")
    search.press_sequentially("-status:succeeded took:<1h")
    search.press("Enter")
    page.wait_for_url("**/jobs?q=*kind:demo.enable*took:*")
    page.get_by_label("Remove filter took").click()
    page.get_by_label("Remove filter took").wait_for(state="detached")


def test_what_is_no_filter_is_refused_in_place_and_never_searched(page: Any) -> None:
    search = page.get_by_label("Search jobs")
    search.press_sequentially("kined:demo.enable ana")
    search.press("Enter")
    page.get_by_role("alert").get_by_text("kined is not a filter; did you mean kind? (at character 1)").wait_for()
    assert search.get_attribute("aria-invalid") == "true"
    assert "q=" not in page.url
    page.goto("/jobs?q=statsu:failed")
    page.get_by_role("alert").get_by_text("did you mean status?").wait_for()
    assert search.input_value() == "statsu:failed"


@pytest.mark.parametrize(
    "address", ["/jobs?q=statsu:failed", "/jobs?status=fialed", "/jobs?status=failed&q=status:queued"]
)
def test_while_a_filter_is_refused_no_job_is_shown_counted_or_acted_on(page: Any, address: str) -> None:
    page.goto(address)
    page.get_by_text("Correct the filter to see jobs").wait_for()
    page.wait_for_load_state("networkidle")
    assert page.get_by_role("grid").count() == 0, "nor is any read out"
    for selector in (".jg-row", ".time-bars", ".states .n", ".others .length"):
        assert not page.locator(selector).first.is_visible()
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.get_by_role("button", name="Export").click()
    page.get_by_text("Export as CSV").click()
    page.locator(".toast-bad").wait_for()
    assert not page.locator(".selection").is_visible()
    assert [each for each in Axe().run(page).response["violations"] if each["impact"] in ("serious", "critical")] == []
    page.get_by_role("button", name="Show all jobs").click()
    page.get_by_role("grid").wait_for()
    page.locator(".jg-row").first.wait_for()


def test_a_filter_that_is_being_written_leaves_the_list_as_it_is_until_enter(page: Any) -> None:
    search = page.get_by_label("Search jobs")
    search.press_sequentially("took:")
    page.get_by_role("option", name=">10s").wait_for()
    search.press_sequentially(">3")
    page.get_by_role("option").first.wait_for(state="detached")
    assert number_of_rows(page) == 3
    assert page.get_by_role("alert").count() == 0
    search.press("Enter")
    page.get_by_role("alert").get_by_text("took").wait_for()
    page.locator(".jg-row").first.wait_for(state="hidden")


def test_a_parameter_that_is_given_twice_means_both(page: Any) -> None:
    page.goto(f"{page.url}&status=failed&status=succeeded")
    page.get_by_text("3 jobs").wait_for()


def test_a_refused_filter_shows_jobs_again_once_it_is_mended(page: Any) -> None:
    search = page.get_by_label("Search jobs")
    search.fill("kined:demo.enable")
    search.press("Enter")
    page.locator(".jg-row").first.wait_for(state="hidden")
    search.fill("kind:demo.enable")
    search.press("Enter")
    page.locator(".jg-row").first.wait_for()
    page.get_by_text("3 jobs").wait_for()
    assert not page.get_by_text("Correct the filter").is_visible()


def test_what_is_wrong_and_tokens_of_a_filter_move_no_row(page: Any) -> None:
    view, search = page.locator(".jg-view"), page.get_by_label("Search jobs")
    place = view.bounding_box()
    page.get_by_label("Remove filter queue").click()
    page.get_by_label("Remove filter queue").wait_for(state="detached")
    assert view.bounding_box() == place
    search.fill("kined:demo.enable")
    search.press("Enter")
    page.get_by_role("alert").wait_for()
    assert view.bounding_box() == place
    search.fill("took:<1h attempt:>0 created:<1h")
    search.press("Enter")
    page.get_by_label("Remove filter took").wait_for()
    assert view.bounding_box() == place


def test_a_filter_in_the_address_is_applied_and_its_words_stay_in_the_search(page: Any) -> None:
    page.goto("/jobs?q=status:failed+nobody@")
    page.get_by_text("No job matches these filters").wait_for()
    assert page.get_by_label("Search jobs").input_value() == "nobody@"
    assert page.get_by_role("button", name="failed").get_attribute("aria-pressed") == "true"


def test_an_empty_search_offers_filters_and_views_and_escape_leaves_it(page: Any) -> None:
    page.wait_for_load_state("networkidle")
    assert page.get_by_role("option").count() == 0, "the rows of a page that opens are not covered"
    search = page.get_by_label("Search jobs")
    page.keyboard.press("/")
    page.get_by_role("option", name="created:").filter(has_text="today").wait_for()
    page.get_by_role("group", name="Views").get_by_role("option", name="Tried again").wait_for()
    assert search.get_attribute("aria-expanded") == "true"
    serious = [each for each in Axe().run(page).response["violations"] if each["impact"] in ("serious", "critical")]
    assert serious == []
    search.press("Escape")
    page.get_by_role("option").first.wait_for(state="hidden")
    assert not search.evaluate("field => field === document.activeElement")
    search.focus()
    page.get_by_role("option", name="status: failed,queued").wait_for()
    search.press("ArrowDown")
    page.locator("[role=option][aria-selected=true]").filter(has_text="status:").wait_for()
    search.press("Enter")
    eventually(lambda: search.input_value() == "status:")
    page.get_by_role("option", name=re.compile("^failed")).wait_for()


def test_a_view_is_opened_from_an_empty_search_by_keyboard(page: Any) -> None:
    search = page.get_by_label("Search jobs")
    search.click()
    page.get_by_role("option", name="Tried again").wait_for()
    search.press("ArrowUp")
    page.locator("[role=option][aria-selected=true]").filter(has_text="Tried again").wait_for()
    search.press("Enter")
    page.wait_for_url("**/jobs?q=attempt*")


def test_a_filter_in_the_address_that_was_none_leaves_it_when_the_search_is_emptied(page: Any) -> None:
    page.goto("/jobs?q=status:foo")
    search = page.get_by_label("Search jobs")
    page.get_by_text("Correct the filter to see jobs").wait_for()
    search.fill("")
    search.press("Enter")
    page.locator(".jg-row").first.wait_for()
    page.wait_for_url("**/jobs")


def test_the_users_page_says_that_a_reason_needs_its_situation(console: Any, rows: Session) -> None:
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.open(viewer, "/users?because=demo")
    alert = page.get_by_role("alert").get_by_text("A reason (because) needs the situation")
    alert.wait_for()
    page.get_by_role("button", name="failed").click()
    page.wait_for_url("**/users?situation=failed")
    alert.wait_for(state="hidden")
