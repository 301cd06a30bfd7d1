"""One command on all that match: from the list of jobs to its end, pressed in a browser."""

from urllib.parse import urlsplit

from sqlmodel import Session, select

from core.models import (
    BackgroundJob,
    BulkAction,
    BulkRow,
    BulkStatus,
    DemoModeStatus,
    JobStatus,
    Role,
    RowOutcome,
    User,
)
from tests.factories import make_user
from tests.waiting import eventually


def test_what_matches_is_prepared_started_and_aborted(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    for _ in range(3):
        user = make_user(rows, demo_mode_status=DemoModeStatus.FAILED)
        job = BackgroundJob(kind="demo.enable", queue="demo", status=JobStatus.FAILED, user_id=user.id)
        job.machine, job.came_from, job.args = "users.demo_mode_status", "disabled", {"preset": "nano"}
        job.token, job.attempt, job.started_at, job.finished_at = 1, 3, job.run_at, job.run_at
        rows.add(job)
    rows.commit()
    page = console.open(support, "/jobs?status=failed")
    page.get_by_role("button", name="Act on all that match").click()
    page.get_by_text("Retry all that match").click()
    page.get_by_role("heading", name="Retry: 3 jobs").wait_for()
    page.get_by_text("Prepared for 3 jobs. Nobody has started it.").wait_for()
    page.get_by_text("Left alone, it does nothing and is deleted after a day.").wait_for()
    page.get_by_text("For 3 users").wait_for()
    page.get_by_role("button", name="Start …").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("the service is back")
    dialog.get_by_role("button", name="Start", exact=True).click()
    bulk = eventually(lambda: rows.rollback() or rows.exec(select(BulkAction)).first())
    eventually(lambda: rows.refresh(bulk) or bulk.status is BulkStatus.RUNNING)
    assert (bulk.reason, bulk.actor) == ("the service is back", support.email)
    page.get_by_text("Its job waits to be run.").wait_for()  # no worker is alive here
    page.get_by_role("button", name="Abort").click()
    page.get_by_text(f"Aborted by {support.email}.").wait_for()
    page.get_by_role("link", name="Bulk actions").click()
    page.get_by_text("0 of 3 jobs: none requested yet.").wait_for()


def test_rows_that_were_left_out_say_whose_they_are_and_of_which_kind(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    customer = make_user(rows, email="hit@example.com")
    job = BackgroundJob(kind="demo.enable", queue="demo", user_id=customer.id)
    task = BackgroundJob(kind="maintenance.test", queue="maintenance")
    done = {"command": "job.cancel", "actor": support.email, "via": "console", "status": BulkStatus.DONE}
    rows.add_all([job, task, bulk := BulkAction(**done, args={}, total=2, skipped=2)])
    rows.flush()
    for position, each in enumerate((job, task)):
        skipped = {"outcome": RowOutcome.SKIPPED, "why": "it was done already"}
        rows.add(BulkRow(bulk_id=bulk.id, position=position, target=each.id, **skipped))
    rows.commit()
    page = console.open(support, f"/bulk/{bulk.id}")
    line = page.get_by_role("region", name="Rows").locator(".row-line").first
    assert line.get_by_role("link", name="hit@example.com").get_attribute("href") == f"/users/{customer.id}"
    assert line.get_by_role("link", name="Enable demo mode").get_attribute("href") == f"/jobs/{job.id}"
    page.get_by_text("no user", exact=True).wait_for()
    assert not page.wrong


def _failed(rows: Session, number: int, error: str, *, user: User | None = None) -> list[BackgroundJob]:
    jobs = [BackgroundJob(kind="demo.enable", queue="demo", status=JobStatus.FAILED) for _ in range(number)]
    for job in jobs:
        job.user_id = (user or make_user(rows)).id
        job.token, job.attempt, job.started_at, job.finished_at = 1, 3, job.run_at, job.run_at
        job.error_type, job.error_message, job.error_fingerprint = "TryAgain", "The service is away.", error
    rows.add_all(jobs)
    rows.commit()
    return jobs


def test_what_nobody_starts_is_discarded_and_in_no_list_of_what_was_done(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    _failed(rows, 2, "left alone")
    page = console.open(support, "/failures/left alone")
    page.get_by_role("button", name="Retry one, then the rest …").click()
    page.get_by_role("heading", name="Retry: 2 jobs").wait_for()
    here = page.url
    page.get_by_role("link", name="Bulk actions").click()
    page.get_by_role("link", name="Started", exact=True).wait_for()
    own = page.locator(".row-line", has=page.locator(f'a[href="{urlsplit(here).path}"]'))
    assert own.count() == 0
    page.get_by_role("link", name="Prepared, not started").click()
    own.get_by_text("Prepared for 2 jobs. Nobody has started it.").wait_for()
    page.goto(here)
    page.get_by_role("button", name="Abort").wait_for(state="detached")
    page.get_by_role("button", name="Discard").click()
    page.get_by_text(f"Discarded by {support.email}. Nothing was done.").wait_for()
    assert not page.wrong


def test_its_page_names_the_error_and_the_user(console, rows: Session) -> None:
    support, customer = make_user(rows, role=Role.SUPPORT), make_user(rows, email="all-of-it@example.com")
    _failed(rows, 2, "of one user", user=customer)
    page = console.open(support, "/failures/of one user")
    page.get_by_role("button", name="Retry one, then the rest …").click()
    page.get_by_role("link", name="unhandled failures, error: The service is away.").wait_for()
    whose = page.locator(".hbox", has_text="for all-of-it@example.com").get_by_role("link").last
    assert whose.get_attribute("href") == f"/users/{customer.id}"
    page.get_by_role("link", name="This failure").click()
    page.get_by_role("heading", name="The service is away.").wait_for()


def test_all_requested_is_not_done_while_one_of_its_jobs_goes_on(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    old = _failed(rows, 2, "retried")
    new = [BackgroundJob(kind="demo.enable", queue="demo", retry_of=each.id) for each in old]
    new[0].status, new[0].started_at, new[0].finished_at = JobStatus.SUCCEEDED, new[0].run_at, new[0].run_at
    done = {"command": "job.retry", "actor": support.email, "via": "console", "status": BulkStatus.DONE}
    rows.add_all([*new, bulk := BulkAction(**done, args={}, total=2, applied=2, started_at=new[0].run_at)])
    rows.flush()
    for position, each in enumerate(old):
        found = {"outcome": RowOutcome.APPLIED, "job_id": new[position].id}
        rows.add(BulkRow(bulk_id=bulk.id, position=position, target=each.id, **found))
    rows.commit()
    page = console.open(support, f"/bulk/{bulk.id}")
    page.get_by_text("All 2 requested: 1 succeeded, 1 still waiting or running.").wait_for()
    page.locator(".headline .state", has_text="requested").wait_for()
    assert page.get_by_role("progressbar").get_attribute("aria-valuenow") == "50"
    new[1].status, new[1].started_at, new[1].finished_at = JobStatus.SUCCEEDED, new[1].run_at, new[1].run_at
    rows.commit()
    page.get_by_text("It can no longer be undone: its jobs have ended.").wait_for()


def test_what_would_do_nothing_cannot_be_started_and_start_repeats_what_it_would_do(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    jobs = _failed(rows, 2, "in vain")
    page = console.open(support, "/failures/in vain")
    page.get_by_role("button", name="Retry one, then the rest …").click()
    page.get_by_role("button", name="Start …").click()
    page.get_by_role("dialog").get_by_text("2 would be done").wait_for()
    for job in jobs:
        rows.add(BackgroundJob(kind="demo.enable", queue="demo", retry_of=job.id, user_id=job.user_id))
    rows.commit()
    page.reload()
    page.get_by_text("Nothing is left to do.").wait_for()
    page.get_by_role("button", name="Discard").wait_for()
    assert page.get_by_role("button", name="Start …").count() == 0


def test_a_phone_shows_the_whole_sentence_of_each(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    note = "None of the first 5 jobs succeeded, so the other 319 were not tried."
    stopped = BulkAction(
        command="job.retry", args={}, actor=support.email, via="console", note=note, total=324, applied=5
    )
    stopped.status, stopped.started_at = BulkStatus.STOPPED, stopped.created_at
    rows.add(stopped)
    rows.commit()
    phone = console.open(support, "/bulk", screen={"width": 390, "height": 844})
    phone.get_by_role("link", name="requested 5").wait_for()
    sentence = phone.get_by_text(note)
    sentence.wait_for()
    assert sentence.evaluate("each => each.scrollWidth <= each.clientWidth")


def _retried(rows: Session, by: User) -> BulkAction:
    """Return a retry of five failures: one skipped, one that could not be tried, two new jobs failed."""
    old = _failed(rows, 5, "of five")
    done = {"command": "job.retry", "actor": by.email, "via": "console", "status": BulkStatus.DONE, "canary": 1}
    numbers = {"total": 5, "applied": 3, "skipped": 1, "failed": 1, "started_at": old[0].run_at}
    rows.add(bulk := BulkAction(**done, **numbers, args={}, filter={"status": "failed"}, reason="it is back"))
    rows.flush()
    for position, each in enumerate(old):
        found = {"outcome": RowOutcome.APPLIED if position < 3 else RowOutcome.SKIPPED if position < 4 else "failed"}
        if position < 3:
            new = BackgroundJob(kind="demo.enable", queue="demo", retry_of=each.id, user_id=each.user_id)
            new.status = JobStatus.FAILED if position else JobStatus.SUCCEEDED
            new.token, new.started_at, new.finished_at = 1, new.run_at, new.run_at
            rows.add(new)
            found["job_id"] = new.id
        rows.add(BulkRow(bulk_id=bulk.id, position=position + 1, target=each.id, **found))
    rows.commit()
    return bulk


def test_each_number_of_a_line_opens_exactly_what_it_counts(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    bulk = _retried(rows, support)
    page = console.open(support, "/bulk")
    line = page.locator(".row-line", has=page.locator(f'a[href="/bulk/{bulk.id}"]'))
    line.get_by_text("some failed").wait_for()
    for words in (
        "Retry: 3 of 5 jobs",
        "chosen by status: failed",
        "1 first, then the rest",
        "“it is back”",
        support.email,
    ):
        line.get_by_text(words).wait_for()
    chips = {chip.inner_text(): chip.get_attribute("href") for chip in line.locator(".chip").all()}
    shown = {" ".join(words.split()) for words in chips}
    assert shown == {"jobs 5", "requested 3", "failed 2", "succeeded 1", "skipped 1", "not requested 1"}
    for words, href in chips.items():
        number = int(words.split()[-1])
        page.goto(href)
        if href.startswith("/jobs"):
            page.get_by_text(f"{number} job", exact=False).first.wait_for()
            page.locator(f'.jg-row[row-index="{number - 1}"]').wait_for()
            assert page.locator(".jg-row").count() == number
        else:
            page.locator(".rows.left > .row-line").nth(number - 1).wait_for()
            assert page.locator(".rows.left > .row-line").count() == number
    assert not page.wrong


def test_a_second_press_opens_what_the_first_has_prepared(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    _failed(rows, 2, "pressed twice")
    page = console.open(support, "/failures/pressed twice")
    opened = []
    for _ in range(2):
        page.goto("/failures/pressed twice")
        page.get_by_role("button", name="Retry one, then the rest …").click()
        page.get_by_role("heading", name="Retry: 2 jobs").wait_for()
        opened.append(page.url)
    assert opened[0] == opened[1]


def test_rows_in_the_address_that_there_are_not_are_refused(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    page = console.open(support, f"/bulk/{_retried(rows, support).id}?outcome=lost")
    page.get_by_text("Unknown rows in the URL.").wait_for()
