"""A row may hold megabytes written by hand: answers stay small, say that they are truncated, and are drawn."""

from contextlib import nullcontext
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
import typer
from sqlalchemy import text
from sqlmodel import Session, select
from typer.testing import CliRunner

from core import clock
from core.audit.record import record
from core.database.truncate import TRUNCATED, TRUNCATED_JSON
from core.models import (
    AttemptOutcome,
    BackgroundJob,
    DemoModeStatus,
    Event,
    JobAttempt,
    JobKind,
    JobStatus,
    PlatformConnection,
    Queue,
    Role,
    Schedule,
    ScheduleTick,
    User,
    Worker,
)
from tests.browsing import Tabs
from tests.factories import SUPPORT, make_user
from tests.security.conftest import Site
from tests.security.hostile import HUGE
from tests.security.test_hostile_pages import SCREENS, listen, look
from ui import cli
from ui.page import Frame
from ui.pages import PAGES

#: Bytes of any answer about these rows: a page of the audit log may show forty thousand characters of each value.
MOST_BYTES = 2_000_000
#: Jobs in one answer, and what it may take: less than a third of a per cent of what their rows hold.
MANY, FEW_BYTES = 200, 600_000


@dataclass
class Placed:
    """Where the huge rows are."""

    users: list[UUID]
    jobs: list[UUID]


@pytest.fixture(scope="module")
def placed(site: Site) -> Placed:
    """Write a megabyte into everything that takes one."""
    huge_rows = Placed([], [])
    with Session(site.engine, expire_on_commit=False) as rows:
        for huge in HUGE.values():
            role = Role.VIEWER if huge_rows.users else Role.MEMBER
            user = make_user(
                rows, role=role, name=huge[:100_000], demo_preset=huge, demo_mode_status=DemoModeStatus.FAILED
            )
            worker = Worker(host=huge, pid=1, threads=1, queues=["demo", huge], version=huge, heartbeat_at=clock.now())
            rows.add_all([worker, PlatformConnection(user_id=user.id, platform="x", handle=huge)])
            rows.flush()
            huge_rows.users.append(user.id)
            huge_rows.jobs.append(
                job(rows, huge, user, worker, JobStatus.FAILED if huge_rows.jobs else JobStatus.RUNNING).id
            )
            queue_controls(rows, huge)
        rows.commit()
    return huge_rows


def job(rows: Session, huge: str, user: User, worker: Worker, status: JobStatus) -> BackgroundJob:
    error = {"error_type": huge, "error_message": huge, "error_traceback": huge}
    huge_job = BackgroundJob(
        kind="demo.enable",
        queue="demo",
        machine="users.demo_mode_status",
        user_id=user.id,
        status=status,
        args={"preset": huge, huge[:1_000]: [huge]},
        result={"r": huge},
        progress_message=huge,
        reason=huge,
        worker_id=worker.id,
        started_at=clock.now(),
        finished_at=clock.now() if status is JobStatus.FAILED else None,
        **error,
    )
    rows.add(huge_job)
    rows.flush()
    rows.add(JobAttempt(job_id=huge_job.id, token=1, attempt=1, outcome=AttemptOutcome.ERROR, **error))
    record(rows, SUPPORT, "job.failed", user_id=user.id, job_id=huge_job.id, reason=huge, error=huge)
    data = {"was": huge, "now": {"a": huge}, "token": huge}
    rows.add(Event(name="job.requested", actor=huge, via="console", user_id=user.id, job_id=huge_job.id, data=data))
    return huge_job


def queue_controls(rows: Session, huge: str) -> None:
    by = {"paused_at": clock.now(), "paused_by": huge, "paused_reason": huge}
    name = f"huge {uuid4()}"
    schedule = Schedule(name=name, kind=name, cron="0 3 * * *", args={"a": huge}, created_by=huge, **by)
    rows.add_all([Queue(name=name, **by), JobKind(kind=name, **by), schedule])
    rows.flush()
    rows.add(ScheduleTick(schedule_id=schedule.id, due_at=clock.now(), outcome=huge, detail=huge))


