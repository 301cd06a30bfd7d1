"""Every page shows hostile rows as text: nothing runs, breaks out or overflows."""

import csv
import io
import json
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote
from uuid import UUID

import pytest
from sqlmodel import Session

from core import clock
from core.audit.record import record
from core.export import FORMULA
from core.models import (
    AttemptOutcome,
    BackgroundJob,
    DemoModeStatus,
    Interaction,
    JobAttempt,
    JobKind,
    JobStatus,
    PlatformConnection,
    Queue,
    Role,
    Schedule,
    User,
    Worker,
)
from tests.browsing import Tabs, settle
from tests.factories import SUPPORT
from tests.security.conftest import Site
from tests.security.hostile import TEXTS
from ui.page import Frame
from ui.pages import PAGES

pytestmark = pytest.mark.browser

SCREENS = ({"width": 1440, "height": 900}, {"width": 390, "height": 844})
#: Rows whose own pages a browser opens where there is time; all others are read through the API.
CLOSER = ("template of Vue", "accents without end")
ALL_AT_ONCE = " ".join(TEXTS.values())


def person(rows: Session, text: str, role: Role = Role.MEMBER) -> User:
    user = User(email=f"{text[:200]}{clock.now().timestamp()}@x", name=text, role=role, demo_preset=text[:30] or None)
    user.demo_mode_status = DemoModeStatus.FAILED
    rows.add(user)
    rows.flush()
    link = PlatformConnection(user_id=user.id, platform=text[:32], handle=text, connection_status="connected")
    rows.add(link)
    rows.flush()
    rows.add(Interaction(user_id=user.id, connection_id=link.id, kind="comment", body=text))
    return user


def job(rows: Session, text: str, user: User, status: JobStatus) -> BackgroundJob:
    at = clock.now()
    worker = Worker(host=text or "h", pid=1, threads=1, queues=["demo", text], version=text, heartbeat_at=at)
    rows.add(worker)
    rows.flush()
    hostile_job = BackgroundJob(
        kind="demo.enable",
        queue="demo",
        user_id=user.id,
        status=status,
        args={"preset": text, text or "key": {text or "deep": [text, 2**63, None]}},
        result={text or "key": text},
        progress_message=text,
        progress_done=2**62,
        progress_total=1,
        error_type=text or "E",
        error_message=text,
        error_traceback=f"Traceback:\n{text}",
        error_fingerprint=text[:60] or "f",
        reason=text,
        worker_id=worker.id,
        started_at=at - timedelta(seconds=9),
        finished_at=None if status is JobStatus.RUNNING else at,
    )
    rows.add(hostile_job)
    rows.flush()
    attempt = JobAttempt(job_id=hostile_job.id, token=1, attempt=1, worker_id=worker.id, outcome=AttemptOutcome.ERROR)
    rows.add(attempt)
    attempt.error_type, attempt.error_message, attempt.error_traceback = text or "E", text, text
    record(rows, SUPPORT, "job.failed", user_id=user.id, job_id=hostile_job.id, reason=text or None, error=text or "e")
    record(rows, SUPPORT, text or "none", user_id=user.id, job_id=hostile_job.id, kind=text)
    return hostile_job


def queue_controls(rows: Session, number: int, text: str) -> None:
    name = f"{number} {text[:200]}"
    by = {"paused_at": clock.now(), "paused_by": text or "x", "paused_reason": text}
    rows.add(Queue(name=name, **by))
    rows.add(JobKind(kind=name, **by))
    rows.add(Schedule(name=name, kind=name, cron="0 3 * * *", timezone="UTC", args={"a": text}, created_by=text, **by))


@dataclass
class Placed:
    """Every page with the person who opens it, and every hostile row that has a page of its own."""

    pages: list[tuple[str, UUID]]
    closer: list[tuple[str, UUID]]
    users: list[UUID]
    jobs: list[UUID]


