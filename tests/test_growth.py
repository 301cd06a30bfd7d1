"""Growth: every table that grows by itself is kept to its retention, over a month of days that pass in seconds."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, text
from sqlmodel import Session, SQLModel, select

from core import clock
from core.actor import ENGINE
from core.analytics.buckets import KEPT
from core.audit.chain.seal import seal
from core.audit.chain.verify import verify
from core.database.engine import connect, session_scope
from core.jobs import finish
from core.jobs.failure import failure_of
from core.jobs.request import JobOptions, request_task
from core.jobs.retry import retry
from core.models import AttemptOutcome, BackgroundJob, Grain, JobStatus, Schedule
from core.operations import TASKS, expiry
from core.operations.analytics import roll_up
from core.operations.maintenance import QUEUE, DeleteForm, archive_audit_log, delete_old_jobs, expire_sessions
from core.schedules.listing import schedule_lines
from core.schedules.timing import next_after
from core.settings import settings
from migrations import run
from tests import driving
from tests.audit.test_chain import KEYS, scalar, seal_all
from tests.conftest import SECRET
from tests.factories import ADMIN, make_user

OPERATIONS = Path(__file__).parent.parent / "docs" / "operations.md"
#: What keeps each table that grows by itself small: a task of maintenance, or its own shape.
BOUNDED = {
    "background_jobs": delete_old_jobs,
    "job_attempts": delete_old_jobs,
    "events": delete_old_jobs,
    "bulk_actions": delete_old_jobs,
    "bulk_rows": delete_old_jobs,
    "audit_seals": archive_audit_log,
    "workers": expire_sessions,
    "user_sessions": expire_sessions,
    "sign_in_links": expire_sessions,
    "pending_sign_ins": expire_sessions,
    "spent_states": expire_sessions,
    "idempotency_keys": expire_sessions,
    "schedule_ticks": expire_sessions,
    "job_counters": expire_sessions,
    "notifications": expire_sessions,
    "alerts": expire_sessions,
    "alert_snoozes": expire_sessions,
    "consents": expire_sessions,
    "token_revocations": expire_sessions,
    "job_rollups": roll_up,
}
MAINTENANCE = [task for task in TASKS if task.name.startswith("maintenance.")]
ONE_ROW = {"audit_checkpoints", "secret_key_ids", "job_rollup_states"}
#: Each row is there because a person wanted it, and goes when one no longer does.
BY_WISH = {
    *("users", "platform_connections", "interactions", "marketing_campaigns"),
    *("queues", "job_kinds", "schedules", "failure_states", "failure_notes", "saved_views", "list_columns"),
    *("personal_tokens", "second_factors", "recovery_codes", "message_preferences", "notification_channels"),
    "shared_rounds",
}


def test_every_table_is_kept_to_a_retention_or_grows_by_a_persons_wish() -> None:
    tables = set(SQLModel.metadata.tables)
    assert BOUNDED.keys() | ONE_ROW | BY_WISH == tables, "say what keeps a new table small, here and in operations.md"
    assert len(tables) == len(BOUNDED) + len(ONE_ROW) + len(BY_WISH)
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*)$", OPERATIONS.read_text(), re.MULTILINE))
    assert rows.keys() == tables
    assert [name for name, task in BOUNDED.items() if f"`{task.name}`" not in rows[name]] == []


def test_every_table_with_one_row_refuses_a_second() -> None:
    for name in ONE_ROW:
        checks = [c for c in SQLModel.metadata.tables[name].constraints if isinstance(c, sa.CheckConstraint)]
        assert "id = 1" in [str(check.sqltext) for check in checks], name


@pytest.fixture
def installed(empty_database_url: str) -> Iterator[Engine]:
    """Return the database of a new installation."""
    run.upgrade(empty_database_url, secret=SECRET)
    engine = connect(empty_database_url)
    yield engine
    engine.dispose()


def test_a_new_installation_has_a_schedule_for_each_task_of_maintenance(installed: Engine) -> None:
    with Session(installed) as session:
        lines = schedule_lines(session)
    assert (
        {task.name for task in MAINTENANCE} <= {line.schedule.kind for line in lines} <= {task.name for task in TASKS}
    )
    for line in (each for each in lines if each.schedule.kind.startswith("maintenance.")):
        assert (line.problem, line.schedule.missed, line.schedule.paused_at) == (None, "once", None)
        first, second, _ = line.next
        assert clock.now() < first < clock.now() + timedelta(days=8)
        assert next_after(line.schedule, first - timedelta(minutes=1)) == first, "its first time is one of its cron's"
        assert second - first in (timedelta(days=1), timedelta(days=7))


def test_a_schedule_that_a_person_has_removed_or_paused_stays_so_at_the_next_start(
    installed: Engine, empty_database_url: str
) -> None:
    with session_scope(installed) as session:
        session.connection().execute(text("DELETE FROM schedules WHERE name = 'delete old jobs'"))
        session.connection().execute(text("UPDATE schedules SET paused_at = now()"))
    run.upgrade(empty_database_url, secret=SECRET)
    with Session(installed) as session:
        rest = session.exec(select(Schedule)).all()
    kinds = {schedule.kind for schedule in rest if schedule.kind.startswith("maintenance.")}
    assert kinds == {expire_sessions.name, archive_audit_log.name}
    assert all(schedule.paused_at for schedule in rest)


DAYS, RETENTION, KEEP, AUDIT_RETENTION = 30, 7, 3, 12
#: A job of one statement.
CHEAP = DeleteForm(kind="nothing")
#: Jobs that people ask for each day, of which one is never finished.
JOBS = 4


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("UNSTUCK_SECRET_KEY", SECRET)
    monkeypatch.setenv("UNSTUCK_AUDIT_ARCHIVE_DIR", str(tmp_path / "audit"))
    settings.cache_clear()
    yield tmp_path / "audit"
    monkeypatch.undo()
    settings.cache_clear()


@pytest.mark.slow
def test_a_month_of_days_leaves_each_table_as_large_as_its_retention(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows get the day on which they were written; maintenance of that day looks as many days further back."""
    unfinished: set[UUID] = set()
    with session_scope(engine) as session:
        user = make_user(session).id
    for day in range(DAYS):
        ago = DAYS - 1 - day
        monkeypatch.setattr(settings(), "retention_days", RETENTION + ago)
        monkeypatch.setattr(settings(), "audit_retention_days", AUDIT_RETENTION + ago)
        monkeypatch.setattr(expiry, "KEEP_DAYS", KEEP + ago)
        unfinished.add(a_day(engine, user, ago))
        maintain(engine, ago, user)
    sizes = {name: count(engine, name) for name in BOUNDED}
    assert {name: size for name, size in sizes.items() if size > MOST[name]} == {}
    assert {name for name, size in sizes.items() if not size} == set(), "each of them has something to keep"
    with Session(engine) as session:
        queued = select(BackgroundJob.id).where(BackgroundJob.status == JobStatus.QUEUED)
        assert set(session.exec(queued)) == unfinished
    seal_all(engine)
    verdict = verify(engine, KEYS, archives=[folder])
    assert verdict.fault is None
    assert verdict.links == DAYS * BY_PEOPLE
    assert verdict.archived >= (DAYS - AUDIT_RETENTION - 1) * BY_PEOPLE


