"""Bulk actions that meet on the same failed jobs retry each of them once; a person may do it again, one by one."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select

from core.actor import Actor
from core.bulk.preview import preview
from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.models import BackgroundJob, BulkAction, BulkRow, Role
from tests import driving
from tests.bulk.test_bulk import _small_chunks, outcomes, prepared, ran, retries_of, status_of
from tests.factories import make_user

__all__ = ["_small_chunks"]

ROWS = 8


@pytest.fixture
def admin(engine: Engine) -> Actor:
    with session_scope(engine) as session:
        person = make_user(session, role=Role.ADMIN)
        return Actor(person.id, person.email, Role.ADMIN, "console")


@pytest.fixture
def tasks(engine: Engine) -> list[UUID]:
    """Return failed jobs of a task: nothing but the jobs themselves shows what was retried."""
    with session_scope(engine) as session:
        jobs = [BackgroundJob(kind="maintenance.delete_old_jobs", queue="maintenance") for _ in range(ROWS)]
        for job in jobs:
            job.status, job.args, job.token, job.attempt = "failed", {"days": 50}, 1, 3
            job.started_at = job.finished_at = job.run_at
        session.add_all(jobs)
        session.flush()
        return [job.id for job in jobs]


@pytest.fixture
def _retries_fail_at_once(engine: Engine) -> Iterator[None]:
    """Let retries end as soon as they are there, so that none is active when the next one is asked for."""
    with engine.begin() as connection:
        connection.execute(
            text("""
            CREATE FUNCTION fails_at_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                NEW.status := 'failed'; NEW.finished_at := NEW.created_at; NEW.token := 1; RETURN NEW;
            END $$;
            CREATE TRIGGER fails_at_once BEFORE INSERT ON background_jobs FOR EACH ROW
                WHEN (NEW.retry_of IS NOT NULL) EXECUTE FUNCTION fails_at_once()
            """)
        )
    yield
    with engine.begin() as connection:
        connection.execute(text("DROP FUNCTION fails_at_once CASCADE"))


def does(engine: Engine, actor: Actor, command: str, target: UUID, **args: object) -> dict[str, object]:
    """Do it with a reason, which this task needs."""
    return perform(engine, actor, CommandRequest(name=command, target=target, args=args, reason="the disk is back"))


def named(engine: Engine, actor: Actor, ids: list[UUID], action: str = "job.retry", **more: object) -> UUID:
    actor = replace(actor, via="api")  # a script has an action of its own each time
    return prepared(engine, actor, action, ids=[str(each) for each in ids], **more)


def words(engine: Engine, bulk_id: UUID) -> Counter[str]:
    """Return why rows were skipped, without the ids of jobs."""
    with Session(engine) as session:
        rows = session.exec(select(BulkRow.why).where(BulkRow.bulk_id == bulk_id, BulkRow.outcome == "skipped"))
        return Counter(why.partition(" (job ")[0] for why in rows)


@pytest.mark.usefixtures("_retries_fail_at_once")
@pytest.mark.parametrize("action", ["job.retry", "job.edit_and_retry"])
def test_the_second_action_skips_what_the_first_has_retried_and_says_by_which_job(
    engine: Engine, admin: Actor, tasks: list[UUID], action: str
) -> None:
    args = {"args": {"args": {"days": 60}}} if action == "job.edit_and_retry" else {}
    first, second = named(engine, admin, tasks[:5], action, **args), named(engine, admin, tasks, action, **args)
    does(engine, admin, "bulk.start", first)
    ran(engine)
    with Session(engine) as session:
        seen = preview(session, session.get_one(BulkAction, second))
    assert seen.skipped == {"It was retried already": 5}
    does(engine, admin, "bulk.start", second)
    ran(engine)
    assert outcomes(engine, second) == {"applied": 3, "skipped": 5}
    assert retries_of(engine, tasks) == dict.fromkeys(tasks, 1)
    with Session(engine) as session:
        row = session.exec(select(BulkRow).where(BulkRow.bulk_id == second, BulkRow.outcome == "skipped")).first()
        by = session.exec(select(BackgroundJob.id).where(BackgroundJob.retry_of == row.target)).one()
    assert row.why == f"It was retried already (job {by})."


@pytest.mark.usefixtures("_retries_fail_at_once")
def test_an_action_in_the_middle_of_another_takes_what_is_left(engine: Engine, admin: Actor, tasks: list[UUID]) -> None:
    first, second = named(engine, admin, tasks), named(engine, admin, tasks[::-1])
    does(engine, admin, "bulk.start", first)
    held = driving.take(engine, queue="maintenance")
    does(engine, admin, "bulk.start", second)
    with pytest.MonkeyPatch.context() as patch:
        driving.at_checkpoint(patch, 1, after=lambda: ran(engine))
        driving.work_on(engine, held)
    assert {status_of(engine, each) for each in (first, second)} == {"done"}
    assert (outcomes(engine, first)["applied"], outcomes(engine, second)["applied"]) == (4, 4)
    assert words(engine, first) == words(engine, second) == {"It was retried already": 4}
    assert retries_of(engine, tasks) == dict.fromkeys(tasks, 1)


@pytest.mark.usefixtures("_retries_fail_at_once")
def test_two_workers_at_the_same_time_retry_each_job_once(engine: Engine, admin: Actor, tasks: list[UUID]) -> None:
    both = [named(engine, admin, tasks), named(engine, admin, tasks)]
    for each in both:
        does(engine, admin, "bulk.start", each)
    held = [driving.take(engine, queue="maintenance") for _ in both]
    line = threading.Barrier(2)

    def work(job: object) -> object:
        line.wait(10)
        return driving.work_on(engine, job)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(work, held))
    assert [status_of(engine, each) for each in both] == ["done", "done"]
    assert sum(outcomes(engine, each)["applied"] for each in both) == ROWS
    assert retries_of(engine, tasks) == dict.fromkeys(tasks, 1)


@pytest.mark.usefixtures("_retries_fail_at_once")
def test_a_person_retries_a_job_again_one_by_one(engine: Engine, admin: Actor, tasks: list[UUID]) -> None:
    for _ in range(2):
        does(engine, admin, "job.retry", tasks[0])
    assert retries_of(engine, tasks) == {tasks[0]: 2}


def test_a_retry_that_was_cancelled_is_none(engine: Engine, admin: Actor, tasks: list[UUID]) -> None:
    new = does(engine, admin, "job.retry", tasks[0])["job_id"]
    does(engine, admin, "job.cancel", UUID(str(new)))
    bulk_id = named(engine, admin, tasks)
    does(engine, admin, "bulk.start", bulk_id)
    ran(engine)
    assert outcomes(engine, bulk_id) == {"applied": ROWS}


@pytest.mark.usefixtures("_retries_fail_at_once")
@pytest.mark.parametrize("action", ["job.retry", "job.edit_and_retry"])
def test_what_failed_again_is_tried_again_by_its_newest_job(
    engine: Engine, admin: Actor, tasks: list[UUID], action: str
) -> None:
    args = {"args": {"args": {"days": 60}}} if action == "job.edit_and_retry" else {}
    bulk_id = named(engine, admin, tasks, action, **args)
    does(engine, admin, "bulk.start", bulk_id)
    ran(engine)
    again = does(engine, admin, "bulk.repeat", bulk_id)
    does(engine, admin, "bulk.start", UUID(str(again["id"])))
    ran(engine)
    assert outcomes(engine, UUID(str(again["id"]))) == {"applied": ROWS}
    assert retries_of(engine, tasks) == dict.fromkeys(tasks, 1)
    with Session(engine) as session:
        jobs = session.exec(select(BackgroundJob).where(col(BackgroundJob.retry_of).is_not(None))).all()
    days = 60 if args else 50
    assert len(jobs) == 2 * ROWS
    assert all(job.args["days"] == days for job in jobs)