@pytest.fixture(scope="module")
def placed(site: Site) -> Placed:
    """Fill the database with everything hostile."""
    with Session(site.engine, expire_on_commit=False) as rows:
        admin = person(rows, TEXTS["image"], Role.ADMIN)
        users = {name: person(rows, text) for name, text in TEXTS.items()}
        each = {name: job(rows, text, users[name], JobStatus.FAILED) for name, text in TEXTS.items()}
        for number, text in enumerate(TEXTS.values()):
            queue_controls(rows, number, text)
            person(rows, text, Role.VIEWER)
        worst = [person(rows, ALL_AT_ONCE), person(rows, TEXTS["no place to break"])]
        jobs = [job(rows, ALL_AT_ONCE, worst[0], JobStatus.RUNNING), job(rows, "W" * 300, worst[1], JobStatus.FAILED)]
        rows.commit()
    console = [page.route for page in PAGES if page.frame is Frame.CONSOLE and "{" not in page.route]
    console += ["/settings", "/users?q=%3Cimg"]
    console += [f"/users/{row.id}" for row in worst] + [f"/jobs/{row.id}" for row in jobs]
    console += [f"/jobs?job={jobs[0].id}&q={quote(TEXTS['image'])}"]
    theirs = [(path, row.id) for path in ("/dashboard", "/settings/demo-mode") for row in worst]
    pages = [(path, admin.id) for path in console] + theirs
    closer = [path for name in CLOSER for path in (f"/users/{users[name].id}", f"/jobs/{each[name].id}")]
    return Placed(
        pages,
        [(path, admin.id) for path in closer],
        [row.id for row in users.values()],
        [row.id for row in each.values()],
    )


def test_every_hostile_row_is_read_by_its_id_and_in_the_audit_log(site: Site, placed: Placed) -> None:
    paths = [f"/api/users/{placed_id}{part}" for placed_id in placed.users for part in ("", "/timeline", "/diagnosis")]
    paths += [f"/api/jobs/{placed_id}{part}" for placed_id in placed.jobs for part in ("", "/events", "/explain")]
    with site.client(Role.ADMIN) as admin:
        answers = [admin.get(path) for path in (*paths, "/api/audit?limit=200", "/api/operators")]
        files = [admin.get(f"/api/audit/export?format={form}").text for form in ("csv", "jsonl")]
    assert [str(answer.url) for answer in answers if answer.status_code != 200] == []
    lines = list(csv.reader(io.StringIO(files[0])))
    assert {len(line) for line in lines} == {len(lines[0])}, "a text broke out of its cell"
    assert not [cell for line in lines for cell in line if cell.startswith(FORMULA)]
    assert len([json.loads(line) for line in files[1].strip().split("\n")]) >= len(TEXTS)


# Pages of a row with all texts at once hold what the pages of single texts do.
@pytest.mark.slow
@pytest.mark.parametrize("which", ["pages", "closer"])
def test_hostile_text_neither_runs_nor_breaks_out_on_any_page(
    site: Site, tabs: Tabs, rows: Session, placed: Placed, which: str
) -> None:
    pages: list[tuple[str, UUID]] = getattr(placed, which)
    wrong: list[str] = []
    for person_id in {owner_id for _, owner_id in pages}:
        user = rows.get_one(User, person_id)
        page = tabs.lend(site.token(user=user), SCREENS[0])
        listen(page, wrong)
        for path, owner_id in pages:
            if owner_id == person_id:
                wrong += look(page, path)
        tabs.clear()
    assert not wrong, "\n".join(line[:400] for line in wrong)
    assert "unexpected error" not in site.log()


def listen(page: object, wrong: list[str]) -> None:
    """Note every error, dialog and refusal of the browser."""

    def shut(dialog: object) -> None:
        wrong.append(f"{page.url} opened a dialog")
        dialog.dismiss()

    page.on("dialog", shut)
    page.on("pageerror", lambda error: wrong.append(f"{page.url} error: {error}"))
    page.on("console", lambda message: wrong.append(f"{page.url} {message.text}") if message.type == "error" else None)


def look(page: object, path: str) -> list[str]:
    """Open a page, wait until it is drawn, and return its faults."""
    answer = page.goto(path)
    page.locator("h1").first.wait_for()
    settle(page)
    wrong = [] if answer.status == 200 else [f"{path} answered {answer.status}"]
    if page.evaluate("window.hacked") is not None:
        wrong.append(f"{path} ran what was planted")
    if page.locator("img[src=x], svg[onload], a[href^='javascript:']").count():
        wrong.append(f"{path} made elements of text")
    # The size that the page was opened at comes first: each change of size lays a page of many rows out anew.
    screens = sorted(SCREENS, key=lambda screen: screen != page.viewport_size)
    return wrong + [fault for screen in screens for fault in overflow(page, path, screen)]


def overflow(page: object, path: str, screen: dict[str, int]) -> list[str]:
    """Return a fault if the page stays wider than a screen of this size."""
    from playwright.sync_api import TimeoutError as StaysWide

    if page.viewport_size != screen:
        page.set_viewport_size(screen)
    try:
        # Scripts that lay out anew after a change of size come a moment later.
        page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth", timeout=3_000)
    except StaysWide:
        wide, room = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        # A busy machine may have laid it out just after the wait.
        return [f"{path} is {wide} wide in {room}"] if wide > room else []
    return []