def paths(placed: Placed) -> list[str]:
    lists = [
        "jobs",
        "users",
        "schedules",
        "workers",
        "queues",
        "kinds",
        "operators",
        "audit",
        "jobs/facets",
        "audit/export",
    ]
    each = [f"users/{placed_id}{part}" for placed_id in placed.users for part in ("", "/timeline", "/diagnosis")]
    each += [f"jobs/{placed_id}{part}" for placed_id in placed.jobs for part in ("", "/events", "/explain")]
    return [f"/api/{path}" for path in (*lists, "audit/export?format=jsonl", *each)]


def test_no_answer_carries_megabytes(site: Site, placed: Placed) -> None:
    with site.client(Role.ADMIN) as admin:
        answers = {path: admin.get(path) for path in (*paths(placed), "/metrics")}
    with site.client(user=User(id=placed.users[0])) as member:
        own = ("/api/demo/status", "/api/dashboard", f"/api/jobs/{placed.jobs[0]}")
        answers |= {f"own {path}": member.get(path) for path in own}
    assert {path: answer.status_code for path, answer in answers.items() if answer.status_code != 200} == {}
    sizes = {path: len(answer.content) for path, answer in answers.items()}
    assert {path: size for path, size in sizes.items() if size > MOST_BYTES} == {}


def test_truncated_text_says_so(site: Site, placed: Placed) -> None:
    with site.client(Role.ADMIN) as admin:
        shown_job = admin.get(f"/api/jobs/{placed.jobs[0]}").json()
        (event, *_) = admin.get(f"/api/jobs/{placed.jobs[0]}/events").json()["items"]
        revealed = admin.post(f"/api/jobs/{placed.jobs[0]}/reveal").json()["args"]
    assert shown_job["error_message"].endswith(TRUNCATED)
    assert shown_job["args"].keys() == event["data"].keys() == {TRUNCATED_JSON}
    assert len(revealed["preset"]) == 1_000_000, "who asks for all of it gets all of it"


def test_a_list_of_huge_errors_is_small(site: Site, rows: Session) -> None:
    queue = str(uuid4())
    rows.connection().execute(
        text(
            "INSERT INTO background_jobs (id, kind, queue, status, error_message) "
            "SELECT gen_random_uuid(), 'demo.enable', :queue, 'failed', repeat('W', 1000000) "
            "FROM generate_series(1, :many)"
        ),
        {"queue": queue, "many": MANY},
    )
    rows.commit()
    with site.client(Role.VIEWER) as viewer:
        answer = viewer.get(f"/api/jobs?limit={MANY}&queue={queue}")
    assert len(answer.json()["items"]) == MANY
    assert len(answer.content) < FEW_BYTES


def test_the_command_line_shows_little_of_a_huge_value(site: Site, rows: Session, placed: Placed) -> None:
    app = typer.Typer()
    cli.install(app, lambda: nullcontext(site.engine))
    email = rows.exec(select(User.email).where(User.id == placed.users[0])).one()
    for arguments in (
        ["jobs", "show", str(placed.jobs[0])],
        ["users", "show", email],
        ["schedules", "list"],
        ["workers", "list"],
    ):
        for more in ([], ["--json"]):
            result = CliRunner().invoke(app, [*arguments, *more], catch_exceptions=False)
            assert result.exit_code == 0, result.output[:200]
            assert len(result.output) < MOST_BYTES, arguments


@pytest.mark.slow  # the API's answers hold the same promise in a second
@pytest.mark.browser
def test_pages_draw_huge_values_without_megabytes(site: Site, tabs: Tabs, placed: Placed) -> None:
    page = tabs.lend(site.token(Role.ADMIN), SCREENS[0])
    wrong: list[str] = []
    frame_sizes: list[int] = []
    listen(page, wrong)
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frame_sizes.append(len(frame))))
    console = [page.route for page in PAGES if page.frame is Frame.CONSOLE and "{" not in page.route]
    for path in (*console, f"/users/{placed.users[0]}", f"/jobs/{placed.jobs[0]}"):
        wrong += look(page, path)
    assert not wrong, "\n".join(line[:400] for line in wrong)
    assert max(frame_sizes) < MOST_BYTES
    assert "unexpected error" not in site.log()
