"""A planted secret stays where it was put: no page, answer, metric, log, event or error ever shows it."""

from contextlib import nullcontext
from uuid import uuid4

import pytest
import typer
from sqlalchemy import text
from sqlmodel import Session, select
from typer.testing import CliRunner

from core.audit.record import record
from core.messages.outbox import Message, put
from core.models import BackgroundJob, Event, JobStatus, PlatformConnection, Role, Schedule, User
from core.redact import HIDDEN, redacted
from tests.browsing import Tabs, settle
from tests.conftest import SECRET
from tests.factories import SUPPORT, make_user
from tests.security.conftest import COOKIE, Site
from ui import cli

CANARY = "canary-9f2c-do-not-sing"
NAMES = (
    "token",
    "password",
    "api_key",
    "apiKey",
    "X-Secret",
    "Authorization",
    "refresh_token",
    "client_secret",
    "cookie",
)
PLANTED = dict.fromkeys(NAMES, CANARY) | {"deep": [{"inner": {"PASSWORD": CANARY}}]}


@pytest.fixture
def planted(site: Site, rows: Session) -> tuple[User, BackgroundJob]:
    """Put secrets everywhere a person may put them."""
    user = make_user(rows)
    job = BackgroundJob(kind="demo.enable", queue="demo", user_id=user.id, status=JobStatus.FAILED, args=PLANTED)
    job.result = PLANTED
    rows.add(job)
    rows.flush()
    rows.add(Schedule(name=str(uuid4()), kind="demo.enable", cron="0 3 * * *", args=PLANTED))
    rows.add(PlatformConnection(user_id=user.id, platform="x", access_token=CANARY, refresh_token=CANARY))
    record(rows, SUPPORT, "job.failed", user_id=user.id, job_id=job.id, args=PLANTED)
    text_of_support = {"title": CANARY, "text": CANARY, "by": "Sam"}
    put(rows, Message(template="answer", user_id=user.id, data=text_of_support))
    # An event from a release that did not redact events yet.
    rows.add(Event(name="job.requested", user_id=user.id, job_id=job.id, data={"args": PLANTED}))
    rows.commit()
    return user, job


def test_no_answer_of_the_api_shows_the_secret(site: Site, planted: tuple[User, BackgroundJob]) -> None:
    user, job = planted
    paths = ["/api/jobs", f"/api/jobs/{job.id}", f"/api/jobs/{job.id}/events", f"/api/jobs/{job.id}/explain"]
    paths += ["/api/users", f"/api/users/{user.id}", f"/api/users/{user.id}/timeline", "/api/schedules", "/api/workers"]
    paths += ["/api/outbox", "/metrics", "/api/openapi.json", "/readyz", "/api/queues", "/api/kinds", "/api/stats"]
    with site.client(Role.ADMIN) as client:
        answers = {path: client.get(path) for path in paths}
        answers["a refusal"] = client.post(f"/api/jobs/{job.id}/retry")
    assert [path for path, answer in answers.items() if answer.status_code > 299] == ["a refusal"]
    for path, answer in answers.items():
        assert CANARY not in answer.text, path
        assert SECRET not in answer.text, path
    assert answers[f"/api/jobs/{job.id}"].json()["args"]["token"] == HIDDEN


@pytest.mark.browser
def test_no_page_shows_the_secret(site: Site, tabs: Tabs, planted: tuple[User, BackgroundJob]) -> None:
    user, job = planted
    page = tabs.lend(site.token(Role.ADMIN))
    frames: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(str(frame))))
    for path in (f"/jobs/{job.id}", f"/users/{user.id}", "/schedules", "/jobs", "/settings", "/operators", "/outbox"):
        page.goto(path)
        page.locator("h1").first.wait_for()
        settle(page)
        frames.append(page.content())
    assert len(frames) > 10
    assert any(str(job.id) in shown for shown in frames)
    assert any(HIDDEN in shown for shown in frames)
    assert not [shown for shown in frames if CANARY in shown or SECRET in shown]


def test_the_command_line_does_not_show_the_secret(site: Site, planted: tuple[User, BackgroundJob]) -> None:
    app = typer.Typer()
    cli.install(app, lambda: nullcontext(site.engine))
    user, job = planted
    for arguments in (["jobs", "show", str(job.id)], ["users", "show", user.email], ["messages", "list"]):
        for more in ([], ["--json"]):
            result = CliRunner().invoke(app, [*arguments, *more], catch_exceptions=False)
            assert result.exit_code == 0
            assert CANARY not in result.output


def test_events_are_written_without_the_secret(rows: Session, planted: tuple[User, BackgroundJob]) -> None:
    failure = rows.exec(select(Event).where(Event.job_id == planted[1].id, Event.name == "job.failed")).one()
    assert CANARY not in str(failure.data)


def test_the_log_does_not_show_the_secret(site: Site, planted: tuple[User, BackgroundJob]) -> None:
    with site.client() as stranger:
        stranger.post("/api/auth/login", json={"email": CANARY, "password": CANARY})
        stranger.get(f"/login/{CANARY}")
        stranger.get("/jobs", headers={"Cookie": f"{COOKIE}={CANARY}"})
    assert CANARY not in site.log()
    assert SECRET not in site.log()


def test_an_admin_may_see_the_secret_and_that_is_recorded(
    site: Site, rows: Session, planted: tuple[User, BackgroundJob]
) -> None:
    _, job = planted
    path = f"/api/jobs/{job.id}/reveal"
    with site.client(Role.SUPPORT) as support, site.client(Role.ADMIN) as admin:
        assert support.post(path).status_code == 403
        answer = admin.post(path, json={"reason": "the customer asked"})
    assert answer.json()["args"]["token"] == CANARY
    event = rows.exec(select(Event).where(Event.job_id == job.id, Event.name == "job.args_revealed")).one()
    assert (event.reason, CANARY in str(event.data)) == ("the customer asked", False)
    unredacted = rows.connection().execute(
        text("SELECT count(*) FROM idempotency_keys WHERE answer::text LIKE :it"), {"it": f"%{CANARY}%"}
    )
    assert unredacted.scalar() == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_secret_is_hidden_by_its_name_at_any_depth(name: str) -> None:
    assert redacted({"a": [{name: CANARY, "b": 1}]}) == {"a": [{name: HIDDEN, "b": 1}]}
    assert redacted({name: {"inner": CANARY}}) == {name: HIDDEN}
