"""The doctor finds each damage done to the database by hand, by name, with a remedy."""

import subprocess
from contextlib import nullcontext

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core import clock
from core.database.engine import connect, session_scope
from core.diagnosis.invariants import INVARIANTS, violations
from core.messages.outbox import Message, put
from core.models import BackgroundJob, Queue, Worker
from core.queues.controls import known_queues, pause_queue
from core.wording import PROGRAM
from tests import driving
from tests.factories import ADMIN, make_user
from ui.cli import doctor as doctor_module
from ui.cli.doctor import examine, examine_all

DAMAGES = {
    "one ending": """INSERT INTO events (name, job_id) SELECT 'job.failed', id FROM background_jobs
                             WHERE status = 'succeeded'""",
    "ended is dated": "UPDATE background_jobs SET finished_at = NULL WHERE status = 'succeeded'",
    "status agrees with the events": "UPDATE background_jobs SET status = 'cancelled' WHERE status = 'succeeded'",
    "cancel is kept": "UPDATE background_jobs SET cancel_requested_at = now() WHERE status = 'succeeded'",
    "attempts are bounded": "UPDATE background_jobs SET attempt = 9 WHERE status = 'succeeded'",
    "token never goes back": """INSERT INTO job_attempts (job_id, token, attempt, outcome)
                                SELECT id, 2, 1, 'lost' FROM background_jobs WHERE status = 'succeeded'""",
    "one success": "UPDATE background_jobs SET token = 2 WHERE status = 'succeeded'",
    "one holder": "INSERT INTO job_attempts (job_id, token, attempt) SELECT id, 1, 1 FROM background_jobs",
    "running is claimed": """UPDATE background_jobs SET status = 'running', finished_at = NULL
                             WHERE status = 'succeeded'""",
    "queued has no worker": "UPDATE background_jobs SET status = 'queued' WHERE status = 'running'",
    "one active job": """DROP INDEX uq_background_jobs_one_active;
                         UPDATE background_jobs SET status = 'queued', finished_at = NULL, worker_id = NULL;
                         UPDATE background_jobs SET user_id = (SELECT id FROM users LIMIT 1)""",
    "transitional means active job": """UPDATE background_jobs SET status = 'cancelled', finished_at = now()
                                        WHERE status = 'running'""",
    "state says what the last job says": "UPDATE users SET demo_mode_status = 'failed'",
    "done is complete": "DELETE FROM interactions WHERE id IN (SELECT id FROM interactions WHERE is_demo LIMIT 1)",
    "off leaves nothing": "UPDATE users SET demo_mode_status = 'disabled' WHERE demo_mode_status = 'enabled'",
    "rows are readable": "UPDATE users SET created_at = 'infinity'",
    "a message says what became of it": "UPDATE notifications SET next_at = NULL",
    "no message waits for ever": "UPDATE notifications SET give_up_at = now() - interval '25 hours'",
    "requested once": """INSERT INTO events (name, job_id) SELECT 'job.requested', id FROM background_jobs
                         WHERE status = 'succeeded'""",
}


@pytest.fixture
def healthy(engine: Engine) -> Engine:
    """Return a database with one user whose demo mode is on, and one whose is being switched on."""
    for _ in range(2):
        user = driving.prepare(engine, driving.BY_NAME["demo.enable"])
        driving.ask(engine, driving.BY_NAME["demo.enable"], user, {"preset": "nano"})
    with session_scope(engine) as session:
        put(session, Message(template="demo_ready", user_id=user))
    driving.run_next(engine)
    driving.must_take(engine)
    return engine


def broken(engine: Engine) -> dict[str, str]:
    with Session(engine) as session:
        return {violation.invariant.name: violation.invariant.remedy for violation in violations(session)}


def test_a_healthy_database_breaks_nothing(healthy: Engine) -> None:
    assert broken(healthy) == {}


def test_every_invariant_has_a_damage_that_shows_it() -> None:
    assert {invariant.name for invariant in INVARIANTS} == set(DAMAGES)


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_by_hand_is_found_and_the_remedy_named(healthy: Engine, name: str) -> None:
    with session_scope(healthy) as session:
        for statement in DAMAGES[name].split(";"):
            session.connection().execute(text(statement))
    remedies = broken(healthy)
    assert name in remedies
    assert len(remedies[name]) > 20


