"""Parts that belong to no page: the palette, incidents, secrets, and the end of watching."""

import logging
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlmodel import Session, select

from core.bus import Changes
from core.jobs.request import request
from core.models import BackgroundJob, DemoModeStatus, Event, JobStatus, Queue, Role, User, Worker
from core.operations import demo
from core.operations.demo import EnableForm
from core.redact import HIDDEN, redacted
from tests.factories import SUPPORT, make_user
from tests.loops import in_a_loop
from tests.waiting import eventually
from ui import error_page, live
from ui.components.base.palette import Palette
from ui.components.base.palette_entry import Entry
from ui.refreshes import Watcher

browser = pytest.mark.browser


def failed(session: Session, user: User) -> BackgroundJob:
    job = request(session, demo.enable, user.id, EnableForm(), SUPPORT)
    job.status, job.finished_at, user.demo_mode_status = JobStatus.FAILED, datetime.now(UTC), DemoModeStatus.FAILED
    return job


def person(console, rows: Session, role: Role, path: str = "/workers") -> object:
    user = make_user(rows, role=role)
    rows.commit()
    page = console.open(user, path)
    page.locator("h1").first.wait_for(state="attached")
    return page


def ask_palette(page: object, text: str) -> None:
    """Open it and type at once, as people do: the field may not be there yet."""
    page.keyboard.press("Control+k")
    page.keyboard.type(text)


@browser
def test_the_palette_goes_to_pages_and_users_by_keyboard_alone(console, rows: Session) -> None:
    ana = make_user(rows, email="ana.palette@example.com")
    page = person(console, rows, Role.SUPPORT)
    ask_palette(page, "sched")
    page.get_by_role("option", name="Schedules").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/schedules")

    ask_palette(page, "ANA.PAL")
    page.get_by_role("option", name="ana.palette@example.com").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/users/{ana.id}")

    failed(rows, bea := make_user(rows, email="bea.palette@example.com"))
    rows.commit()
    ask_palette(page, "bea.pal")
    page.get_by_role("option", name="bea.palette@example.com").first.get_by_text("no error was recorded").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/users/{bea.id}")

    ask_palette(page, "queues")
    page.keyboard.press("Enter")
    page.wait_for_url("**/queues")

    ask_palette(page, "")
    page.wait_for_function("document.activeElement.matches('.palette input') && !document.activeElement.value")
    page.get_by_role("option", name="Jobs").wait_for()
    page.keyboard.press("ArrowDown")
    page.locator("[role=option][aria-selected=true]").filter(has_text="Jobs").wait_for()
    ask = page.get_by_role("combobox", name="Go to, find or do")
    assert ask.get_attribute("aria-activedescendant") == page.get_by_role("option", name="Jobs").get_attribute("id")
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    assert page.wrong == []


def test_enter_runs_what_its_text_matches_though_other_entries_are_shown_and_earlier_letters_come_later() -> None:
    palette, ran = Palette.__new__(Palette), []
    palette._looks, palette._shown, palette._chosen = 1, "", 0
    palette._entries = [Entry("", "Overview", "go", lambda: None)]

    async def find(query: str) -> list[Entry]:
        palette._looks += 1
        return [Entry("", "Schedules" if query == "sched" else "Users", "go", lambda: None)]

    async def run(entry: Entry) -> None:
        ran.append(entry.label)

    palette._find, palette._run = find, run
    in_a_loop(palette._choose(SimpleNamespace(args="sched")))
    assert ran == ["Schedules"]


def test_what_was_looked_for_on_another_page_is_neither_shown_nor_run() -> None:
    palette = Palette.__new__(Palette)
    shown: list[str] = []
    palette._looks, palette._chosen, palette._lines, palette._offered = 0, 0, [], {}
    palette._field, palette._dialog = SimpleNamespace(value=""), SimpleNamespace(open=lambda: None)
    palette._list = SimpleNamespace(show=lambda entries, key: shown.extend(each.label for each in entries or []))
    palette._mark_chosen = lambda: None
    asked = iter(("of the user of before", "of this page"))

    async def find(_query: str) -> list[Entry]:
        label = next(asked)
        if label == "of the user of before":  # it takes long, and the person goes on meanwhile
            await palette.open()
        return [Entry("", label, "go", lambda: None)]

    palette._find = find
    in_a_loop(palette.open())
    assert shown == [each.label for each in palette._entries] == ["of this page"]