#: Entries of the audit log each day: each job, and the retry of one.
BY_PEOPLE = JOBS + 1
#: Jobs of a day: those of people with the retried one, and maintenance.
EACH_DAY = JOBS + 1 + len(TASKS)
#: The rows that may be left: those of the days that are kept, and of the jobs that never ended.
MOST = {
    "background_jobs": (RETENTION + 1) * EACH_DAY + DAYS,
    "job_attempts": (RETENTION + 1) * EACH_DAY,
    "events": (RETENTION + 1) * 3 * EACH_DAY + DAYS + (AUDIT_RETENTION + 1) * BY_PEOPLE,
    "audit_seals": (AUDIT_RETENTION + 1) * BY_PEOPLE,
    "workers": 2 * (RETENTION + 1),
    "schedule_ticks": RETENTION + 1,
    "job_counters": (RETENTION + 1) * EACH_DAY + len(TASKS) + 1,
    **dict.fromkeys(("user_sessions", "sign_in_links", "pending_sign_ins"), KEEP + 1),
    **dict.fromkeys(("spent_states", "idempotency_keys", "consents", "alert_snoozes"), KEEP + 1),
    **dict.fromkeys(("notifications", "token_revocations", "alerts"), RETENTION + 1),
    **dict.fromkeys(("bulk_actions", "bulk_rows"), RETENTION + 1),
    # Of five minutes for fifteen days; and the last hours, day and week of what has just ended.
    "job_rollups": 10 * (KEPT[Grain.FINE].days + 1) + 4 * EACH_DAY,
}


def a_day(engine: Engine, user: UUID, ago: int) -> UUID:
    """Let people and workers do a day's work, `ago` days before today; return the job that stays queued."""
    worker = driving.new_worker(engine)
    with session_scope(engine) as session:
        for _ in range(JOBS - 1):
            request_task(session, delete_old_jobs, CHEAP, ADMIN)
    failed = give_up(engine, worker)
    with session_scope(engine) as session:
        retry(session, failed, ADMIN, "once more")
    for _ in range(JOBS - 1):
        work(engine, worker)
    with session_scope(engine) as session:
        later = JobOptions(run_at=clock.now() + timedelta(days=999))
        stays = request_task(session, delete_old_jobs, CHEAP, ADMIN, later).id
    rewrite(engine, ago, user, AGED + ENDED)
    seal(engine, KEYS)
    return stays


