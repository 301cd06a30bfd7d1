"""Each situation has one sentence, and a remedy exactly where an operator should act."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlmodel import Session

from core.commands.registry import COMMANDS
from core.diagnosis.cancelling import cancel_offer
from core.diagnosis.capacity import Capacity
from core.diagnosis.context import Controls, JobContext
from core.diagnosis.place import JobPlace
from core.diagnosis.situation import Situation
from core.diagnosis.user import diagnose, diagnose_user
from core.jobs.labels import Label
from core.jobs.losses import lost_again, overdue_again, returned_too_often
from core.jobs.request import request
from core.models import BackgroundJob, DemoModeStatus, JobKind, JobStatus, Queue, User, Worker
from core.operation import CancelOffer, Operation, Progress
from core.operations import OPERATIONS, demo
from core.operations.demo import EnableForm, demo_mode
from core.queues import controls
from tests.factories import ADMIN, SUPPORT, make_user
from ui.components.base.diagnosis_box import ticking

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
CAPACITY = Capacity(workers=2, threads=16, last_seen=NOW)
BUSY = Capacity(workers=2, threads=16, last_seen=NOW, busy=16)
NOBODY = Capacity(workers=0, threads=0, last_seen=NOW - timedelta(minutes=4))


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def job(**values: object) -> BackgroundJob:
    defaults = {
        "kind": "demo.enable",
        "queue": "demo",
        "machine": demo_mode.name,
        "created_at": ago(minutes=3),
        "run_at": ago(seconds=2),
        "updated_at": ago(seconds=3),
    }
    return BackgroundJob(**defaults | values)


def worker(**values: object) -> Worker:
    return Worker(**{"host": "w", "pid": 1, "threads": 8, "heartbeat_at": ago(seconds=2)} | values)


RUNNING = {
    "status": JobStatus.RUNNING,
    "attempt": 1,
    "worker_id": uuid4(),
    "started_at": ago(minutes=1),
    "progress_done": 1240,
    "progress_total": 2000,
    "deadline_at": NOW + timedelta(minutes=4),
}
FAILED = {"status": JobStatus.FAILED, "finished_at": ago(minutes=3), "attempt": 3, "error_message": "No answer.\nmore"}

SITUATIONS = {
    "just asked for": (job(), None, CAPACITY, 0, Situation.WAITING, "starts any moment", None),
    "a queue before it": (job(), None, CAPACITY, 12, Situation.WAITING, "12 jobs are due before it", None),
    "a very long queue": (job(), None, CAPACITY, 1000, Situation.WAITING, "1,000 or more jobs are due", None),
    "overlooked": (
        job(run_at=ago(minutes=2)),
        None,
        CAPACITY,
        0,
        Situation.WAITING,
        "a thread is free; the next sweep",
        None,
    ),
    "all threads busy": (
        job(),
        None,
        BUSY,
        0,
        Situation.WAITING,
        "waits for a thread: all 16 threads that serve it are busy",
        None,
    ),
    "due again, all threads busy": (
        job(attempt=1),
        None,
        BUSY,
        0,
        Situation.WAITING,
        "number 2 of 3 is next in its queue",
        None,
    ),
    "nobody works": (job(), None, NOBODY, 0, Situation.STUCK, "no worker is alive", "job.cancel"),
    "scheduled": (
        job(run_at=NOW + timedelta(hours=3)),
        None,
        CAPACITY,
        0,
        Situation.WAITING,
        "starts in 3 h",
        "job.start_now",
    ),
    "between attempts": (
        job(attempt=1, run_at=NOW + timedelta(seconds=12), error_message="503"),
        None,
        CAPACITY,
        0,
        Situation.WAITING,
        "number 2 of 3 starts in 12 s",
        "job.start_now",
    ),
    "between attempts, nobody works": (
        job(attempt=1),
        None,
        NOBODY,
        0,
        Situation.STUCK,
        "no worker is alive",
        "job.cancel",
    ),
    "running": (job(**RUNNING), worker(), CAPACITY, 0, Situation.MOVING, "1,240 of 2,000", None),
    "running in silence": (
        job(**RUNNING | {"updated_at": ago(minutes=4)}),
        worker(),
        CAPACITY,
        0,
        Situation.STUCK,
        "no progress for 4 min",
        "job.cancel",
    ),
    "its worker is silent": (
        job(**RUNNING),
        worker(heartbeat_at=ago(seconds=21)),
        CAPACITY,
        0,
        Situation.WAITING,
        "silent for 21 s; another takes over in 9 s",
        None,
    ),
    "stopping": (
        job(**RUNNING, cancel_requested_at=ago(seconds=3)),
        worker(),
        CAPACITY,
        0,
        Situation.MOVING,
        "asked to stop 3 s ago",
        None,
    ),
    "stopping, and its worker is lost": (
        job(**RUNNING, cancel_requested_at=ago(seconds=3)),
        worker(heartbeat_at=ago(minutes=6)),
        NOBODY,
        0,
        Situation.STUCK,
        "asked to stop 3 s ago and has lost its worker; the next sweep ends it",
        None,
    ),
    "its worker is lost": (
        job(**RUNNING),
        worker(heartbeat_at=ago(seconds=33)),
        CAPACITY,
        0,
        Situation.WAITING,
        "another one takes over",
        None,
    ),
    "nobody takes over": (
        job(**RUNNING),
        worker(heartbeat_at=ago(minutes=6)),
        CAPACITY,
        0,
        Situation.STUCK,
        "no other worker has taken over",
        "job.cancel",
    ),
    "the last worker is lost": (
        job(**RUNNING),
        worker(heartbeat_at=ago(minutes=6)),
        NOBODY,
        0,
        Situation.STUCK,
        "no other worker is alive",
        "job.cancel",
    ),
    "a lost worker was asked to stop": (
        job(**RUNNING, cancel_requested_at=ago(seconds=4)),
        worker(heartbeat_at=ago(minutes=6)),
        NOBODY,
        0,
        Situation.STUCK,
        "was asked to stop 4 s ago and has lost its worker; the next sweep ends it",
        None,
    ),
    "no checkpoint yet": (
        job(**RUNNING | {"progress_done": 0, "progress_total": 0}, claimed_at=ago(seconds=3)),
        worker(),
        CAPACITY,
        0,
        Situation.MOVING,
        "started 3 s ago, no checkpoint yet",
        None,
    ),
    "its silent worker is the only one": (
        job(**RUNNING),
        worker(heartbeat_at=ago(seconds=21), queues=["demo"]),
        Capacity(workers=0, threads=0, last_seen=ago(seconds=21), silent=1),
        0,
        Situation.WAITING,
        "no other worker serves the queue demo",
        None,
    ),
    "failed": (job(**FAILED), None, CAPACITY, 0, Situation.FAILED, "failed 3 min ago: No answer.", "job.retry"),
}


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS)
def test_each_situation_of_a_job_has_its_sentence_and_remedy(situation: tuple) -> None:
    its_job, its_worker, capacity, ahead, situation, text, remedy = situation
    place = JobPlace(ahead)
    state = DemoModeStatus.FAILED if its_job.status is JobStatus.FAILED else DemoModeStatus.ENABLING
    user = User(email="ana@example.com", demo_mode_status=state)

    diagnosis = diagnose(user, JobContext(NOW, its_job, its_worker, capacity, place))

    assert diagnosis.situation is situation
    assert text in diagnosis.sentence
    assert diagnosis.sentence.startswith("Enabling demo mode")
    assert "\n" not in diagnosis.sentence
    assert (diagnosis.remedy and diagnosis.remedy.command) == remedy
    assert diagnosis.remedy is None or (diagnosis.remedy.target == its_job.id and diagnosis.remedy.effect)


def test_every_remedy_is_a_command_that_exists() -> None:
    remedies = [situation[-1] for situation in SITUATIONS.values() if situation[-1]]
    assert {*remedies, "user.repair", "demo.dismiss"} <= set(COMMANDS)


@pytest.mark.parametrize("state", [DemoModeStatus.ENABLING, DemoModeStatus.DISABLING])
def test_a_state_in_between_without_a_job_is_drift_and_is_repaired(state: DemoModeStatus) -> None:
    user = User(email="ana@example.com", demo_mode_status=state)
    ended = JobContext(NOW, job(status=JobStatus.CANCELLED, finished_at=ago(minutes=9)), None, CAPACITY)

    for context in (None, ended):
        diagnosis = diagnose(user, context)
        assert diagnosis.situation is Situation.STUCK
        assert f"says {state}, but no job is at work" in diagnosis.sentence
        assert diagnosis.remedy is not None
        assert (diagnosis.remedy.command, diagnosis.remedy.target) == ("user.repair", user.id)


def test_failed_without_a_failed_job_is_dismissed() -> None:
    diagnosis = diagnose(User(email="ana@example.com", demo_mode_status=DemoModeStatus.FAILED), None)
    assert diagnosis.remedy is not None
    assert diagnosis.remedy.command == "demo.dismiss"


@pytest.mark.parametrize("state", [DemoModeStatus.DISABLED, DemoModeStatus.ENABLED])
def test_a_user_at_rest_is_fine_and_needs_no_remedy(state: DemoModeStatus) -> None:
    diagnosis = diagnose(User(email="ana@example.com", demo_mode_status=state), None)
    assert (diagnosis.situation, diagnosis.remedy) == (Situation.FINE, None)


def test_the_facts_are_loaded_from_the_database(session: Session) -> None:
    first, second = make_user(session), make_user(session)
    request(session, demo.enable, first.id, EnableForm(), SUPPORT)
    request(session, demo.enable, second.id, EnableForm(), SUPPORT)
    session.flush()

    assert "no worker is alive for the queue demo" in diagnose_user(session, second).sentence

    session.add(Worker(host="w", pid=1, threads=4, queues=["demo"], heartbeat_at=datetime.now(UTC)))
    session.add(Worker(host="x", pid=2, threads=4, queues=["mail"], heartbeat_at=datetime.now(UTC)))
    session.flush()

    assert "1 job is due before it; 4 threads serve the queue" in diagnose_user(session, second).sentence
    assert diagnose_user(session, first).situation is Situation.WAITING


def test_a_job_behind_another_queue_does_not_start_any_moment(session: Session) -> None:
    """Its place is said: first in its queue, every thread at work for another one, and what is more urgent there."""
    session.add(
        Worker(
            id=(busy := uuid4()), host="w", pid=1, threads=2, queues=["demo", "bulk"], heartbeat_at=datetime.now(UTC)
        )
    )
    session.add(Worker(host="x", pid=2, threads=4, queues=["mail"], heartbeat_at=datetime.now(UTC)))
    for number in range(3):
        session.add(BackgroundJob(kind="maintenance.expire_sessions", queue="bulk", priority=-number))
        session.add(BackgroundJob(kind="maintenance.expire_sessions", queue="mail", priority=-number))
        session.add(BackgroundJob(kind="demo.disable", queue="demo", priority=-number))
    session.add(JobKind(kind="demo.disable", **PAUSED))
    user = make_user(session)
    request(session, demo.enable, user.id, EnableForm(), SUPPORT)
    assert "starts any moment" in diagnose_user(session, user).sentence
    for _ in range(2):
        session.add(BackgroundJob(kind="bulk.task", queue="bulk", status=JobStatus.RUNNING, worker_id=busy))
    session.flush()

    diagnosis = diagnose_user(session, user)

    assert diagnosis.situation is Situation.WAITING
    assert diagnosis.sentence == (
        "Enabling demo mode is next in its queue and waits for a thread: all 2 threads that serve it are busy, "
        "and more urgent jobs are due in bulk."
    )
    assert diagnosis.evidence[:2] == (
        "2 of 2 threads that serve the queue demo are busy.",
        "They also serve other queues with due jobs: bulk (3). Each queue has its turns, urgent jobs more.",
    )


def test_every_label_is_explained() -> None:
    from core.diagnosis.job import _EXPLAINED

    assert set(_EXPLAINED) == set(Label)


PAUSED = {"paused_at": ago(minutes=12), "paused_by": "Ana", "paused_reason": "deploying"}
DUE = {"run_at": ago(minutes=2)}


def with_controls(its_job: BackgroundJob, controls: Controls, capacity: Capacity = CAPACITY, ahead: int = 0) -> object:
    user = User(email="ana@example.com", demo_mode_status=DemoModeStatus.ENABLING)
    return diagnose(user, JobContext(NOW, its_job, None, capacity, JobPlace(ahead), controls))


@pytest.mark.parametrize(
    ("controls", "holder", "command", "name"),
    [
        (Controls(queue=Queue(name="demo", **PAUSED)), "queue demo", "queue.resume", "demo"),
        (Controls(kind=JobKind(kind="demo.enable", **PAUSED)), "kind demo.enable", "kind.resume", "demo.enable"),
    ],
)
@pytest.mark.parametrize("values", [{}, DUE, {"attempt": 1}], ids=["new", "overdue", "between attempts"])
def test_a_paused_job_names_the_person_the_time_and_the_reason(
    values: dict, controls: Controls, holder: str, command: str, name: str
) -> None:
    diagnosis = with_controls(job(**values), controls)
    assert diagnosis.sentence == (
        f"Enabling demo mode is not running because {holder} was paused by Ana at 13:48 UTC: deploying."
    )
    assert diagnosis.situation is Situation.HELD
    assert (diagnosis.remedy.command, diagnosis.remedy.args, diagnosis.remedy.label) == (
        command,
        {"name": name},
        "Resume",
    )
    assert COMMANDS[command].form.model_validate(diagnosis.remedy.args)


def test_a_pause_comes_first_and_other_reasons_follow() -> None:
    both = Controls(Queue(name="demo", **PAUSED), JobKind(kind="demo.enable", **PAUSED | {"paused_by": "Bo"}))
    diagnosis = with_controls(job(), both, NOBODY, ahead=4)
    assert "queue demo was paused by Ana" in diagnosis.sentence
    assert "Also, kind demo.enable is paused, by Bo." in diagnosis.evidence
    assert "Also, no worker is alive for the queue demo." in diagnosis.evidence


def test_a_pause_of_another_day_is_dated_and_a_missing_reason_is_named() -> None:
    queue = Queue(name="demo", paused_at=ago(days=2), paused_by="Ana")
    diagnosis = with_controls(job(), Controls(queue=queue))
    assert diagnosis.sentence.endswith("paused by Ana at 14:00 UTC on 20 November, without a reason.")


@pytest.mark.parametrize("values", [{"run_at": NOW + timedelta(hours=3)}, {"attempt": 1, "run_at": NOW + timedelta(3)}])
def test_a_job_that_is_not_due_yet_says_who_holds_it_and_recommends_to_end_that(values: dict) -> None:
    diagnosis = with_controls(job(**values), Controls(queue=Queue(name="demo", **PAUSED)))
    assert (diagnosis.situation, diagnosis.remedy.command) == (Situation.WAITING, "queue.resume")
    assert diagnosis.others[0].command == "job.start_now"
    assert "before queue demo is resumed" in diagnosis.sentence
    assert sum("queue demo was paused by Ana" in each for each in diagnosis.evidence) == 1
    assert not any("start then" in each for each in diagnosis.evidence), "the sentence has said so"
    assert "Can it be resumed?" in diagnosis.for_admins


@pytest.mark.parametrize("values", [{"run_at": NOW + timedelta(hours=3)}, {"attempt": 1, "run_at": NOW + timedelta(3)}])
def test_start_now_is_not_recommended_where_a_limit_of_0_would_hold_the_job(values: dict) -> None:
    limited = JobKind(kind="demo.enable", max_running=0, limited_by="Bo", limited_at=ago(minutes=5))
    diagnosis = with_controls(job(**values), Controls(kind=limited))
    assert (diagnosis.remedy.command, diagnosis.others[0].command) == ("kind.limit", "job.start_now")
    assert "Can the limit be raised?" in diagnosis.for_admins
    assert any(each.startswith("The limit was set by Bo") for each in diagnosis.evidence)


ONE, TWO = uuid4(), uuid4()
LIMITS = {
    "none may start": ({"max_running": 0}, {}, Situation.HELD, "its limit is 0"),
    "all in use": (
        {"max_running": 2},
        {ONE: 2},
        Situation.WAITING,
        "at most 2 jobs of demo.enable run at once, and 2 are running",
    ),
    "the only one in use": (
        {"max_running": 1},
        {ONE: 1},
        Situation.WAITING,
        "at most 1 job of demo.enable runs at once, and 1 is running",
    ),
    "every worker's share in use": (
        {"max_per_worker": 1},
        {ONE: 1, TWO: 2},
        Situation.WAITING,
        "every worker is at this limit",
    ),
    "rate spent": (
        {"rate_count": 2, "rate_seconds": 60, "rate_left": 0.5, "rate_at": NOW},
        {},
        Situation.WAITING,
        "at most 2 jobs of demo.enable start in 60 s; the next one can start in 15 s",
    ),
}


@pytest.mark.parametrize("situation", LIMITS.values(), ids=LIMITS)
def test_a_job_that_a_limit_holds_back_says_which(situation: tuple) -> None:
    limits, running, situation, text = situation
    diagnosis = with_controls(
        job(**DUE), Controls(kind=JobKind(kind="demo.enable", **limits), running=running), ahead=3
    )
    assert text in diagnosis.sentence
    assert diagnosis.situation is situation
    assert (diagnosis.remedy and diagnosis.remedy.command) == ("kind.limit" if situation is Situation.HELD else None)
    assert "3 due jobs in the queue before it." in diagnosis.evidence


@pytest.mark.parametrize(
    ("limits", "running"),
    [
        ({"max_running": 2}, {ONE: 1}),
        ({"max_per_worker": 2}, {ONE: 2, TWO: 1}),
        ({"rate_count": 2, "rate_seconds": 60, "rate_left": 0.5, "rate_at": ago(seconds=15)}, {}),
        ({"rate_count": 2, "rate_seconds": 60}, {}),
    ],
)
def test_a_limit_with_room_holds_no_job_back(limits: dict, running: dict) -> None:
    diagnosis = with_controls(job(), Controls(kind=JobKind(kind="demo.enable", **limits), running=running))
    assert "starts any moment" in diagnosis.sentence


def test_pauses_and_limits_are_loaded_from_the_database(session: Session) -> None:
    user = make_user(session)
    request(session, demo.enable, user.id, EnableForm(), SUPPORT)
    session.add(Worker(host="w", pid=1, threads=4, queues=["demo"], heartbeat_at=datetime.now(UTC)))
    controls.limit_kind(session, controls.Limits(name="demo.enable", max_running=0), ADMIN, None)
    session.flush()
    assert "its limit is 0" in diagnose_user(session, user).sentence
    controls.pause_queue(session, "demo", ADMIN, "deploying")
    session.flush()
    session.expire_all()
    assert f"queue demo was paused by {ADMIN.name} at" in diagnose_user(session, user).sentence


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_a_cancel_promises_what_its_operation_does(operation: Operation[Any, Any]) -> None:
    far = {"progress_done": 700, "progress_total": 2000, "progress_message": "700 of 2,000 interactions"}
    begun = BackgroundJob(kind=operation.name, status=JobStatus.RUNNING, token=1, started_at=datetime.now(UTC), **far)
    effect = operation.on_cancel(Progress(700, 2000, "700 of 2,000 interactions")).effect
    says_how_far = operation.machine == demo_mode and operation is not demo.switch
    assert ("700 of 2,000" in effect) == says_how_far, "what is counted is said from how far the job is"
    assert cancel_offer(begun).effect == f"It stops at its next checkpoint. {effect}"
    released = BackgroundJob(kind=operation.name, status=JobStatus.QUEUED, token=1, started_at=datetime.now(UTC), **far)
    assert cancel_offer(released).effect == f"It ends at once. {effect}"
    untouched = BackgroundJob(kind=operation.name, status=JobStatus.QUEUED, token=0)
    assert cancel_offer(untouched) == CancelOffer("Cancel", "It ends at once; it has changed nothing yet.")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_only_what_can_be_taken_back_is_called_cancel(operation: Operation[Any, Any]) -> None:
    begun = BackgroundJob(
        kind=operation.name, status=JobStatus.RUNNING, token=1, started_at=datetime.now(UTC), progress_done=700
    )
    is_back = operation.cancelled_state in operation.source and operation.cancelled_state != demo_mode.failed
    assert (cancel_offer(begun).label == "Cancel") is is_back


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS)
def test_customers_read_no_word_of_the_operators(situation: tuple) -> None:
    its_job, its_worker, capacity, ahead, *_ = situation
    user = User(email="ana@example.com", demo_mode_status=DemoModeStatus.ENABLING)
    diagnosis = diagnose(user, JobContext(NOW, its_job, its_worker, capacity, JobPlace(ahead)))
    assert diagnosis.customer.endswith(".")
    for inside in ("worker", "queue", "sweep", "checkpoint", "heartbeat", "python", "thread", "No answer"):
        assert inside not in diagnosis.customer.lower()


def test_an_accepted_cancel_is_offered_nowhere_again() -> None:
    for its_job, its_worker, capacity, *_ in SITUATIONS.values():
        if its_job.status is JobStatus.RUNNING:
            its_job = its_job.model_copy(update={"cancel_requested_at": ago(seconds=1)})
            user = User(email="ana@example.com", demo_mode_status=DemoModeStatus.ENABLING)
            diagnosis = diagnose(user, JobContext(NOW, its_job, its_worker, capacity))
            assert (diagnosis.remedy, diagnosis.others) == (None, ())
            assert "asked to stop" in diagnosis.sentence
            assert "asked to stop" in diagnosis.customer


@pytest.mark.parametrize(
    ("values", "retries"),
    [
        ({"error_type": "GiveUp"}, False),
        ({"error_type": "WorkerLost", "error_fingerprint": lost_again(3).fingerprint}, False),
        ({"error_type": "WorkerLost", "error_fingerprint": overdue_again(2).fingerprint}, False),
        ({"error_type": "WorkerLost", "error_fingerprint": returned_too_often(13).fingerprint}, False),
        ({"error_type": "WorkerLost"}, True),
        ({"error_type": "WorkerLost", "attempt": 1, "max_attempts": 1}, True),
        ({"error_type": "TryAgain"}, True),
        ({"error_type": "KeyError"}, True),
    ],
)
def test_what_is_final_is_dismissed_and_told_and_never_retried(values: dict, retries: bool) -> None:
    user = User(email="ana@example.com", demo_mode_status=DemoModeStatus.FAILED)
    secret = "The demo service at http://10.0.0.3:9 sent an invalid response."
    its_job = job(**FAILED | {"user_id": user.id, "error_message": secret} | values)
    diagnosis = diagnose(user, JobContext(NOW, its_job, None, CAPACITY))
    assert diagnosis.remedy.command == ("job.retry" if retries else "demo.dismiss")
    assert diagnosis.remedy.target == (its_job.id if retries else user.id)
    assert bool(diagnosis.for_admins) is not retries
    assert "10.0.0.3" in diagnosis.sentence
    assert "10.0.0.3" not in diagnosis.customer
    assert str(its_job.id)[:13] in diagnosis.customer
    assert ("try again" in diagnosis.customer.lower()) is retries


def test_a_second_attempt_says_why_the_first_one_ended() -> None:
    its_job = job(**RUNNING | {"attempt": 2}, error_message="The worker died.")
    diagnosis = diagnose(User(email="a@b.c", demo_mode_status="enabling"), JobContext(NOW, its_job, worker(), CAPACITY))
    assert "The attempt before this one ended with: The worker died." in diagnosis.evidence


def test_workers_of_other_queues_are_no_sign_of_life(session: Session) -> None:
    user = make_user(session)
    request(session, demo.enable, user.id, EnableForm(), SUPPORT)
    session.add(Worker(host="x", pid=2, threads=4, queues=["mail"], heartbeat_at=datetime.now(UTC)))
    session.flush()
    assert "This queue has never had a worker." in diagnose_user(session, user).evidence


def test_a_resume_says_how_many_jobs_it_starts_and_what_helps_without_it(session: Session) -> None:
    for _ in range(3):
        user = make_user(session)
        request(session, demo.enable, user.id, EnableForm(), SUPPORT)
    controls.pause_queue(session, "demo", ADMIN, "deploying")
    session.flush()
    diagnosis = diagnose_user(session, user)
    waiting = "Jobs of the queue demo can start again; 3 are waiting"
    still = "This one would still wait: no worker is alive for the queue demo."
    assert diagnosis.remedy.effect == f"{waiting}. {still}"
    session.add(Worker(host="w", pid=1, threads=4, queues=["demo"], heartbeat_at=datetime.now(UTC)))
    session.flush()
    assert diagnose_user(session, user).remedy.effect == f"{waiting}, this one among them."
    assert [each.command for each in diagnosis.others] == ["job.cancel"]
    assert "deploying" in diagnosis.for_admins
    assert "deploying" not in diagnosis.customer


def test_ages_in_seconds_go_on_in_the_browser_and_rounded_ones_stay() -> None:
    sentence = "demo.enable <b> failed 7 s ago; it was requested 3 min ago, 45 items ago."
    shown = ticking(sentence, NOW)
    assert f'at="{(NOW - timedelta(seconds=7)).isoformat()}"' in shown
    assert shown.count("<time-text") == 1
    assert "3 min ago, 45 items ago." in shown
    assert "&lt;b&gt;" in shown
    assert ticking("No problem found.", NOW) == "<span>No problem found.</span>"
