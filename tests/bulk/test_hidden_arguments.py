"""Secrets in the input of a bulk action: nothing shows them, and its row has none once it has ended."""

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select

from core.actor import Actor
from core.commands.bulk import state
from core.database.engine import session_scope
from core.errors import NotAllowed
from core.models import BackgroundJob, BulkAction, JobStatus, Role
from core.operation import Form, Task
from core.operations import BY_NAME
from core.redact import HIDDEN
from tests import driving
from tests.bulk.test_bulk import _small_chunks, does, outcomes, prepared, ran, support
from ui.api.bulk import _detail
from ui.components.jobs.bulk_head import input_of

__all__ = ["_small_chunks", "support"]

SECRET = "correct-horse-battery"
ROWS = 3


class VaultForm(Form):
    """A place and what opens it."""

    place: str
    token: str


@pytest.fixture
def locked_out(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """Return failed jobs of a kind with a secret argument, which was a wrong one."""
    vault = Task(name="vault.open", label="Open", form=VaultForm, run=lambda _: None, role=Role.SUPPORT, queue="vault")
    monkeypatch.setitem(BY_NAME, vault.name, vault)
    with session_scope(engine) as session:
        jobs = [BackgroundJob(kind=vault.name, queue=vault.queue, status=JobStatus.FAILED) for _ in range(ROWS)]
        for job in jobs:
            job.args, job.token, job.attempt = {"place": "attic", "token": "wrong"}, 1, 3
            job.started_at = job.finished_at = job.run_at
        session.add_all(jobs)
        session.flush()
        return [job.id for job in jobs]


def edited(engine: Engine, support: Actor, ids: list[UUID]) -> UUID:
    args = {"args": {"token": SECRET}}
    return prepared(engine, support, "job.edit_and_retry", ids=[str(each) for each in ids], args=args)


def holders(engine: Engine) -> set[str]:
    """Return the tables in which a row has the secret, anywhere."""
    with engine.connect() as connection:
        names = driving.tables_of(connection)
        rows = "SELECT EXISTS (SELECT FROM {0} t WHERE strpos(t::text, :secret) > 0)"
        return {
            name
            for name in names
            if connection.scalar(text(rows.format(sa.sql.quoted_name(name, quote=True))), {"secret": SECRET})
        }


def stored(engine: Engine, bulk_id: UUID) -> dict[str, Any]:
    with Session(engine) as session:
        return session.get_one(BulkAction, bulk_id).args


def tokens(engine: Engine) -> list[str]:
    with Session(engine) as session:
        retries = select(BackgroundJob).where(col(BackgroundJob.retry_of).is_not(None))
        return [job.args["token"] for job in session.exec(retries.order_by(col(BackgroundJob.id)))]


def edited_and_run(engine: Engine, support: Actor, ids: list[UUID]) -> UUID:
    bulk_id = edited(engine, support, ids)
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    return bulk_id


def test_only_its_own_row_has_a_secret_until_it_has_ended_and_then_only_the_jobs(
    engine: Engine, support: Actor, locked_out: list[UUID]
) -> None:
    bulk_id = edited(engine, support, locked_out)
    assert holders(engine) == {"bulk_actions"}
    with Session(engine) as session:
        detail = _detail(session, support, bulk_id).model_dump_json()
        bulk = session.get_one(BulkAction, bulk_id)
        assert SECRET not in f"{detail} {state(bulk)}"
        assert input_of(bulk) == f"token: {HIDDEN}"
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    assert (outcomes(engine, bulk_id), tokens(engine)) == ({"applied": ROWS}, [SECRET] * ROWS)
    assert stored(engine, bulk_id) == {"args": {"token": HIDDEN}}
    assert holders(engine) == {"background_jobs"}, "where their workers need it"


def test_an_abort_deletes_them_too(engine: Engine, support: Actor, locked_out: list[UUID]) -> None:
    bulk_id = edited(engine, support, locked_out)
    does(engine, support, "bulk.abort", bulk_id)
    assert holders(engine) == set()


def test_what_failed_again_is_tried_again_with_the_secret_of_its_job(
    engine: Engine, support: Actor, locked_out: list[UUID]
) -> None:
    bulk_id = edited_and_run(engine, support, locked_out)
    with engine.begin() as connection:
        end = "UPDATE background_jobs SET status = 'failed', finished_at = now(), token = 1 WHERE retry_of IS NOT NULL"
        connection.execute(text(end))
    again = UUID(str(does(engine, support, "bulk.repeat", bulk_id)["id"]))
    does(engine, support, "bulk.start", again)
    ran(engine)
    assert (outcomes(engine, again), tokens(engine)) == ({"applied": ROWS}, [SECRET] * (2 * ROWS))


def test_a_row_that_never_had_the_secret_is_not_tried_again_without_it(
    engine: Engine, support: Actor, locked_out: list[UUID]
) -> None:
    bulk_id = edited_and_run(engine, support, locked_out)
    with engine.begin() as connection:
        connection.execute(text("UPDATE bulk_rows SET outcome = 'failed', job_id = NULL WHERE position = 1"))
    with pytest.raises(NotAllowed, match="hidden arguments were deleted"):
        does(engine, support, "bulk.repeat", bulk_id)
