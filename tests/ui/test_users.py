"""Finding users: by anything that a caller can spell, and those who need help."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session

from core.diagnosis.customer import demo_state
from core.diagnosis.situation import Situation
from core.diagnosis.user_situation import LISTED
from core.health import health_summary
from core.jobs.request import JobOptions, request
from core.models import BackgroundJob, DemoModeStatus, JobStatus, Queue, User, Worker
from core.operations import demo
from core.operations.demo import EnableForm
from core.people.users import find_users, user_page, users_by_situation
from tests.factories import SUPPORT, make_user
from ui.components.base import markup
from ui.components.base.kind_words import kind_label
from ui.components.people import user_lines


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let lines be drawn for no visitor, whose request would say under which path it is served."""
    monkeypatch.setattr(markup, "path_prefix", lambda: "")


@pytest.fixture
def ana(session: Session) -> User:
    make_user(session, email="bob@example.com", name="Bob Builder")
    return make_user(session, email="Ana.Maria@Example.com", name="Ana Maria Souza")


@pytest.mark.parametrize("text", ["ana", "ANA.MARIA@", "Ana Maria", "  ana  ", "souza", "maria@example"])
def test_a_user_is_found_by_e_mail_and_name_in_any_case(session: Session, ana: User, text: str) -> None:
    assert [line.id for line in find_users(session, text)] == [ana.id]


def test_a_user_is_found_by_the_id_and_its_beginning(session: Session, ana: User) -> None:
    for text in (str(ana.id), str(ana.id).upper(), ana.id.hex, str(ana.id)[:35]):
        assert ana.id in [line.id for line in find_users(session, text)]


@pytest.mark.parametrize("text", ["%", "_", "\\", "a%a", "\x00", "'; DROP TABLE users; --"])
def test_signs_of_the_query_language_mean_themselves(session: Session, ana: User, text: str) -> None:
    users = find_users(session, text)
    assert users == [] or text.strip("\x00") == ""


def test_users_are_listed_by_their_situation(session: Session) -> None:
    drifted = make_user(session, demo_mode_status=DemoModeStatus.DISABLING)
    failed = make_user(session, demo_mode_status=DemoModeStatus.FAILED)
    waiting, scheduled, running, orphan, paused = (make_user(session) for _ in range(5))
    later = datetime.now(UTC) + timedelta(hours=1)
    for user in (waiting, running, orphan, paused):
        request(session, demo.enable, user.id, EnableForm(), SUPPORT)
    request(session, demo.enable, scheduled.id, EnableForm(), SUPPORT, JobOptions(run_at=later))
    job_of(session, waiting).run_at = datetime.now(UTC) - timedelta(minutes=5)
    job_of(session, paused).queue = "held"
    session.add(Queue(name="held", paused_at=datetime.now(UTC), paused_by="Ana"))
    held(session, job_of(session, running), silent=timedelta(0))
    held(session, job_of(session, orphan), silent=timedelta(minutes=5))
    session.flush()

    assert {each: ids(session, each) for each in LISTED} == {
        Situation.STUCK: {drifted.id, orphan.id},
        Situation.FAILED: {failed.id},
        Situation.HELD: {paused.id},
        Situation.WAITING: {waiting.id, scheduled.id},
        Situation.MOVING: {running.id},
    }
    assert users_by_situation(session) == {each: len(ids(session, each)) for each in LISTED}
    assert health_summary(session).users == users_by_situation(session), "the status bar and the list mean the same"


@pytest.mark.usefixtures("drawn")
def test_users_who_need_help_are_listed_longest_first_with_since_when_and_why(session: Session) -> None:
    for name, hours in (("new", 1), ("oldest", 9), ("old", 5)):
        user = make_user(session, email=f"{name}@example.com", demo_mode_status=DemoModeStatus.FAILED)
        at = datetime.now(UTC) - timedelta(hours=hours)
        failed = {"kind": "demo.enable", "machine": demo.demo_mode.name, "status": JobStatus.FAILED}
        session.add(BackgroundJob(user_id=user.id, finished_at=at, error_message=f"{name} error\nmore", **failed))
    paused = make_user(session, email="paused@example.com")
    request(session, demo.enable, paused.id, EnableForm(), SUPPORT, JobOptions()).queue = "held"
    session.add(Queue(name="held", paused_at=datetime.now(UTC), paused_by="Ana"))
    session.flush()
    failed_lines = find_users(session, "", Situation.FAILED)
    assert [(line.email.split("@")[0], line.cause) for line in failed_lines] == [
        (name, f"{name} error") for name in ("oldest", "old", "new")
    ]
    ages = [datetime.now(UTC) - line.since for line in failed_lines if line.since]
    assert [round(age / timedelta(hours=1)) for age in ages] == [9, 5, 1]
    assert [line.email for line in find_users(session, "new", Situation.FAILED)] == ["new@example.com"]
    [held_up] = find_users(session, "", Situation.HELD)
    assert held_up.since is not None
    assert kind_label("demo.enable") in user_lines.need_line(held_up), "in words"


def test_a_users_page_has_everything_of_theirs_and_nothing_of_others(session: Session, ana: User) -> None:
    other = make_user(session)
    request(session, demo.enable, other.id, EnableForm(), SUPPORT)
    job = request(session, demo.enable, ana.id, EnableForm(), SUPPORT, JobOptions(reason="on the phone"))
    session.flush()

    page = user_page(session, ana.id)

    assert [row["id"] for row in page.jobs] == [str(job.id)]
    assert [(event.actor, event.reason) for event in page.events] == [(SUPPORT.name, "on the phone")]
    assert page.context is not None
    assert page.context.job.id == job.id


@pytest.mark.parametrize(
    ("error_type", "problem", "shown"),
    [
        ("TryAgain", "did not answer: no connection", "A service that this needs did not answer."),
        ("TryAgain", "answered with an error (503)", "A service that this needs answered with an error."),
        ("TryAgain", "closed the connection early", "A service that this needs broke off its answer."),
        ("TryAgain", "is not ready", "Something that this needs did not work."),
        ("WorkerLost", "", "It was interrupted."),
        ("KeyError", "", "Something went wrong on our side."),
    ],
)
def test_a_creator_reads_what_an_error_means_for_them(
    session: Session, ana: User, error_type: str, problem: str, shown: str
) -> None:
    job = request(session, demo.enable, ana.id, EnableForm(), SUPPORT)
    job.status, job.error_type, job.error_message = JobStatus.FAILED, error_type, f"The secret at 10.0.0.3 {problem}."
    job.finished_at, ana.demo_mode_status = datetime.now(UTC), DemoModeStatus.FAILED
    session.flush()

    error = demo_state(session, ana.id).error

    assert error is not None
    assert error.startswith(shown)
    assert "secret" not in error
    assert str(job.id)[:13] in error


def job_of(session: Session, user: User) -> BackgroundJob:
    context = user_page(session, user.id).context
    assert context is not None
    return context.job


def held(session: Session, job: BackgroundJob, *, silent: timedelta) -> None:
    worker = Worker(host="w", pid=1, threads=1, queues=["demo"], heartbeat_at=datetime.now(UTC) - silent)
    session.add(worker)
    session.flush()
    job.status, job.worker_id, job.token, job.attempt = JobStatus.RUNNING, worker.id, 1, 1


def ids(session: Session, situation: Situation) -> set[object]:
    return {line.id for line in find_users(session, "", situation)}