@browser
def test_the_palette_does_by_name_what_a_person_may_do(console, rows: Session) -> None:
    ana = make_user(rows, email="ana.verbs@example.com")
    bea = make_user(rows, email="bea.verbs@example.com")
    job = request(rows, demo.enable, bea.id, EnableForm(), SUPPORT)
    rows.add(Worker(host="mill", pid=7, threads=1, queues=["demo"]))
    page = person(console, rows, Role.ADMIN)
    ask_palette(page, "enable for ana.verbs")
    page.get_by_role("option", name="Enable demo mode for ana.verbs@example.com…").click()
    page.get_by_role("dialog").get_by_role("button", name="Enable demo mode").click()
    page.locator(".q-notification").filter(has_text="Enabling demo mode for ana.verbs@example.com.").wait_for()
    eventually(lambda: rows.refresh(ana) or ana.demo_mode_status is DemoModeStatus.ENABLING)

    ask_palette(page, "cancel bea.verbs")
    page.get_by_role("option", name="Cancel the job of bea.verbs@example.com…").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    eventually(lambda: rows.refresh(job) or job.status is JobStatus.CANCELLED)

    ask_palette(page, "quiet worker mill")
    page.get_by_role("option", name="Quiet worker mill:7…").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    ask_palette(page, str(job.id))
    page.get_by_role("option", name=f"Job {job.id}").first.wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/jobs/{job.id}")
    ask_palette(page, "no credit")
    page.get_by_role("option", name="Search jobs for no credit").click()
    page.wait_for_url("**/jobs?q=no+credit")
    assert page.wrong == []


@browser
def test_the_palette_offers_a_viewer_nothing_that_they_may_not_do(console, rows: Session) -> None:
    make_user(rows, email="ana.seen@example.com")
    page = person(console, rows, Role.VIEWER)
    ask_palette(page, "enable for ana.seen")
    page.get_by_role("option", name="Search jobs for enable for ana.seen").wait_for()
    assert page.get_by_role("option").count() == 2


@pytest.mark.slow
@browser
def test_the_palette_pauses_a_queue_and_asks_why(console, rows: Session) -> None:
    page = person(console, rows, Role.ADMIN)
    ask_palette(page, "pause demo")
    page.get_by_role("option", name="Pause queue demo…").click()
    page.get_by_role("dialog", name="Pause the queue demo?").get_by_label("Reason").fill("deploying")
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    page.locator(".q-notification").filter(has_text="demo paused.").wait_for()
    assert rows.get_one(Queue, "demo").paused_reason == "deploying"


@browser
def test_the_palette_offers_first_what_the_page_is_about_allows_and_finds_errors(console, rows: Session) -> None:
    job = failed(rows, user := make_user(rows, email="eda.subject@example.com"))
    job.error_type, job.error_message, job.error_fingerprint = "Jam", "The till of eda is jammed", "till"
    page = person(console, rows, Role.SUPPORT)
    options = page.get_by_role("option")
    for path in (f"/jobs/{job.id}", f"/jobs?status=failed&job={job.id}"):
        page.goto(path)
        page.locator(".detail-body h1").wait_for()
        ask_palette(page, "")
        options.first.get_by_text("Retry this job…").wait_for()
        page.wait_for_function("document.activeElement.matches('.palette input')")
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="detached")
    page.goto(f"/users/{user.id}")
    page.get_by_role("heading", name="eda.subject@example.com").or_(page.get_by_text(user.email)).first.wait_for()
    ask_palette(page, "this user")
    page.wait_for_function("document.querySelector('.palette input')?.value === 'this user'")
    options.first.get_by_text("Retry the failed job of this user…").wait_for()
    page.get_by_role("combobox", name="Go to, find or do").fill("eda.subject")
    options.first.get_by_text("eda.subject@example.com").wait_for()
    page.get_by_role("combobox", name="Go to, find or do").fill(str(job.id))
    page.get_by_role("option", name=f"Retry job {job.id}…").wait_for()
    page.get_by_role("combobox", name="Go to, find or do").fill("jammed till")
    page.locator('[data-entry="The till of eda is jammed"]').click()
    page.wait_for_url("**/failures/till")


