"""The creators' pages and the console in a real browser: every state has its text, every action one answer."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, select

from core.jobs.request import JobOptions, request
from core.models import BackgroundJob, DemoModeStatus, Interaction, JobStatus, Role, User, Worker
from core.operation import NoForm
from core.operations import demo
from core.operations.demo import EnableForm
from tests.factories import SUPPORT, make_user
from tests.repeats import mostly_slow
from tests.waiting import eventually

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}


def run(session: Session, user: User, done: int = 1240) -> BackgroundJob:
    """Let the user's enabling be at work, at `done` of 2,000."""
    worker = Worker(host="w", pid=1, threads=1, queues=["demo"], heartbeat_at=datetime.now(UTC) + timedelta(hours=1))
    session.add(worker)
    session.flush()
    job = request(session, demo.enable, user.id, EnableForm(), SUPPORT)
    job.status, job.worker_id, job.token, job.attempt = JobStatus.RUNNING, worker.id, 1, 1
    job.progress_done, job.progress_total, job.progress_message = done, 2000, f"{done:,} of 2,000 interactions"
    job.started_at = datetime.now(UTC)
    return job


def fail(session: Session, user: User, message: str = "The demo service does not answer.") -> BackgroundJob:
    """Let the user's enabling have failed."""
    job = run(session, user)
    job.status, job.error_type, job.error_message = JobStatus.FAILED, "TryAgain", message
    job.finished_at = datetime.now(UTC)
    user.demo_mode_status = DemoModeStatus.FAILED
    return job


def schedule(session: Session, user: User) -> None:
    """Let the user's enabling be planned."""
    later = datetime.now(UTC) + timedelta(hours=3)
    request(session, demo.enable, user.id, EnableForm(), SUPPORT, JobOptions(run_at=later))


def plan_to_disable(session: Session, user: User) -> None:
    """Let demo mode be on, and its end be planned."""
    user.demo_mode_status = DemoModeStatus.ENABLED
    session.flush()
    later = datetime.now(UTC) + timedelta(hours=34)
    request(session, demo.disable, user.id, NoForm(), SUPPORT, JobOptions(run_at=later))


def disable(session: Session, user: User) -> None:
    """Let demo mode be on its way off."""
    user.demo_mode_status = DemoModeStatus.ENABLED
    session.flush()
    request(session, demo.disable, user.id, NoForm(), SUPPORT)


def rest_at(state: DemoModeStatus) -> object:
    """Return a function that puts a user into a state without a job."""
    return lambda session, user: setattr(user, "demo_mode_status", state)


STATES = {
    "disabled": (lambda session, user: None, ["Enable demo mode", "Mid-Tier Creator"], ["Dashboard"]),
    "enabling": (
        run,
        ["Enabling demo mode…", "1,240 of 2,000 interactions", "62 %", "Cancel", "what was generated (1,240"],
        ["Enabling demo mode…", "62 %"],
    ),
    "scheduled": (schedule, ["Enable demo mode", "It is planned to start", "Cancel"], ["Planned for"]),
    "planned to end": (
        plan_to_disable,
        ["Demo mode active", "Disable demo mode", "It is planned to start", "Cancel"],
        ["Demo mode active", "Planned for", "Interactions per day"],
    ),
    "enabled": (
        rest_at(DemoModeStatus.ENABLED),
        ["Demo mode active", "Disable demo mode"],
        ["Demo mode active", "Interactions per day"],
    ),
    "disabling": (disable, ["Disabling demo mode…"], ["Disabling demo mode…"]),
    "stopped": (rest_at(DemoModeStatus.DISABLING), ["has stopped half-way"], ["has stopped half-way"]),
    "failed": (
        fail,
        ["Demo mode failed", "A service that this needs did not answer.", "Retry", "Dismiss"],
        ["Demo mode failed", "Retry or dismiss"],
    ),
}


@pytest.mark.parametrize("state", mostly_slow(STATES, fast=3))
def test_each_state_has_its_text_on_both_pages_of_the_creator(console, rows: Session, state: str) -> None:
    prepare, settings_texts, dashboard_texts = STATES[state]
    user = make_user(rows)
    prepare(rows, user)
    rows.commit()

    page = console.open(user, "/settings/demo-mode")
    for text in settings_texts:
        page.get_by_text(text, exact=False).first.wait_for()
    page.goto("/dashboard")
    for text in dashboard_texts:
        page.get_by_text(text, exact=False).first.wait_for()

    assert page.wrong == []


