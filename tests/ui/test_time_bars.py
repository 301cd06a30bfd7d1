"""Bars over time in the browser: what is dragged, or chosen by keys, opens exactly its jobs."""

import json
import random
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import text
from sqlmodel import Session

from core.database.engine import session_scope
from core.job_list.filters import JobFilter
from core.job_list.queries import page as job_page
from core.models import BackgroundJob, JobStatus, Role, User
from tests.analytics.ended_jobs import add_jobs, db_now, ended_between, roll_up
from tests.browsing import SHIFTED
from tests.factories import make_user
from tests.ui.test_accessible import lasting

COUNTED = "JSON.parse(document.querySelector('.time-bars').dataset.bars).counts.flat().reduce((a, b) => a + b)"
LOCAL = "([at, zone]) => new Date(at).toLocaleTimeString('en-GB', {timeZone: zone, timeStyle: 'short'})"


@pytest.fixture(scope="module")
def ended(emptied) -> None:
    """Have 150 jobs of the last two days."""
    dice = random.Random(8)
    add_jobs(emptied.engine, dice, 150, lambda: timedelta(hours=48) * dice.random())
    roll_up(emptied.engine, db_now(emptied.engine) - timedelta(days=3))
    with session_scope(emptied.engine) as session:  # or the console holds what it has read for another module
        session.connection().execute(text("UPDATE background_jobs SET updated_at = statement_timestamp()"))


@pytest.fixture
def viewer(ended: None, rows: Session) -> User:
    person = make_user(rows, role=Role.VIEWER)
    rows.commit()
    return person


def overview(console, viewer: User, **settings: object) -> Page:
    """Return the page once its bars count what there is now; those of another module may be held for seconds."""
    page = console.open(viewer, "/", **settings)
    bars = page.locator(".time-bars")
    bars.locator("svg").wait_for()
    data = data_of(page)
    edges = [data["start"] + place * data["width"] for place in (0, len(data["counts"][0]))]
    start, stop = (datetime.fromtimestamp(edge / 1000, UTC) for edge in edges)
    page.wait_for_function(f"number => {COUNTED} === number", arg=len(ended_between(console.engine, start, stop)))
    return page


def data_of(page: Page) -> dict[str, object]:
    return json.loads(str(page.locator(".time-bars").get_attribute("data-bars")))


def drag(page: Page, first: int, last: int) -> tuple[datetime, datetime, int]:
    """Drag over these bars; return the beginning and the end of that time, and how many jobs the bars count."""
    bars = data_of(page)
    counts, start, width = bars["counts"], bars["start"], bars["width"]
    box = page.locator(".time-bars").bounding_box()
    assert box
    number = len(counts[0])
    first, last = first % number, last % number
    across = [box["x"] + (bar + 0.5) * box["width"] / number for bar in (first, last)]
    page.mouse.move(across[0], box["y"] + 10)
    page.mouse.down()
    page.mouse.move(across[1], box["y"] + 12, steps=4)
    places = min(first, last), max(first, last) + 1
    edges = [datetime.fromtimestamp((start + bar * width) / 1000, UTC) for bar in places]
    return edges[0], edges[1], sum(sum(each[slice(*places)]) for each in counts)


def filter_in(page: Page) -> JobFilter:
    return JobFilter.from_params(parse_qs(urlsplit(page.url).query))


@pytest.mark.browser
@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/New_York"])
def test_a_dragged_range_of_overview_opens_its_jobs(console, viewer: User, rows: Session, zone: str) -> None:
    page = overview(console, viewer, timezone_id=zone, locale="en-GB")
    start, stop, total = drag(page, -3, -20)
    said = page.locator(".time-bars").get_attribute("data-said")
    assert said == page.locator(".time-bars").get_attribute("aria-valuetext")
    assert page.evaluate(LOCAL, [start.timestamp() * 1000, zone]) in said
    assert re.match(r"(today|\w{3},? \d+ \w{3}) at \d\d:\d\d to ", said), "as every other exact time"
    assert sum(int(number) for number in re.findall(r"(\d+) (?:succeeded|failed|cancelled)", said)) == total > 0
    page.mouse.up()
    page.wait_for_url("**/jobs?*")
    opened = filter_in(page)
    assert (opened.finished_after, opened.finished_before) == (start, stop)
    assert job_page(rows, opened, limit=1).total.value == total
    page.go_back()
    page.locator(".time-bars svg").wait_for()
    page.locator(".axis time-text").first.hover()
    titled = page.locator(".axis time-text[title]")
    titled.wait_for()
    assert re.fullmatch(rf"{titled.inner_text()}:\d\d", titled.get_attribute("title")), "the same, to the second"