@browser
def test_the_palette_offers_only_permitted_commands(console, rows: Session) -> None:
    failed(rows, make_user(rows, email="vic.palette@example.com"))
    page = person(console, rows, Role.VIEWER)
    ask_palette(page, "vic.palette")
    page.get_by_role("option", name="vic.palette@example.com").wait_for()
    eventually(lambda: page.get_by_role("option").count() == 3)
    page.get_by_role("combobox", name="Go to, find or do").fill("pause")
    page.get_by_role("option", name="Search jobs for pause").wait_for()
    eventually(lambda: page.get_by_role("option").count() == 2)


@browser
@pytest.mark.slow
def test_the_palette_retries_the_failed_job_of_a_user(console, rows: Session) -> None:
    job = failed(rows, make_user(rows, email="rob.palette@example.com"))
    page = person(console, rows, Role.SUPPORT)
    ask_palette(page, "retry failed of rob.palette")
    page.get_by_role("option", name="Retry failed of rob.palette@example.com…").wait_for()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Retry").click()
    page.locator(".q-notification").filter(has_text="Retrying for rob.palette@example.com.").wait_for()
    assert rows.exec(select(BackgroundJob).where(BackgroundJob.retry_of == job.id)).one()


@browser
def test_staff_find_the_way_back_from_a_creators_pages_and_creators_see_none(console, rows: Session) -> None:
    page = person(console, rows, Role.SUPPORT, "/settings/demo-mode")
    page.get_by_role("link", name="Console").click()
    page.get_by_role("heading", name="Overview").wait_for()
    page = person(console, rows, Role.MEMBER, "/dashboard")
    assert page.get_by_role("link", name="Console").count() == 0


@browser
def test_secrets_among_the_arguments_are_not_shown(console, rows: Session) -> None:
    job = failed(rows, make_user(rows))
    job.args = {"preset": "nano", "nested": [{"apiKey": "hush-hush"}], "Authorization": "Bearer hush"}
    page = person(console, rows, Role.VIEWER, f"/jobs/{job.id}")
    page.get_by_text('"preset": "nano"').wait_for()
    page.get_by_text(HIDDEN).first.wait_for()
    assert "hush" not in page.content()


def test_an_admin_reveals_hidden_values_and_that_is_recorded(console, rows: Session) -> None:
    job = failed(rows, make_user(rows))
    job.args = {"preset": "nano", "apiKey": "hush-hush"}
    page = person(console, rows, Role.VIEWER, f"/jobs/{job.id}")
    page.get_by_text('"preset": "nano"').wait_for()
    assert page.get_by_role("button", name="Reveal").count() == 0
    page = person(console, rows, Role.ADMIN, f"/jobs/{job.id}")
    page.get_by_role("button", name="Reveal").click()
    page.get_by_role("dialog").get_by_role("textbox").fill("the customer's key is asked for")
    page.get_by_role("dialog").get_by_role("button", name="Reveal").click()
    page.get_by_text("hush-hush").wait_for()
    rows.rollback()
    event = rows.exec(select(Event).where(Event.name == "job.args_revealed", Event.job_id == job.id)).one()
    assert event.reason == "the customer's key is asked for"
    assert "hush" not in str(event.data)


@pytest.mark.parametrize("key", ["token", "ACCESS_TOKEN", "clientSecret", "password", "api_key", "authorization"])
def test_the_value_of_a_secret_key_is_hidden_at_any_depth(key: str) -> None:
    assert redacted({"a": [{key: ["x"]}], "b": 1}) == {"a": [{key: HIDDEN}], "b": 1}
    assert redacted({key: None}) == {key: None}, "that there is nothing is no secret"


def test_an_error_is_one_incident_however_many_places_meet_it(caplog: pytest.LogCaptureFixture) -> None:
    error, other = ValueError("boom"), ValueError("boom")
    with caplog.at_level(logging.ERROR):
        first = error_page.incident(error)
        assert error_page.incident(error) == first
        assert error_page.incident(other) != first
    assert len(caplog.records) == 2


class Gone:
    """Stands for the part of a page that a watcher belongs to, and for its page."""

    def __init__(self) -> None:
        self.is_deleted = False
        self.has_socket_connection = False


def test_watching_ends_on_demand_and_when_its_part_of_the_page_is_gone() -> None:
    hub, page, part = live.Hub(), Gone(), Gone()
    stop = hub.watch(Watcher(page, lambda: None, None, None, None), hub._watchers)
    hub.watch(Watcher(page, lambda: None, None, None, part), hub._watchers)
    hub.watch(Watcher(page, lambda: None, None, None, None), hub._status_watchers)
    stop()
    assert len(hub._watchers) == 1
    part.is_deleted = True
    hub._forget_gone()
    assert (len(hub._watchers), len(hub._status_watchers)) == (0, 1)
    page.is_deleted = True
    hub._forget_gone()
    assert len(hub._status_watchers) == 0