def test_a_double_click_requests_once_and_the_page_follows_the_job(console, rows: Session) -> None:
    user = make_user(rows)
    rows.commit()
    page = console.open(user, "/settings/demo-mode", screen=PHONE)

    page.get_by_role("radio", name="Nano").click()
    page.get_by_role("button", name="Enable demo mode").dblclick()
    page.get_by_text("Enabling demo mode…").first.wait_for()

    jobs = list(rows.exec(select(BackgroundJob).where(BackgroundJob.user_id == user.id)))
    assert [job.args for job in jobs] == [{"preset": "nano"}]
    assert page.locator(".toast-bad").count() == 0, "the second click was not even sent on"
    page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")  # nothing hangs over on a phone

    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled. Demo mode is off, and no generated data is left.").first.wait_for()
    page.get_by_role("button", name="Enable demo mode").wait_for()


#: The connection comes late, and of what asks every 10 ms whether it is there, the newest is answered first.
LATE = """(() => {
    const real = window.setTimeout, waiting = new Map()
    window.setTimeout = (act, after, ...more) => {
        if (after !== 10) return real(act, after, ...more)
        waiting.set(act, waiting.get(act) ?? waiting.size)
        return real(() => {
            const [newest] = [...waiting].sort((a, b) => b[1] - a[1])[0] ?? []
            if (newest === act) { waiting.delete(act); act() } else window.setTimeout(act, 10)
        }, 10)
    }
    window.WebSocket = class extends WebSocket {
        set onmessage(act) { super.onmessage = (event) => real(act, 400, event) }
    }
})()"""


def test_presses_before_the_connection_arrive_in_their_order(console, rows: Session) -> None:
    user = make_user(rows)
    rows.commit()
    page = console.signed_in(user, locale="en-US")
    page.add_init_script(LATE)
    page.goto("/settings/demo-mode")
    page.get_by_role("radio", name="Nano").click()
    page.get_by_role("button", name="Enable demo mode").click()
    page.get_by_text("Enabling demo mode…").first.wait_for()
    job = rows.exec(select(BackgroundJob).where(BackgroundJob.user_id == user.id)).one()
    assert job.args == {"preset": "nano"}


def test_on_a_phone_enabling_is_in_view_and_a_failure_is_announced_as_one(console, rows: Session) -> None:
    user = make_user(rows)
    rows.commit()
    page = console.open(user, "/settings/demo-mode", screen=PHONE)
    button = page.get_by_role("button", name="Enable demo mode")
    button.wait_for()
    place = button.bounding_box()
    assert place["y"] + place["height"] <= PHONE["height"]
    assert place["height"] >= 44

    job = run(rows, user)
    rows.commit()
    page.reload()
    page.get_by_text("Enabling demo mode…").first.wait_for()
    job.status, job.error_type, job.finished_at = JobStatus.FAILED, "TryAgain", datetime.now(UTC)
    user.demo_mode_status = DemoModeStatus.FAILED
    rows.commit()
    page.locator(".toast-bad").filter(has_text="Demo mode failed").wait_for()
    voice = page.get_by_role("status").filter(has_text="Demo mode failed")
    voice.wait_for(state="attached")
    page.get_by_role("button", name="Retry").click()
    page.get_by_text("Enabling demo mode…").first.wait_for()
    voice.wait_for(state="detached")


def test_on_a_phone_the_console_has_its_environment_a_search_field_and_buttons_to_hit(console, rows: Session) -> None:
    support, user = make_user(rows, role=Role.SUPPORT), make_user(rows, demo_mode_status=DemoModeStatus.ENABLED)
    rows.commit()
    page = console.open(support, "/users", screen=PHONE)
    assert page.get_by_label("Search users").bounding_box()["width"] >= 150
    page.locator(".top .badge").filter(has_text="local").wait_for()
    page.goto(f"/users/{user.id}")
    page.get_by_role("button", name="Disable demo mode").click()
    for name in ("Go back", "Disable demo mode"):
        button = page.get_by_role("dialog").get_by_role("button", name=name)
        assert button.bounding_box()["height"] >= 44


def test_a_phone_shows_five_pages_and_the_others_behind_more(console, rows: Session) -> None:
    admin = make_user(rows, role=Role.ADMIN)
    rows.commit()
    page = console.open(admin, "/jobs", screen=PHONE)
    navigation = page.get_by_role("navigation", name="Main")
    shown = [link.get_attribute("title") for link in navigation.get_by_role("link").all() if link.is_visible()]
    assert shown == ["Overview", "Jobs", "Failures", "Users", "Queues"]
    more, audit = navigation.get_by_role("button", name="More"), navigation.get_by_role("link", name="Audit")
    for close in (lambda: page.keyboard.press("Escape"), lambda: page.mouse.click(200, 400)):
        more.click()
        audit.wait_for()
        close()
        audit.wait_for(state="hidden")
    more.click()
    audit.click()
    page.wait_for_url("**/audit")
    audit.wait_for(state="hidden")
    page.set_viewport_size({"width": 1280, "height": 800})
    audit.wait_for()
    assert not more.is_visible()


