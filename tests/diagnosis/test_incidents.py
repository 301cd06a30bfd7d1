"""What holds up many at once is said in one sentence, with the jobs that it is about."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, col, delete

from core.diagnosis.failing import FEWEST, WITHIN
from core.diagnosis.incidents import MOST, incidents
from core.job_list.filters import JobFilter
from core.job_list.queries import page
from core.models import BackgroundJob, DemoModeStatus, JobKind, JobStatus, Queue, User, Worker
from core.operations.demo import demo_mode
from core.wording import clock_time
from tests.factories import make_user

NOW = datetime.now(UTC)
PAUSED = {"paused_at": NOW, "paused_by": "Ana", "paused_reason": "deploying.\nSoon over"}


def waiting(session: Session, number: int, queue: str, kind: str = "demo.enable", **values: object) -> None:
    session.add_all(BackgroundJob(kind=kind, queue=queue, **values) for _ in range(number))


def serve(session: Session, *queues: str, silent: timedelta = timedelta(0)) -> Worker:
    beat = datetime.now(UTC) - silent
    session.add(worker := Worker(host="w", pid=1, threads=1, queues=list(queues), heartbeat_at=beat))
    return worker


def sentences(session: Session) -> list[str]:
    session.flush()
    return [each.sentence for each in incidents(session, NOW)]


def test_while_all_is_well_there_is_none(session: Session) -> None:
    serve(session, "demo")
    waiting(session, 3, "demo")
    waiting(session, 1, "later", run_at=NOW + timedelta(hours=1))
    session.add(Queue(name="empty", **PAUSED))
    assert sentences(session) == []


def test_a_pause_with_waiting_jobs_names_who_since_when_why_and_how_many(session: Session) -> None:
    serve(session, "demo", "mail")
    session.add_all([Queue(name="demo", **PAUSED), JobKind(kind="mail.send", paused_at=NOW, paused_by="Sam")])
    waiting(session, 2, "demo")
    waiting(session, 1, "mail", "mail.send")
    at = clock_time(NOW, datetime.now(UTC))
    assert sentences(session) == [
        f"The queue demo is paused by Ana since {at}: deploying. Soon over · 2 jobs wait",
        f"The kind mail.send is paused by Sam since {at}, without a reason · 1 job waits",
    ]
    assert [each.jobs for each in incidents(session, NOW)] == [
        {"due": "yes", "queue": "demo"},
        {"due": "yes", "kind": "mail.send"},
    ]


def test_a_queue_without_a_live_worker_says_since_when(session: Session) -> None:
    silent = serve(session, "demo", silent=timedelta(minutes=3))
    serve(session, "other")
    waiting(session, MOST + 5, "demo")
    waiting(session, 1, "never")
    assert sentences(session) == [
        f"No worker serves the queue demo since {clock_time(silent.heartbeat_at, NOW)} · 1,000 or more jobs wait",
        "No worker serves the queue never · 1 job waits",
    ]


def test_no_worker_is_an_incident_before_any_job_waits(session: Session) -> None:
    assert sentences(session) == ["No worker is alive: no job starts"]
    silent = serve(session, "demo", silent=timedelta(minutes=3))
    assert sentences(session) == [f"No worker is alive since {clock_time(silent.heartbeat_at, NOW)}: no job starts"]
    [incident] = incidents(session, NOW)
    assert hash(incident), "the status bar is kept by the health that it shows"
    assert (incident.jobs, incident.is_held) == ({}, False)
    session.add(Queue(name="demo", **PAUSED))
    waiting(session, 2, "demo")
    waiting(session, 1, "mail")
    at = clock_time(silent.heartbeat_at, NOW)
    none = f"No worker is alive since {at}: no job starts · 3 jobs wait"
    assert sentences(session)[0] == none, "said once, beside the pause, and not of each queue"
    assert incidents(session, NOW)[0].jobs == {"due": "yes"}
    session.execute(delete(BackgroundJob).where(col(BackgroundJob.queue) == "mail"))
    serve(session, "other")
    assert sentences(session)[0] == f"No worker serves the queue demo since {at} · 2 jobs wait"
    assert [each.is_held for each in incidents(session, NOW)] == [False, True]


@pytest.mark.parametrize("limit", [{"max_running": 0}, {"max_per_worker": 0}, {"max_per_worker": 0, "max_running": 4}])
def test_a_kind_that_is_limited_to_no_job_is_named(session: Session, limit: dict[str, int]) -> None:
    serve(session, "demo")
    session.add(JobKind(kind="demo.disable", **limit))
    waiting(session, 2, "demo", "demo.disable")
    assert sentences(session) == ["The kind demo.disable is limited to 0 running jobs · 2 jobs wait"]


def fail(session: Session, at: datetime, message: str = "The service answered 503.\nmore", error: str = "f00") -> User:
    """Add a user whose job failed."""
    user = make_user(session, demo_mode_status=DemoModeStatus.FAILED)
    values = {"error_type": "TryAgain", "error_message": message, "error_fingerprint": error}
    job = BackgroundJob(kind="demo.enable", queue="demo", machine=demo_mode.name, user_id=user.id, **values)
    job.status, job.created_at, job.finished_at = JobStatus.FAILED, at - timedelta(days=2), at
    session.add(job)
    session.flush()
    return user


def test_an_error_of_several_users_is_named_with_its_beginning_and_opens_their_jobs(session: Session) -> None:
    now = datetime.now(UTC)
    serve(session, "demo")
    first = now - timedelta(hours=2)
    fail(session, first)
    for number in range(FEWEST - 1):
        fail(session, now - timedelta(minutes=number))
    fail(session, now, error="another")
    assert sentences(session) == [], "one user less than it takes"
    fail(session, now)
    beginning = clock_time(first, now)
    assert sentences(session) == [f"{FEWEST + 1} users failed since {beginning}: The service answered 503."]
    [incident] = incidents(session, now)
    assert not incident.is_held
    job_filter = JobFilter.from_params(incident.jobs)
    assert len({row["user_id"] for row in page(session, job_filter).items}) == FEWEST + 1


def test_the_incident_of_an_error_ends_when_no_one_fails_with_it_any_more(session: Session) -> None:
    now = datetime.now(UTC)
    serve(session, "demo")
    for number in range(FEWEST):
        fail(session, now - WITHIN - timedelta(seconds=1 + number))
    assert sentences(session) == []


def test_the_incident_of_an_error_ends_when_the_failures_are_dealt_with(session: Session) -> None:
    now = datetime.now(UTC)
    serve(session, "demo")
    users = [fail(session, now) for _ in range(FEWEST)]
    assert len(sentences(session)) == 1
    users[0].demo_mode_status = DemoModeStatus.DISABLED
    assert sentences(session) == []


def test_one_user_who_fails_again_and_again_is_no_incident(session: Session) -> None:
    serve(session, "demo")
    user = fail(session, NOW)
    values = {"error_type": "X", "error_message": "no", "error_fingerprint": "f00", "finished_at": NOW}
    session.add_all(
        BackgroundJob(kind="x", user_id=user.id, status=JobStatus.FAILED, **values) for _ in range(2 * FEWEST)
    )
    assert sentences(session) == []