@browser
def test_shortcuts_work_on_a_cyrillic_layout(console, rows: Session) -> None:
    page = person(console, rows, Role.VIEWER)
    for key, code in (("п", "KeyG"), ("о", "KeyJ")):
        page.evaluate(
            "([key, code]) => document.body.dispatchEvent(new KeyboardEvent('keydown', {key, code, bubbles: true}))",
            [key, code],
        )
    page.wait_for_url("**/jobs")


@browser
def test_ages_go_by_the_servers_clock_and_no_translation_stops_them(console, rows: Session) -> None:
    rows.add(Worker(host="mill", pid=1, threads=2, queues=["demo"]))
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.open(viewer, "/healthz")
    page.add_init_script("const now = Date.now; Date.now = () => now() + 3 * 3600 * 1000")
    page.goto("/workers")
    age = page.locator("main time-text").first
    eventually(lambda: age.text_content().endswith((" s ago", "just now")))
    assert age.get_attribute("translate") == "no"
    assert page.locator("footer").get_attribute("translate") == "no"
    page.close()  # the script stays with the tab


@browser
def test_an_age_has_its_exact_time_for_who_points_at_it(console, rows: Session) -> None:
    rows.add(Worker(host="mill", pid=1, threads=2, queues=["demo"]))
    page = person(console, rows, Role.VIEWER, "/workers")
    age = page.locator("main time-text").first
    age.hover()
    assert re.fullmatch(r"today at \d\d:\d\d:\d\d", age.get_attribute("title") or "")


@browser
def test_a_search_keeps_the_kinds_that_the_url_names(console, rows: Session) -> None:
    page = person(console, rows, Role.VIEWER, "/jobs?kind=demo.enable,demo.disable")
    page.get_by_role("button", name="Remove filter kind").wait_for()
    page.get_by_label("Search jobs").fill("nothing like this")
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs?q=*nothing*")
    assert "demo.enable" in page.url
    assert "demo.disable" in page.url


