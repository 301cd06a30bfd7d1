"""An archive that cannot be written: nothing stays behind, it is tried again soon, and operators are told."""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlmodel import Session

from core import clock
from core.database.engine import session_scope
from core.lateness import failed_schedules
from core.models import AttemptOutcome, BackgroundJob, JobStatus, Role, ScheduleTick, User
from core.operations.maintenance import QUEUE, archive_audit_log
from core.schedules import scheduling
from core.settings import settings
from tests import driving
from tests.api.conftest import anonymous, signed_in  # noqa: F401 - the fixtures of the API's tests
from tests.audit.test_archive import EVENTS, OLD, aged, left, move  # noqa: F401 - a fixture among them
from tests.conftest import SECRET
from tests.factories import ADMIN
from ui.api import probes
from ui.cli.doctor import examine

SignIn = Callable[[Role], tuple[TestClient, User]]
#: Far from now, as the Sunday after next.
CRON = "15 4 1 1 *"


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file of this process grow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("UNSTUCK_SECRET_KEY", SECRET)
    monkeypatch.setenv("UNSTUCK_AUDIT_ARCHIVE_DIR", str(tmp_path / "audit"))
    settings.cache_clear()
    (tmp_path / "audit").mkdir()
    yield tmp_path / "audit"
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def scheduled(aged: Engine, folder: Path) -> Engine:  # noqa: F811
    """Return a database with old entries, and a schedule that archives them on one day of the year."""
    with session_scope(aged) as session:
        form = scheduling.NewSchedule(name="archive", kind=archive_audit_log.name, cron=CRON)
        scheduling.add(session, form, ADMIN, None)
    return aged


def fire(engine: Engine) -> BackgroundJob:
    """Let the schedule be due, run its job, and return it."""
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE schedules SET next_due_at = now() - interval '1 microsecond'"))
        fired = scheduling.tick(session)
    assert fired
    held = driving.take(engine, queue=QUEUE)
    assert held
    assert held.id == fired.job_id
    driving.work_on(engine, held)
    with Session(engine, expire_on_commit=False) as session:
        return session.get_one(BackgroundJob, held.id)


def minutes_to_next(engine: Engine) -> float:
    with Session(engine) as session:
        query = text("SELECT extract(epoch FROM next_due_at - now()) / 60 FROM schedules")
        return round(float(session.connection().execute(query).scalar_one()))