def test_the_cheap_check_finds_broken_live_rows(healthy: Engine) -> None:
    with session_scope(healthy) as session:
        session.connection().execute(text(DAMAGES["queued has no worker"]))
    with Session(healthy) as session:
        assert "queued has no worker" in {
            violation.invariant.name for violation in violations(session, cheap_only=True)
        }


def test_the_doctor_says_that_the_database_is_read_only(engine: Engine, database_url: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"ALTER DATABASE {engine.url.database} SET default_transaction_read_only = on"))
    closed = connect(database_url)
    try:
        assert [each.problem for each in examine_all(closed) if not each.is_held] == ["database is read-only"]
    finally:
        closed.dispose()
        with engine.begin() as connection:
            connection.execute(text(f"ALTER DATABASE {engine.url.database} RESET default_transaction_read_only"))


def test_a_result_that_holds_no_number_is_a_finding_and_hides_no_other(healthy: Engine) -> None:
    with session_scope(healthy) as session:
        result = "UPDATE background_jobs SET result = '{\"interactions\": \"many\"}' WHERE kind = 'demo.enable'"
        session.connection().execute(text(result))
    assert "done is complete" in broken(healthy)


@pytest.mark.parametrize("email", ["$(exit 1)@example.com", "a'b; id@example.com", "--json@example.com"])
def test_a_command_to_copy_passes_an_address_as_one_argument_and_does_nothing_else(engine: Engine, email: str) -> None:
    with session_scope(engine) as session:
        make_user(session, email=email, demo_mode_status="enabling")
    with Session(engine) as session:
        [finding] = [each for each in examine(session) if each.problem == "stuck user"]
    command = f"printf '%s ' {finding.remedy}"
    shown = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    options = "-- " if email.startswith("-") else ""
    assert shown == f"{PROGRAM} users diagnose {options}{email} "


def said(engine: Engine) -> list[tuple[str, str, bool]]:
    with Session(engine) as session:
        return [(each.problem, each.says, each.is_held) for each in examine(session)]


def test_a_paused_queue_with_waiting_jobs_is_said_and_fails_no_check(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    driving.new_worker(engine)
    driving.ask(engine, driving.BY_NAME["demo.enable"], driving.prepare(engine, driving.BY_NAME["demo.enable"]))
    with session_scope(engine) as session:
        pause_queue(session, "demo", ADMIN, "deploying")
    [sentence] = [sentence for problem, sentence, is_held in said(engine) if problem == "held" and is_held]
    assert "queue demo is paused by ada@unstuck.example" in sentence
    assert "deploying · 1 job waits" in sentence
    monkeypatch.setattr(doctor_module, "opened", lambda: nullcontext(engine))
    doctor_module.doctor()
    output = capsys.readouterr().out
    assert "held: The queue demo is paused" in output
    assert "Besides, all invariants hold" in output


def test_a_queue_that_no_worker_serves_fails_the_check_while_jobs_wait(engine: Engine) -> None:
    with session_scope(engine) as session:
        session.add(Worker(host="w", pid=1, threads=1, queues=known_queues()))
    assert said(engine) == []
    with session_scope(engine) as session:
        session.add(BackgroundJob(kind="demo.enable", queue="other"))
    assert said(engine) == [("no worker", "no worker serves the queue other, and 1 job waits", False)]


def test_a_queue_that_is_paused_and_has_no_worker_is_said_to_wait_for_both(engine: Engine) -> None:
    with session_scope(engine) as session:
        session.add(Worker(host="w", pid=1, threads=1, queues=[each for each in known_queues() if each != "demo"]))
        session.add(BackgroundJob(kind="demo.enable", queue="demo"))
        pause_queue(session, "demo", ADMIN, "deploying")
    unserved, held = said(engine)
    assert unserved == ("no worker", "no worker serves the queue demo, and 1 job waits", True)
    assert (held[0], held[1].startswith("The queue demo is paused")) == ("held", True)


def test_queues_without_a_worker_are_said_before_jobs_wait_and_fail_no_check(engine: Engine) -> None:
    [first, *others] = known_queues()
    says = f"no worker is alive to serve the queues {', '.join(known_queues())}; no job waits there"
    assert said(engine) == [("no worker", says, True)]
    with session_scope(engine) as session:
        session.add(Worker(host="w", pid=1, threads=1, queues=[first]))
        session.add(Queue(name="paused", paused_at=clock.now(), paused_by="Ana"))
    assert said(engine) == [("no worker", f"no worker serves the queues {', '.join(others)}; no job waits there", True)]
