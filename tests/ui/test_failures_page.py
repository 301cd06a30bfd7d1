"""Failures by their cause: what counts, what is open, whom it hit, and one press to what deals with it."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core import clock
from core.database.engine import session_scope
from core.errors import NotFound
from core.failures.groups import Shelf, groups_of_hours, open_groups
from core.failures.one_group import LOOKED_BACK, failure_detail
from core.job_list.filters import JobFilter
from core.job_list.queries import page
from core.models import BackgroundJob, DemoModeStatus, JobStatus, Role, User, Worker
from core.overview import overview
from tests.factories import make_user


def fails(
    session: Session, user: User | None, *, hours: float = 1.2, error: str = "busy", message: str = "503"
) -> BackgroundJob:
    at = clock.now() - timedelta(hours=hours)
    job = BackgroundJob(kind="demo.enable", queue="demo", status=JobStatus.FAILED, args={"preset": "nano"})
    job.user_id = user.id if user else None
    job.machine, job.came_from = ("users.demo_mode_status", "disabled") if user else (None, None)
    job.token, job.attempt, job.error_type, job.error_message, job.error_fingerprint = 1, 3, "TryAgain", message, error
    job.created_at = job.started_at = job.run_at = job.finished_at = at
    session.add(job)
    session.flush()
    return job


@pytest.fixture
def hit(engine: Engine) -> list[str]:
    """Two users whose failure is open, one who has succeeded since, an old failure, and one of another error."""
    with session_scope(engine) as session:
        users = [make_user(session, demo_mode_status=DemoModeStatus.FAILED) for _ in range(4)]
        for user in users[:3]:
            fails(session, user, message=f"503 of {user.email}")
        users[2].demo_mode_status = DemoModeStatus.ENABLED
        done = fails(session, users[2], hours=0.5)
        done.status, done.error_fingerprint, done.error_type = JobStatus.SUCCEEDED, None, None
        fails(session, users[3], hours=30)
        fails(session, None, error="other", message="no space left")
        return [user.email for user in users]


def test_a_group_counts_its_failures_what_is_open_and_its_users(engine: Engine, hit: list[str]) -> None:
    with Session(engine) as session:
        busy, other = groups_of_hours(session, 24).on(Shelf.OPEN)
        assert (busy.fingerprint, busy.count, busy.open, busy.users) == ("busy", 3, 2, 3)
        assert (other.fingerprint, other.count, other.open, other.users) == ("other", 1, 1, 0)
        assert groups_of_hours(session, 24 * 7).groups[0].count == 4


def test_its_numbers_open_what_they_count(engine: Engine, hit: list[str]) -> None:
    with Session(engine) as session:
        found = failure_detail(session, "busy", 24)
        unhandled = JobFilter.from_params({"error": "busy", "situation": "failed"})
        assert page(session, unhandled, limit=100).total.value == found.unhandled == 3
        where = {"error": "busy", "finished_after": found.since.isoformat()}
        for which, number in (({"situation": "failed"}, found.group.open), ({"status": "failed"}, found.group.count)):
            assert page(session, JobFilter.from_params(where | which), limit=100).total.value == number
        assert (sum(found.parts), sum(found.parts[-3:])) == (3, 3)
        assert [(each.email, each.is_open) for each in found.users if not each.is_open] == [(hit[2], False)]
        assert len(found.users) == 3
        with pytest.raises(NotFound):
            failure_detail(session, "nothing", 24)


def test_of_very_many_older_failures_it_says_that_there_may_be_more(engine: Engine, hit: list[str]) -> None:
    with Session(engine) as session:
        assert failure_detail(session, "busy", 24).looked_back_to is None
        for _ in range(LOOKED_BACK - 1):
            fails(session, None, hours=40)
        found = failure_detail(session, "busy", 24)
        assert (found.unhandled, found.looked_back_to) == (2 + LOOKED_BACK, None), "exact within the bound"
        oldest = fails(session, None, hours=50)
        last = fails(session, None, hours=45)
        found = failure_detail(session, "busy", 24)
        assert found.unhandled == 2 + LOOKED_BACK, "the newest ones are looked at, and no other"
        assert found.looked_back_to
        assert oldest.finished_at < last.finished_at < found.looked_back_to


def test_the_unhandled_ones_are_retried_from_the_page_one_first(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    for _ in range(3):
        fails(rows, make_user(rows, demo_mode_status=DemoModeStatus.FAILED))
    fails(rows, make_user(rows, demo_mode_status=DemoModeStatus.FAILED), hours=30)
    rows.commit()
    tab = console.open(support, "/failures")
    group = tab.get_by_role("link", name="3 unhandled")
    group.wait_for()
    opens = [
        each for each in tab.locator(".screen").inner_text().splitlines() if re.search(r"\bopen\b", each, re.IGNORECASE)
    ]
    assert opens == ["Open 1"], "the word is of errors, never of jobs"
    group.click()
    tab.get_by_text("Users hit").wait_for()
    for numbers, count in (("4 unhandled", 4), ("3 of them in the last 24 hours", 3)):
        href = tab.get_by_role("link", name=numbers).get_attribute("href")
        where = JobFilter.from_params(parse_qs(urlsplit(href).query))
        assert page(rows, where, limit=100).total.value == count
    assert tab.locator(".bars:not(.spark) > i").last.bounding_box()["width"] <= 8
    tab.get_by_role("button", name="Retry one, then the rest …").click()
    tab.get_by_text("Prepared for 4 jobs. Nobody has started it.").wait_for()
    tab.get_by_text("Start acts on the first job. Once its job has succeeded, the other 3 jobs follow").wait_for()
    tab.go_back()
    tab.get_by_role("button", name="Retry all at once …").click()
    tab.get_by_text("Prepared for 4 jobs. Nobody has started it.").wait_for()
    assert not tab.get_by_text("Start acts on the first job.").is_visible()


def test_an_error_is_ignored_with_a_reason_noted_and_reopened_on_its_page(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT, name="Ana")
    fails(rows, make_user(rows, demo_mode_status=DemoModeStatus.FAILED), error="quota", message="quota exceeded")
    rows.commit()
    tab = console.open(support, "/failures/quota")
    tab.get_by_text("Nobody has decided anything yet.").wait_for()
    tab.get_by_role("button", name="Ignore …").click()
    dialog = tab.get_by_role("dialog")
    dialog.get_by_role("button", name="Ignore", exact=True).click()
    dialog.get_by_text("Ignore needs a reason.").wait_for()
    dialog.get_by_label("Reason").fill("the provider knows")
    dialog.get_by_role("button", name="Ignore", exact=True).click()
    tab.get_by_text("“the provider knows”").wait_for()
    tab.get_by_role("button", name="I take care of it").click()
    tab.locator(".owner").get_by_text("Ana", exact=True).wait_for()
    tab.get_by_role("button", name="Add note …").click()
    dialog.get_by_label("Note").fill("They answer on Monday.")
    dialog.get_by_role("button", name="Add note", exact=True).click()
    tab.get_by_text("They answer on Monday.").wait_for()
    tab.get_by_role("link", name="Failures").last.click()
    tab.get_by_role("link", name="Ignored 1").click()
    tab.get_by_role("link", name="quota exceeded").click()
    tab.get_by_role("button", name="Reopen").click()
    tab.get_by_text("Reopened by").wait_for()


def test_a_viewer_reads_why_they_may_not_decide(console, rows: Session) -> None:
    viewer = make_user(rows, role=Role.VIEWER)
    fails(rows, None, error="disk", message="no space left")
    rows.commit()
    tab = console.open(viewer, "/failures/disk")
    why = tab.get_by_role("button", name="Resolve …").get_attribute("aria-description")
    assert why == "Resolve needs the role support; you are viewer."


def test_what_is_handled_is_in_no_number_of_open_errors(engine: Engine, hit: list[str]) -> None:
    with Session(engine) as session:
        user = make_user(session, demo_mode_status=DemoModeStatus.ENABLED)
        fails(session, user, error="over")
        at_the_edge = fails(session, None)
        at_the_edge.finished_at = overview(session).since
        session.flush()
        found, summary = groups_of_hours(session, 24), overview(session)
        assert dict(found.counts) == {Shelf.OPEN: 2, Shelf.HANDLED: 1, Shelf.IGNORED: 0, Shelf.RESOLVED: 0}
        assert [each.fingerprint for each in found.on(Shelf.HANDLED)] == ["over"]
        assert {each.fingerprint for each in found.on(Shelf.OPEN)} == {each.fingerprint for each in summary.failures}
        assert summary.open_errors == found.counts[Shelf.OPEN]
        shown = open_groups(session, summary.since, limit=1)
        assert (len(shown.groups), shown.counts[Shelf.OPEN]) == (1, 2), "what is not shown is counted, too"
        at = {each.fingerprint: each.users for each in summary.failures}
        for group in found.on(Shelf.OPEN):
            hit_since = failure_detail(session, group.fingerprint, 24)
            assert group.count == hit_since.group.count == {"busy": 4, "other": 1}[group.fingerprint]
            assert (at[group.fingerprint], hit_since.since) == (hit_since.open_users, summary.since)


def test_an_error_of_which_all_is_handled_is_nowhere_called_open(console, rows: Session) -> None:
    viewer, user = make_user(rows, role=Role.VIEWER), make_user(rows, demo_mode_status=DemoModeStatus.ENABLED)
    fails(rows, user, error="over", message="503 and over")
    done = fails(rows, user, hours=0.5)
    done.status, done.error_fingerprint, done.error_type = JobStatus.SUCCEEDED, None, None
    rows.commit()
    tab = console.open(viewer, "/failures?state=handled")
    assert "Handled 1" in tab.locator(".shelves").inner_text()
    tab.get_by_role("link", name="503 and over").click()
    tab.get_by_text("All are handled.").wait_for()
    assert (
        tab.locator(".title", has=tab.get_by_role("heading", name="State")).locator(".state").inner_text() == "handled"
    )


def test_nothing_is_sent_where_nobody_is_left_and_a_message_that_waits_is_not_called_told(
    console, rows: Session
) -> None:
    for name in ("Ana", "Ben"):
        fails(rows, make_user(rows, name=name, demo_mode_status=DemoModeStatus.FAILED), error="nobody left")
    support = make_user(rows, role=Role.SUPPORT, name="Maria")
    rows.commit()
    tab = console.open(support, "/failures/nobody left")
    tab.get_by_role("button", name="Tell the users").click()
    dialog = tab.get_by_role("dialog")
    dialog.get_by_role("button", name="Send").click()
    tab.get_by_text("2 messages. The outbox has what was written. It waits: no mail server is set.").wait_for()
    tab.get_by_text("2 users written to within a day: 2 waiting to be sent.").wait_for()
    assert "by Maria" in tab.locator(".told").inner_text()
    assert tab.locator(".told").get_by_role("link", name="Outbox").get_attribute("href") == "/outbox"
    tab.get_by_role("button", name="Tell the users").click()
    dialog.get_by_text("was written to; the message waits to be sent").first.wait_for()
    assert dialog.get_by_text("told so").count() == 0
    assert not dialog.get_by_role("button", name="Send").is_visible()


def test_what_no_job_ever_failed_with_is_no_error(console, rows: Session) -> None:
    viewer = make_user(rows, role=Role.VIEWER)
    fails(rows, None, hours=900, error="long ago")
    rows.commit()
    tab = console.open(viewer, "/failures/long ago")
    tab.get_by_role("link", name="Its failed jobs of any time").wait_for()
    for odd in ("none-so", "%00", "x" * 300):
        tab.goto(f"{console.url}/failures/{odd}")
        tab.get_by_text("There is no such error").wait_for()
        assert tab.get_by_role("link", name="Its failed jobs of any time").count() == 0


def test_on_a_phone_a_title_takes_the_lines_that_tell_it_from_another(console, rows: Session) -> None:
    for error, end in (("one", "timed out"), ("two", "refused")):
        fails(rows, None, error=error, message=f"The demo service does not do what it is asked for: {end}")
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    tab = console.open(viewer, "/failures")
    tab.set_viewport_size({"width": 390, "height": 844})
    titles = tab.locator(".rows.groups .grow > :first-child").filter(has_text="The demo service does not")
    titles.first.wait_for()
    assert titles.count() == 2
    assert not any(titles.evaluate_all("all => all.map((each) => each.scrollWidth > each.clientWidth)"))
    assert not any(titles.evaluate_all("all => all.map((each) => each.scrollHeight > each.clientHeight + 1)"))


def test_where_alone_it_fails_stays_within_its_card(console, rows: Session) -> None:
    workers = [Worker(host=name, pid=1, threads=1, queues=["demo"], version=name) for name in ("vm" * 20, "other")]
    rows.add_all(workers)
    rows.flush()
    for number in range(4):
        job = fails(rows, None, error="one place")
        job.worker_id = workers[number == 0].id
        if number == 0:
            job.status, job.error_fingerprint = JobStatus.SUCCEEDED, None
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    tab = console.open(viewer, "/failures/one place")
    sentence = tab.locator(".body", has_text=re.compile("^Only on vm"))
    sentence.wait_for()
    lefts = """(each) => { const range = document.createRange(); range.selectNodeContents(each);
        const card = each.parentElement.getBoundingClientRect().left;
        return [...range.getClientRects()].map((line) => line.left - card); }"""
    of_lines = sentence.evaluate(lefts)
    assert len(of_lines) > 1
    assert min(of_lines) >= 14