def test_a_full_disk_leaves_no_half_file_and_every_entry(aged: Engine, tmp_path: Path) -> None:  # noqa: F811
    with full_disk(), pytest.raises(OSError, match="File too large"):
        move(aged, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert left(aged) == (EVENTS, EVENTS)
    assert [moved.entries for moved in move(aged, tmp_path)] == [OLD]


def test_a_half_file_of_a_run_that_was_killed_goes_with_the_next_one(aged: Engine, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / ".audit-000000000001-000000000002.jsonl.gz.unfinished").write_bytes(b"half")
    [moved] = move(aged, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [moved.file]


def test_a_failed_archive_is_tried_again_within_minutes_and_never_later_than_in_an_hour(scheduled: Engine) -> None:
    pauses = []
    for _ in range(6):
        with full_disk():
            job = fire(scheduled)
        assert job.status is JobStatus.FAILED
        pauses.append(minutes_to_next(scheduled))
    assert pauses == [5, 10, 20, 40, 60, 60]
    assert job.error_message is not None
    assert "cannot be used: File too large. Nothing was deleted" in job.error_message
    assert "Traceback" not in job.error_message
    assert fire(scheduled).result == {"entries_archived": OLD, "last_file": "audit-000000000001-000000000004.jsonl.gz"}
    assert minutes_to_next(scheduled) > 60
    with full_disk():
        fire(scheduled)  # there is nothing to write
    assert minutes_to_next(scheduled) > 60


def test_a_folder_that_is_not_mounted_is_looked_for_again_soon(scheduled: Engine, folder: Path) -> None:
    folder.rmdir()
    folder.parent.rename(folder.parent.with_suffix(".away"))
    try:
        job = fire(scheduled)
    finally:
        folder.parent.with_suffix(".away").rename(folder.parent)
    assert "no such folder here: mount or create it." in (job.error_message or "")
    assert minutes_to_next(scheduled) == 5


def test_a_paused_schedule_stays_paused(scheduled: Engine, folder: Path) -> None:
    folder.rmdir()
    folder.write_text("no folder")
    with session_scope(scheduled) as session:
        session.connection().execute(text("UPDATE schedules SET paused_at = now(), next_due_at = '2050-01-01'"))
        schedule_id = session.connection().execute(text("SELECT id FROM schedules")).scalar_one()
        scheduling.run_now(session, schedule_id, ADMIN, None)
    held = driving.take(scheduled, queue=QUEUE)
    assert held
    assert driving.work_on(scheduled, held) is AttemptOutcome.ERROR
    assert minutes_to_next(scheduled) > 60


def test_operators_read_which_maintenance_failed_why_and_what_to_do(
    scheduled: Engine,
    folder: Path,
    anonymous: TestClient,  # noqa: F811
    signed_in: SignIn,  # noqa: F811
) -> None:
    operator, _ = signed_in(Role.VIEWER)
    with full_disk():
        job = fire(scheduled)
    with Session(scheduled) as session:
        [finding] = [each for each in examine(session) if each.problem == "failed schedule"]
    assert finding.says.startswith("schedule archive: its last run failed: ")
    assert f"{folder} cannot be used: File too large" in finding.says
    assert f"jobs show {job.id}" in finding.remedy
    assert "schedules run archive" in finding.remedy
    probes._readiness._flight = None
    assert anonymous.get("/readyz").json()["late"] == ["1 failed schedule"]
    probes._readiness._flight = None
    assert "schedule archive: its last run failed" in str(operator.get("/readyz").json()["late"])
    metrics = anonymous.get("/metrics").text
    assert 'unstuck_schedule_failed{schedule="' in metrics
    assert "File too large" not in metrics
    fire(scheduled)
    with Session(scheduled) as session:
        assert failed_schedules(session) == []


def test_a_failed_run_that_a_person_retried_with_success_is_told_no_more(scheduled: Engine) -> None:
    with full_disk():
        job = fire(scheduled)
    with session_scope(scheduled) as session:
        session.connection().execute(
            text("""INSERT INTO background_jobs (id, kind, queue, status, retry_of, finished_at)
                    VALUES (gen_random_uuid(), :kind, :queue, 'succeeded', :id, now())"""),
            {"kind": job.kind, "queue": QUEUE, "id": job.id},
        )
    with Session(scheduled) as session:
        assert failed_schedules(session) == []


def test_a_task_of_maintenance_that_failed_for_any_reason_is_told(engine: Engine) -> None:
    """The reason may come from a library: it is told with its type, on one line."""
    with session_scope(engine) as session:
        form = scheduling.NewSchedule(name="nightly", kind="maintenance.delete_old_jobs", cron="15 3 * * *")
        schedule = scheduling.add(session, form, ADMIN, None)
        session.connection().execute(
            text("""INSERT INTO background_jobs (id, kind, queue, status, schedule_id, finished_at, error_type,
                        error_message)
                    VALUES (:id, 'maintenance.delete_old_jobs', :queue, 'failed', :id, now(),
                            'OperationalError', E'could not extend file\\nHINT: Check free disk space.')"""),
            {"queue": QUEUE, "id": schedule.id},
        )
        session.add(ScheduleTick(schedule_id=schedule.id, due_at=clock.now(), outcome="fired", job_id=schedule.id))
    with Session(engine) as session:
        [failed] = failed_schedules(session)
    assert str(failed) == "schedule nightly: its last run failed: OperationalError: could not extend file"


def test_a_run_by_hand_ends_the_finding_once_it_has_succeeded(scheduled: Engine) -> None:
    with full_disk():
        fire(scheduled)
    with session_scope(scheduled) as session:
        schedule_id = session.connection().execute(text("SELECT id FROM schedules")).scalar_one()
        scheduling.run_now(session, schedule_id, ADMIN, None)
    with Session(scheduled) as session:
        assert len(failed_schedules(session)) == 1
    held = driving.take(scheduled, queue=QUEUE)
    assert held
    assert driving.work_on(scheduled, held) is AttemptOutcome.SUCCEEDED
    with Session(scheduled) as session:
        assert failed_schedules(session) == []
