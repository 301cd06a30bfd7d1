"""What holds up many at once is said in one sentence, with the jobs that it is about."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session

from core.diagnosis.incidents import MOST, incidents
from core.models import BackgroundJob, JobKind, Queue, Worker

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
    at = f"{NOW:%H:%M} UTC"
    assert sentences(session) == [
        f"The queue demo is paused by Ana since {at}: deploying. Soon over · 2 jobs wait",
        f"The kind mail.send is paused by Sam since {at}, without a reason · 1 job waits",
    ]
    assert [each.href for each in incidents(session, NOW)] == [
        "/jobs?due=yes&queue=demo",
        "/jobs?due=yes&kind=mail.send",
    ]


def test_a_queue_without_a_live_worker_says_since_when(session: Session) -> None:
    silent = serve(session, "demo", silent=timedelta(minutes=3))
    waiting(session, MOST + 5, "demo")
    waiting(session, 1, "never")
    assert sentences(session) == [
        f"No worker serves the queue demo since {silent.heartbeat_at:%H:%M} UTC · 1,000 or more jobs wait",
        "No worker serves the queue never · 1 job waits",
    ]


@pytest.mark.parametrize("limit", [{"max_running": 0}, {"max_per_worker": 0}, {"max_per_worker": 0, "max_running": 4}])
def test_a_kind_that_is_limited_to_no_job_is_named(session: Session, limit: dict[str, int]) -> None:
    serve(session, "demo")
    session.add(JobKind(kind="demo.disable", **limit))
    waiting(session, 2, "demo", "demo.disable")
    assert sentences(session) == ["The kind demo.disable is limited to 0 running jobs · 2 jobs wait"]