def maintain(engine: Engine, ago: int, user: UUID) -> None:
    """Run the tasks of maintenance, as jobs of that day."""
    worker = driving.new_worker(engine)
    with session_scope(engine) as session:
        for task in (*MAINTENANCE, roll_up):
            request_task(session, task, task.form(), ENGINE)
    for _ in (*MAINTENANCE, roll_up):
        work(engine, worker)
    rewrite(engine, ago, user, AGED + COUNTED)


def work(engine: Engine, worker: UUID) -> None:
    held = driving.take(engine, worker, queue=QUEUE)
    assert held is not None
    assert driving.work_on(engine, held) is AttemptOutcome.SUCCEEDED


def give_up(engine: Engine, worker: UUID) -> UUID:
    held = driving.take(engine, worker, queue=QUEUE)
    assert held is not None
    with session_scope(engine) as session:
        finish.fail(session, session.get_one(BackgroundJob, held.id), failure_of(RuntimeError("no more paper")))
    return held.id


#: Rows of the last hour become rows of the day; those of days before are at least a day old.
AGED = (
    """UPDATE background_jobs SET created_at = created_at - :ago, started_at = started_at - :ago,
        finished_at = finished_at - :ago WHERE created_at > now() - interval '1 hour'""",
    "UPDATE events SET at = at - :ago WHERE at > now() - interval '1 hour'",
    "UPDATE workers SET stopped_at = now() - :ago WHERE stopped_at IS NULL",
)
COUNTED = ("UPDATE job_counters SET hour = hour - :ago WHERE hour > now() - interval '2 hours'",)
ENDED = (
    "INSERT INTO user_sessions (id, user_id, token_hash, expires_at) "
    "VALUES (gen_random_uuid(), :user, :name, now() - :ago)",
    """INSERT INTO job_rollups (grain, starts_at, kind, queue, version)
        SELECT 5, now() - :ago, number, '', '' FROM generate_series(1, 10) number""",
    "INSERT INTO sign_in_links (user_id, token_hash, expires_at) VALUES (:user, :name, now() - :ago)",
    "INSERT INTO pending_sign_ins (user_id, token_hash, expires_at) VALUES (:user, :name, now() - :ago)",
    "INSERT INTO spent_states (state_hash, expires_at) VALUES (:name, now() - :ago)",
    "INSERT INTO idempotency_keys (actor_id, key, fingerprint, answer, created_at) "
    "VALUES (:user, :name, '', '{}', now() - :ago)",
    """INSERT INTO schedules (id, name, kind, cron) SELECT :user, 'a', 'maintenance.expire_sessions', '@daily'
        WHERE NOT EXISTS (SELECT FROM schedules)""",
    "INSERT INTO schedule_ticks (schedule_id, due_at, fired_at, outcome) "
    "VALUES (:user, now() - :ago, now() - :ago, 'fired')",
    """INSERT INTO notifications (id, message_id, channel, template, status, finished_at, created_at)
        VALUES (gen_random_uuid(), :name, 'email', 'test', 'sent', now() - :ago, now() - :ago)""",
    """INSERT INTO consents (id, state_hash, user_id, connection_id, verifier, return_address, created_at, expires_at)
        VALUES (gen_random_uuid(), :name, :user, :user, '', '', now() - :ago, now() - :ago)""",
    """INSERT INTO token_revocations (id, platform, kind, secret, reason, created_at, finished_at)
        VALUES (gen_random_uuid(), 'sandbox', 'code', '', '', now() - :ago, now() - :ago)""",
    """INSERT INTO alerts (id, rule, subject, sentence, href, since, found_at, over_at)
        VALUES (gen_random_uuid(), 'long_wait', :name, '', '/', now() - :ago, now() - :ago, now() - :ago)""",
    """WITH made AS (INSERT INTO bulk_actions (id, command, actor, via, status, created_at)
        VALUES (gen_random_uuid(), 'job.retry', 'Ada', 'cli', 'done', now() - :ago) RETURNING id)
        INSERT INTO bulk_rows (bulk_id, position, target) SELECT id, 1, gen_random_uuid() FROM made""",
    "INSERT INTO alert_snoozes (rule, subject, until, snoozed_by) VALUES ('long_wait', :name, now() - :ago, 'Ada')",
)


def rewrite(engine: Engine, ago: int, user: UUID, statements: tuple[str, ...]) -> None:
    """Run statements past the triggers, with the day's age."""
    values = {"ago": timedelta(days=ago), "user": user, "name": str(ago)}
    with session_scope(engine) as session:
        session.connection().execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            names = {name: value for name, value in values.items() if f":{name}" in statement}
            session.connection().execute(text(statement), names)


def count(engine: Engine, table: str) -> int:
    return scalar(engine, f"SELECT count(*) FROM {table}")