def test_disabling_asks_first_and_keeps_everything_on_a_no(console, rows: Session) -> None:
    user = make_user(rows, demo_mode_status=DemoModeStatus.ENABLED)
    rows.add(Interaction(user_id=user.id, kind="comment", is_demo=True))
    rows.commit()
    page = console.open(user, "/settings/demo-mode")

    page.get_by_role("button", name="Disable demo mode").click()
    page.get_by_role("dialog").get_by_role("button", name="Go back").click()
    page.get_by_role("dialog").wait_for(state="detached")
    assert rows.exec(select(BackgroundJob).where(BackgroundJob.user_id == user.id)).first() is None

    page.get_by_role("button", name="Disable demo mode").click()
    page.get_by_role("dialog").get_by_role("button", name="Disable demo mode").click()
    page.get_by_text("Disabling demo mode…").first.wait_for()


def test_support_sees_why_and_retries_with_the_recommended_button(console, rows: Session) -> None:
    support, user = make_user(rows, role=Role.SUPPORT), make_user(rows, email="fay@example.com")
    failed = fail(rows, user)
    rows.commit()
    page = console.open(support, "/")

    page.get_by_role("link", name="Users").first.click()
    page.get_by_label("Search users").fill("FAY@")
    page.get_by_role("link", name="fay@example.com").wait_for()
    eventually(lambda: page.locator(".users > a").count() == 1)
    for key in ("ArrowDown", "ArrowUp", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    diagnosis = page.get_by_label("Diagnosis")
    diagnosis.get_by_text("The demo service does not answer.").wait_for()
    diagnosis.get_by_role("button", name="Retry").click()
    page.locator(".q-notification").filter(has_text="Retry queued.").wait_for()

    retried = eventually(lambda: rows.exec(select(BackgroundJob).where(BackgroundJob.retry_of == failed.id)).first())
    assert retried.requested_by == support.id
    assert page.wrong == []


def test_a_viewer_is_told_which_role_is_missing_instead_of_being_let_press(console, rows: Session) -> None:
    viewer, user = make_user(rows, role=Role.VIEWER), make_user(rows)
    rows.commit()
    page = console.open(viewer, f"/users/{user.id}")

    button = page.get_by_role("button", name="Enable demo mode")
    button.wait_for()
    assert button.get_attribute("aria-disabled") == "true"
    assert "needs the role support; you are viewer" in button.get_attribute("aria-description")
    button.dispatch_event("click")
    page.locator(".q-notification").filter(has_text="needs the role support").wait_for()
    assert rows.exec(select(BackgroundJob).where(BackgroundJob.user_id == user.id)).first() is None


def test_a_member_who_opens_the_console_is_shown_their_dashboard(console, rows: Session) -> None:
    member = make_user(rows)
    rows.commit()
    page = console.open(member, "/")
    page.wait_for_url("**/dashboard")
    page.goto("/jobs")
    page.get_by_text("This page needs the role viewer").wait_for()


def test_the_mark_in_the_navigation_follows_the_route(console, rows: Session) -> None:
    admin = make_user(rows, role=Role.ADMIN)
    rows.commit()
    page = console.open(admin, "/users")
    marked = page.locator("nav a[aria-current=page]")
    marked.filter(has_text="Users").wait_for()

    page.locator("h1").click()
    page.keyboard.press("g")
    page.keyboard.press("o")
    marked.filter(has_text="Overview").wait_for()
    page.wait_for_url(f"{console.url}/")  # the address follows the mark: going back before would leave the console
    page.go_back()
    marked.filter(has_text="Users").wait_for()
    eventually(lambda: marked.count() == 1)


def test_an_address_that_names_nothing_says_so(console, rows: Session) -> None:
    admin = make_user(rows, role=Role.ADMIN)
    rows.commit()
    page = console.open(admin, "/users/nonsense")
    page.get_by_text("There is nothing at this address").wait_for()
    page.goto("/jobs/01a204a6-0c96-76d9-a8bb-315b2a328cd6")
    page.get_by_text("There is no job").first.wait_for()