@pytest.mark.browser
def test_each_number_of_overview_s_bars_opens_its_jobs(console, viewer: User, rows: Session) -> None:
    page = overview(console, viewer)
    for time in ("1 h", "7 d", "24 h"):
        page.get_by_role("group", name="Time").get_by_role("button", name=time, exact=True).click()
        expect(page.get_by_role("button", name=time, exact=True)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Table").click()
    lines = page.locator("table[aria-label='Finished jobs'] tbody tr")
    lines.first.wait_for()
    assert lines.count() == len(data_of(page)["counts"][0]) == 49
    links = page.locator(".recent td a, .recent .legend a").all()
    assert len(links) > 20
    for link in links:
        wanted = JobFilter.from_params(parse_qs(urlsplit(str(link.get_attribute("href"))).query))
        assert job_page(rows, wanted, limit=1).total.value == int(link.inner_text().replace(",", ""))
    page.get_by_role("button", name="Table").click()
    expect(lines).to_have_count(0)


@pytest.mark.browser
@pytest.mark.parametrize("path", ["/", "/jobs"])
def test_bars_and_their_table_are_accessible(console, viewer: User, path: str) -> None:
    page = console.open(viewer, path)
    page.locator(".time-bars svg").wait_for()
    if path == "/":
        page.get_by_role("button", name="Table").click()
        page.locator("table[aria-label='Finished jobs'] tbody tr").first.wait_for()
    page.evaluate(Axe().axe_script)
    assert lasting(page) == []


@pytest.mark.browser
def test_a_range_is_chosen_by_keys(console, viewer: User, rows: Session) -> None:
    page = overview(console, viewer)
    bars = page.get_by_role("slider", name="Finished jobs over time")
    bars.focus()
    for key in ("ArrowLeft", "ArrowLeft", "Shift+Home"):
        page.keyboard.press(key)
    data = data_of(page)
    total = sum(sum(each[:-2]) for each in data["counts"])
    expect(bars).to_have_attribute("aria-valuenow", "1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs?*")
    assert job_page(rows, filter_in(page), limit=1).total.value == total > 0


@pytest.mark.browser
def test_bars_are_there_after_the_first_paint_and_move_nothing(console, viewer: User) -> None:
    page = console.signed_in(viewer)
    for path in ("/", "/jobs"):
        page.goto(path)
        page.evaluate(SHIFTED)
        page.locator(".time-bars svg").wait_for()
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))")
        assert page.evaluate("window.shifted") == [], path


@pytest.mark.browser
def test_a_range_dragged_above_the_list_is_a_filter_of_it(console, viewer: User, rows: Session) -> None:
    page = console.open(viewer, "/jobs?kind=demo.enable")
    page.locator(".time-bars svg").wait_for()
    start, stop, total = drag(page, 3, -4)
    page.mouse.up()
    page.wait_for_url("**created:*")
    narrowed = filter_in(page)
    assert (narrowed.created_after, narrowed.created_before, narrowed.kind) == (start, stop, {"demo.enable"})
    assert job_page(rows, narrowed, limit=1).total.value == total > 0
    expect(page.get_by_role("button", name="Remove filter created_after")).to_be_visible()
    page.wait_for_function(f"total => {COUNTED} === total", arg=total)
    page.go_back()
    page.wait_for_url(lambda url: "created:" not in url)


@pytest.mark.browser
def test_the_list_s_bars_follow_its_filter_and_new_jobs(console, viewer: User, rows: Session) -> None:
    page = console.open(viewer, "/jobs")
    page.locator(".time-bars svg").wait_for()
    page.wait_for_function(f"() => {COUNTED} === 150")
    page.get_by_role("button", name=re.compile("^failed")).click()
    page.wait_for_function("() => document.querySelector('.time-bars').dataset.bars.includes('[\"failed\"]')")
    assert sum(map(sum, data_of(page)["counts"])) == job_page(rows, filter_in(page), limit=1).total.value
    rows.add(BackgroundJob(kind="demo.enable", status=JobStatus.FAILED, created_at=db_now(console.engine)))
    before = sum(map(sum, data_of(page)["counts"]))
    rows.commit()
    page.wait_for_function(f"before => {COUNTED} > before", arg=before)
    page.get_by_label("Search jobs").or_(page.locator(".search input")).first.fill("kind:nothing")
    page.keyboard.press("Enter")
    expect(page.locator(".time-bars")).to_be_hidden()


@pytest.mark.browser
def test_a_phone_has_no_bars_above_the_list(console, viewer: User) -> None:
    page = console.open(viewer, "/jobs", {"width": 390, "height": 844})
    page.locator(".jg-cell").first.wait_for()
    expect(page.locator(".histogram")).to_be_hidden()