@pytest.mark.parametrize("number", [1, live.MOST_ROWS + 1, live.MOST_CHANGED + 1])
def test_grids_get_every_changed_row_or_load_all_of_theirs(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    sent: list[dict[str, Any]] = []

    async def load(_: object, ids: list[UUID]) -> list[str]:
        return [str(job) for job in ids]

    async def emit(_: str, delta: dict[str, Any], **__: object) -> None:
        sent.append(delta)

    monkeypatch.setattr(live.access, "load", load)
    monkeypatch.setattr(live.core.sio, "emit", emit)
    jobs = {uuid4() for _ in range(number)}
    in_a_loop(live._send_rows(Changes(jobs=jobs)))
    rows = [row for delta in sent for row in delta["rows"]]
    assert sorted(rows) == sorted(map(str, jobs)) or sent == [{"rows": [], "reload": True}]
    assert max(len(delta["rows"]) for delta in sent) <= live.MOST_ROWS


def test_every_watcher_is_concerned_when_everything_may_have_changed() -> None:
    watcher = Watcher(Gone(), lambda: None, uuid4(), None, None)
    assert not watcher.concerns(Changes(jobs={uuid4()}))
    assert watcher.concerns(Changes(everything=True))


@browser
def test_an_incident_stands_on_every_page_until_it_is_over(console, rows: Session) -> None:
    page = person(console, rows, Role.VIEWER)
    strip = page.get_by_role("status", name="Incidents")
    rows.add(BackgroundJob(kind="demo.enable", queue="which-no-worker-serves"))
    rows.commit()
    strip.get_by_text("No worker serves the queue which-no-worker-serves · 1 job waits").wait_for()
    page.set_viewport_size({"width": 390, "height": 844})
    is_whole = "each => each.scrollWidth <= each.clientWidth"
    assert strip.locator(".incident span").filter(has_text="which-no").evaluate(is_whole), (
        "on a phone, too, it says how many jobs wait"
    )
    worker = Worker(host="w", pid=1, threads=1, queues=["which-no-worker-serves"], heartbeat_at=datetime.now(UTC))
    rows.add(worker)
    rows.commit()
    strip.get_by_text("No worker serves the queue which-no-worker-serves").wait_for(state="detached")


@browser
def test_the_list_of_jobs_says_in_its_address_what_it_shows_and_back_goes_one_step_back(
    console: Any, rows: Session
) -> None:
    user = make_user(rows, email="nadia@example.com")
    rows.add(
        BackgroundJob(kind="demo.enable", queue="demo", user_id=user.id, status="failed", finished_at=datetime.now(UTC))
    )
    rows.commit()
    page = person(console, rows, Role.VIEWER, f"/jobs?user={user.id}&job={uuid4()}")
    page.get_by_label("Remove filter user").get_by_text("user: nadia@example.com").wait_for()
    page.get_by_label("Job", exact=True).get_by_text("There is no job").first.wait_for()
    page.get_by_role("button", name="Close").click()
    page.wait_for_url(f"**/jobs?q=user:{user.id}")
    page.get_by_role("columnheader", name="Requested").click()
    page.wait_for_url("**&sort=created_at")

    search = page.get_by_label("Search jobs")
    search.fill("status:cancelled")
    page.get_by_role("button", name="Filter by status:cancelled").wait_for()
    assert page.locator(".jg-row").count() == 1, "it is not searched as text"
    search.press("Escape")
    assert search.evaluate("field => field !== document.activeElement")
    page.get_by_role("button", name="Filter by status:cancelled").click()
    page.wait_for_url("**status:cancelled**")
    assert search.input_value() == ""
    page.get_by_text("No job matches these filters").wait_for()

    page.go_back()
    page.wait_for_url(f"**/jobs?q=user:{user.id}&sort=created_at")
    page.locator(".jg-row").first.wait_for()
    assert page.get_by_role("columnheader", name="Requested").get_attribute("aria-sort") == "ascending"
    page.reload()
    page.locator(".jg-row").first.wait_for()
    assert page.get_by_role("columnheader", name="Requested").get_attribute("aria-sort") == "ascending"
    page.go_back()
    page.wait_for_url(f"**/jobs?q=user:{user.id}")
    assert page.wrong == []


@browser
@pytest.mark.slow
@browser
def test_on_a_phone_a_page_scrolls_between_the_bars_and_never_the_window(console: Any, rows: Session) -> None:
    rows.add(Worker(host="w", pid=1, threads=8, queues=["demo"], heartbeat_at=datetime.now(UTC) + timedelta(hours=1)))
    page = person(console, rows, Role.ADMIN, "/")
    page.set_viewport_size({"width": 390, "height": 600})
    for path, there in (("/", ".squares"), ("/workers", "h1"), ("/queues", "h1"), ("/failures", "h1"), ("/bulk", "h1")):
        page.goto(path)
        page.locator(there).first.wait_for(state="attached")
        page.wait_for_function("document.documentElement.scrollHeight <= innerHeight")


def test_the_toolbar_of_jobs_stays_where_it_is_at_every_width_with_new_jobs(console: Any, rows: Session) -> None:
    page = person(console, rows, Role.ADMIN, "/jobs")
    page.locator(".jg-title").first.wait_for()
    look = """(news) => {
        const [bar, foot] = [document.querySelector(".toolbar"), document.querySelector(".foot")]
        const button = [...bar.querySelectorAll(".btn")].find((each) => each.ariaLive)
        button.classList.toggle("hidden", !news)
        button.querySelector(".q-btn__content").lastChild.textContent = news
        const overflows = [document.documentElement, bar, foot].some((each) => each.scrollWidth > each.clientWidth)
        const left = [...bar.querySelectorAll(".field, .states")].map((each) => each.getBoundingClientRect().x)
        return { overflows, left, height: bar.offsetHeight }
    }"""
    for width in (720, 1024, 1280, 1440, 2560):  # 720: 1440 at 200 %
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function("(width) => innerWidth === width", arg=width)
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        quiet, news, many = (page.evaluate(look, text) for text in ("", "31 new", "10,000 new"))
        assert quiet == news == many, width
        assert not quiet["overflows"], width
    page.get_by_role("button", name="Columns").click()
    box, label = (page.locator(f".columns-menu .q-checkbox__{part}").first for part in ("inner", "label"))
    assert abs(box.bounding_box()["y"] - label.bounding_box()["y"]) < 5
    assert label.bounding_box()["x"] >= box.bounding_box()["x"] + box.bounding_box()["width"]
