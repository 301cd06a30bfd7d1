"""Who else is in the same trouble: counted as the list counts, said to operators, and to customers without numbers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session
from starlette.testclient import TestClient

from core.diagnosis.alike import DEPTH, MOST, NOT_ALONE
from core.diagnosis.answer import CountedJobs, Diagnosis
from core.diagnosis.customer import demo_state
from core.diagnosis.user import diagnose_user, explain_job
from core.job_list.filters import JobFilter
from core.job_list.queries import page
from core.models import BackgroundJob, DemoModeStatus, JobKind, JobStatus, Queue, Role, User, Worker
from core.operations.demo import demo_mode
from core.wording import clock_time
from tests.api.conftest import anonymous, signed_in  # noqa: F401 - fixtures

SignIn = Callable[[Role], tuple[TestClient, User]]
NOW = datetime.now(UTC)
ERROR = {"error_type": "TryAgain", "error_message": "No answer.", "error_fingerprint": "f00"}


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def job_of(session: Session, state: DemoModeStatus, **values: object) -> BackgroundJob:
    """Add a user in a state, with the job that brought them there."""
    user = User(email=f"{uuid4()}@example.com", demo_mode_status=state)
    session.add(user)
    session.flush()
    job = {"kind": "demo.enable", "queue": "demo", "machine": demo_mode.name, "created_at": ago(hours=1), "attempt": 3}
    session.add(made := BackgroundJob(**{**job, **values}, user_id=user.id))
    session.flush()
    return made


def failed(session: Session, **values: object) -> BackgroundJob:
    ended = {"status": JobStatus.FAILED, "finished_at": ago(minutes=5), **ERROR}
    return job_of(session, DemoModeStatus.FAILED, **{**ended, **values})


def retrying(session: Session, **values: object) -> BackgroundJob:
    pauses = {"attempt": 1, "run_at": NOW + timedelta(minutes=1), **ERROR}
    return job_of(session, DemoModeStatus.ENABLING, **{**pauses, **values})


def due(session: Session, **values: object) -> BackgroundJob:
    return job_of(session, DemoModeStatus.ENABLING, **{"attempt": 0, "run_at": ago(seconds=30), **values})


def serve(session: Session) -> None:
    session.add(Worker(host="w", pid=1, threads=1, queues=["demo"], heartbeat_at=datetime.now(UTC)))


def diagnosis_of(session: Session, job: BackgroundJob) -> Diagnosis:
    return diagnose_user(session, session.get_one(User, job.user_id))


def opened(session: Session, fact: CountedJobs) -> set[UUID]:
    rows = page(session, JobFilter.from_params(fact.jobs), limit=200).items
    return {UUID(row["id"]) for row in rows}


@pytest.fixture
def many_failed(session: Session) -> list[BackgroundJob]:
    """Add five failures of one reason; and what is not among them: settled, old, another reason, without a user."""
    serve(session)
    first = ago(minutes=50)
    five = [failed(session, finished_at=first + timedelta(minutes=5 * number)) for number in range(5)]
    settled = failed(session)
    session.add(BackgroundJob(kind="demo.enable", status=JobStatus.QUEUED, retry_of=settled.id))
    failed(session, finished_at=ago(hours=25), created_at=ago(hours=26))
    failed(session, error_fingerprint="another")
    session.add(BackgroundJob(kind="x", status=JobStatus.FAILED, finished_at=ago(minutes=3), **ERROR))
    session.flush()
    return five


def test_a_failure_says_how_many_other_users_failed_alike_and_opens_their_jobs(
    session: Session, many_failed: list[BackgroundJob]
) -> None:
    own = failed(session)
    since = clock_time(many_failed[0].finished_at or NOW, NOW)
    for diagnosis in (diagnosis_of(session, own), explain_job(session, own.id)):
        [fact] = diagnosis.alike
        assert fact.sentence == f"5 other users failed for the same reason since {since}."
        assert opened(session, fact) == {job.id for job in many_failed}


def test_of_those_who_pause_after_the_same_error_a_failure_and_a_pause_tell(session: Session) -> None:
    serve(session)
    own, other = failed(session), retrying(session)
    retrying(session, error_fingerprint="another")
    [fact] = diagnosis_of(session, own).alike
    assert fact.sentence == "1 other user waits for another attempt after the same error."
    assert opened(session, fact) == {other.id}
    [fact] = diagnosis_of(session, other).alike
    assert fact.sentence.startswith("1 other user failed for the same reason since ")
    assert opened(session, fact) == {own.id}


def test_without_a_worker_those_who_wait_for_one_are_counted_and_no_others(session: Session) -> None:
    own, *others = [due(session) for _ in range(13)]
    due(session, run_at=NOW + timedelta(hours=1))
    due(session, queue="mail")
    session.add(JobKind(kind="demo.disable", paused_at=NOW, paused_by="Ana"))
    due(session, kind="demo.disable")
    [fact] = diagnosis_of(session, own).alike
    assert fact.sentence == "12 other users wait for a worker of this queue."
    assert opened(session, fact) == {job.id for job in others}
    planned = due(session, run_at=NOW + timedelta(hours=1))
    assert diagnosis_of(session, planned).alike == (), "it waits for its time"
    serve(session)
    assert diagnosis_of(session, own).alike == (), "they wait for their turn, which the diagnosis says by itself"


def test_behind_a_pause_no_one_waits_for_a_worker(session: Session) -> None:
    session.add(Queue(name="demo", paused_at=NOW, paused_by="Ana"))
    own, _ = due(session), due(session)
    assert diagnosis_of(session, own).alike == ()


def test_counting_stops_and_says_so(session: Session) -> None:
    serve(session)
    own = failed(session)
    everyone = [failed(session, finished_at=ago(minutes=1), created_at=ago(minutes=2)) for _ in range(MOST + 1)]
    since = clock_time(ago(minutes=1), NOW)
    [fact] = diagnosis_of(session, own).alike
    assert fact.sentence == f"More than 100 other users failed for the same reason since {since} or earlier."
    assert opened(session, fact) == {job.id for job in everyone}
    settled = {
        "kind": "demo.enable",
        "machine": demo_mode.name,
        "status": JobStatus.FAILED,
        "user_id": everyone[0].user_id,
    }
    session.add_all(BackgroundJob(**settled, **ERROR, finished_at=NOW, created_at=NOW) for _ in range(DEPTH))
    session.flush()
    [fact] = diagnosis_of(session, own).alike
    assert fact.sentence.startswith("1 or more other users failed"), "it reads no more than the newest jobs"


def test_customers_read_that_they_are_not_alone_and_no_number(
    session: Session, many_failed: list[BackgroundJob]
) -> None:
    customer = demo_state(session, failed(session).user_id).sentence
    assert customer.endswith(NOT_ALONE)
    assert "5" not in customer.replace(customer.split("number: ")[1].split(".")[0], "")
    alone = demo_state(session, failed(session, error_fingerprint="mine").user_id).sentence
    assert NOT_ALONE not in alone
    assert "We know" not in customer, "no person was told"


def test_the_message_to_the_admins_names_the_user_and_how_many_others_are_in_the_same_trouble(
    session: Session,
) -> None:
    error = {"error_type": "GiveUp", "error_message": "It is broken", "error_fingerprint": "f00"}
    own, _, _ = (failed(session, **error) for _ in range(3))
    waits, _ = due(session), due(session)
    for job, others in ((own, "2 other users failed for the same reason"), (waits, "1 other user waits")):
        email = session.get_one(User, job.user_id).email
        for diagnosis in (diagnosis_of(session, job), explain_job(session, job.id)):
            assert f". It is about {email}. {others}" in diagnosis.for_admins


def test_programs_get_the_filter_with_the_number_and_members_neither(
    session: Session,
    many_failed: list[BackgroundJob],
    signed_in: SignIn,  # noqa: F811
) -> None:
    support, _ = signed_in(Role.SUPPORT)
    member, user = signed_in(Role.MEMBER)
    own = failed(session)
    session.flush()
    own.user_id = user.id
    session.merge(user).demo_mode_status = DemoModeStatus.FAILED
    session.commit()
    for address in (f"/api/users/{user.id}/diagnosis", f"/api/jobs/{own.id}/explain"):
        [fact] = support.get(address).json()["alike"]
        assert fact["sentence"].startswith("5 other users failed")
        assert support.get("/api/jobs", params=fact["jobs"]).json()["total"] == {"value": 5, "exact": True}
    answer = member.get("/api/demo/status")
    assert NOT_ALONE in answer.text
    assert "other user" not in answer.text


def test_a_failure_that_is_dealt_with_tells_of_no_others(session: Session, many_failed: list[BackgroundJob]) -> None:
    own = failed(session)
    session.add(BackgroundJob(kind="demo.enable", retry_of=own.id))
    session.flush()
    assert explain_job(session, own.id).alike == ()


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    executed: list[str] = []

    def note(*arguments: object) -> None:
        executed.append(str(arguments[2]))

    event.listen(engine, "before_cursor_execute", note)
    yield executed
    event.remove(engine, "before_cursor_execute", note)


def test_only_those_who_fail_or_are_stuck_cost_a_statement_more(engine: Engine, session: Session) -> None:
    cases = {
        "waiting": lambda: due(session),
        "failed": lambda: failed(session),
        "pauses": lambda: retrying(session),
        "unserved": lambda: due(session, queue="mail"),
        "done": lambda: job_of(session, DemoModeStatus.ENABLED, status=JobStatus.SUCCEEDED, finished_at=NOW),
    }
    serve(session)
    jobs = {name: made() for name, made in cases.items()}
    session.commit()
    more = {}
    for name, job in jobs.items():
        with Session(engine) as other, statements(engine) as executed:
            explain_job(other, job.id)
        more[name] = len([each for each in executed if "other_than" in each])
    assert more == {"waiting": 0, "failed": 1, "pauses": 1, "unserved": 1, "done": 0}
