"""axe finds no serious issue on any page, in either theme, nor in the dialogs."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from sqlmodel import Session

from core.analytics.buckets import floor
from core.bulk.frozen import BulkForm, freeze
from core.jobs.request import request
from core.messages.outbox import Message, put
from core.models import (
    BackgroundJob,
    DemoModeStatus,
    Grain,
    JobRollup,
    JobStatus,
    Queue,
    Role,
    RollupState,
    Schedule,
    ScheduleTick,
    User,
    Worker,
)
from core.operations import demo
from core.operations.demo import EnableForm
from tests.factories import SUPPORT, make_user
from tests.repeats import mostly_slow
from tests.waiting import eventually
from ui.pages import PAGES

pytestmark = pytest.mark.browser

#: A page of figures, one with the grid and one with everything of a user come first; others are made of the same parts.
_FIRST = ("/", "/jobs", "/users/{user_id}")
_OTHERS = [page.route for page in PAGES if page.route not in _FIRST]
PATHS = [*_FIRST, *_OTHERS, "/jobs?job={job_id}", "/users/nonsense"]
#: Elements that are dark by their class instead of the page's theme, and change a moment later.
DARK = ".body--dark, .q-dark, .q-field--dark"
#: axe's rules that depend on colours, without the one that it leaves out by default; no other depends on the theme.
OF_COLOURS = {
    "runOnly": {"type": "tag", "values": ["cat.color"]},
    "rules": {"color-contrast-enhanced": {"enabled": False}},
}
#: What the pages load last of that which they do not draw at once.
LATER = {"/jobs": ".jg-row .jg-status", "/users": ".rows.users a"}
DIALOGS = {
    "pausing": ("/queues", "Pause"),
    "limits": ("/queues", "Limits"),
    "a new schedule": ("/schedules", "Add schedule"),
    "a new operator": ("/operators", "Add operator"),
    "a preview": ("/outbox", "Preview"),
    "another time": ("/analytics", "Other time …"),
    "keys": ("/workers", "Keyboard shortcuts"),
    "palette": ("/workers", "Search or run a command"),
}


@pytest.fixture(scope="module")
def people(emptied) -> tuple[User, dict[str, str]]:
    """Return an admin with rows of every kind, and the ids that addresses name."""
    with Session(emptied.engine, expire_on_commit=False) as session:
        admin, user = make_user(session, role=Role.ADMIN), make_user(session)
        job = _failed(session, user)
        _running(session)
        put(session, Message(template="answer", user_id=user.id, data={"title": "Hello", "text": "Hi", "by": "Sam"}))
        session.add(Queue(name="demo", paused_at=datetime.now(UTC), paused_by="Ana", paused_reason="deploying"))
        schedule = Schedule(name="nightly", kind="maintenance.expire_sessions", cron="0 3 * * *")
        session.add(schedule)
        session.flush()
        for hour, outcome in enumerate(("fired", "missed", "refused")):
            due = datetime(2026, 11, 20, hour, tzinfo=UTC)
            session.add(ScheduleTick(schedule_id=schedule.id, due_at=due, outcome=outcome, detail="why", job_id=job.id))
        session.commit()
        _add_up(session)
        form = BulkForm(action="job.retry", ids=[job.id])
        bulk = freeze(session, form, SUPPORT, "so that a bulk action has a page")
        session.commit()
        return admin, {"user_id": str(user.id), "job_id": str(job.id), "bulk_id": str(bulk.id), "fingerprint": "abc"}


def _failed(session: Session, user: User) -> BackgroundJob:
    job = request(session, demo.enable, user.id, EnableForm(), SUPPORT)
    job.status, job.finished_at, user.demo_mode_status = JobStatus.FAILED, datetime.now(UTC), DemoModeStatus.FAILED
    job.error_type, job.error_message, job.error_traceback = "TryAgain", "No answer.", "Traceback"
    job.error_fingerprint = "abc"
    return job


def _add_up(session: Session) -> None:
    """Add the figures of an hour of this week."""
    hour = floor(datetime.now(UTC), Grain.HOUR) - timedelta(hours=2)
    figures = {"kind": "demo.enable", "queue": "demo", "version": "1.4", "succeeded": 40, "failed": 3, "cancelled": 2}
    times = {"wait_bins": [60], "wait_counts": [43], "run_bins": [120], "run_counts": [40], "lost": 1}
    for grain in Grain:
        session.add(JobRollup(grain=grain, starts_at=floor(hour, grain), **figures, **times))
    session.add(RollupState(since=hour - timedelta(days=40), until=floor(datetime.now(UTC), Grain.FINE)))


def _running(session: Session) -> None:
    for pid, ended in ((1, None), (2, datetime.now(UTC))):
        session.add(Worker(host="mill", pid=pid, threads=2, queues=["demo"], lost_at=ended))
    session.flush()
    request(session, demo.enable, make_user(session).id, EnableForm(), SUPPORT)


def serious(page: object, where: str = "document", **options: object) -> list[str]:
    """Return the findings of axe that are not moderate or minor; `options` are axe's own."""
    options = json.dumps({"resultTypes": ["violations"], **options})
    violations = page.evaluate(f"axe.run({where}, {options}).then((results) => results.violations)")
    return [
        f"{each['id']}: {node['html'][:200]}"
        for each in violations
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def lasting(page: object, **options: object) -> list[str]:
    """Return the findings that stay: a moment after the theme, some colours still change."""
    findings: list[str] = []

    def have_gone() -> bool:
        findings[:] = serious(page, **options)
        return not findings

    with suppress(AssertionError):
        eventually(have_gone, within=5)
    return findings


def opened(console, admin: User, path: str) -> object:
    """Return a page that has drawn itself and the rows that it loads afterwards, with axe in it."""
    page = console.signed_in(admin)
    page.context.add_cookies([{"name": "theme", "value": "dark", "url": console.url}])
    page.goto(path)
    for shown in ("html[data-theme=dark] body.body--dark", "h1", LATER.get(path.partition("?")[0], "h1")):
        page.locator(shown).first.wait_for(state="attached")
    page.evaluate(Axe().axe_script)
    return page


@pytest.mark.parametrize("path", mostly_slow(PATHS, fast=len(_FIRST)))
def test_every_page_is_accessible(console, people: tuple, path: str) -> None:
    admin, ids = people
    assert lasting(opened(console, admin, path.format(**ids))) == []


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_every_page_is_accessible_in_the_light_theme(console, people: tuple, path: str) -> None:
    admin, ids = people
    page = opened(console, admin, path.format(**ids))
    page.get_by_role("button", name="Theme: dark").click()  # the system's own theme comes next, which is light here
    page.locator(f"html[data-theme=light]:not(:has({DARK}))").wait_for(state="attached")
    assert lasting(page, **OF_COLOURS) == []


@pytest.mark.parametrize("dialog", mostly_slow(DIALOGS, fast=1))
def test_every_dialog_is_accessible(console, people: tuple, dialog: str) -> None:
    path, name = DIALOGS[dialog]
    page = opened(console, people[0], path)
    page.get_by_role("button", name=name).first.click()
    page.get_by_role("dialog").wait_for()
    page.get_by_role("dialog").locator("h2, [role=combobox]").first.wait_for()
    # Under a dialog, axe takes the page's body for the background of its text; the same colours are tried on the pages.
    assert serious(page, "'[role=dialog]'", rules={"color-contrast": {"enabled": False}}) == []
