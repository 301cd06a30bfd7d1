"""Which jobs the sweep takes from their worker, and which it leaves alone."""

from uuid import uuid4

from sqlalchemy import Engine, text
from sqlmodel import Session

from core.database.engine import session_scope
from core.jobs import sweep
from core.models import JobStatus
from tasks.actors import Drain
from tasks.registry import Registry
from tasks.sweeper import Sweeper
from tests import driving


def overdue(engine: Engine) -> tuple[driving.Claimed, sweep.Orphan]:
    user = driving.prepare(engine, driving.BY_NAME["demo.enable"])
    driving.ask(engine, driving.BY_NAME["demo.enable"], user, {"preset": "nano"})
    held = driving.must_take(engine)
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE background_jobs SET deadline_at = now() - interval '1 second'"))
    with Session(engine) as session:
        [orphan] = sweep.orphans(session)
    return held, orphan


def test_a_step_past_its_time_limit_loses_the_job(engine: Engine) -> None:
    held, orphan = overdue(engine)
    with session_scope(engine) as session:
        assert sweep.rescue(session, orphan)
    assert driving.job_row(engine, held.id).status is JobStatus.QUEUED


def test_an_orphan_that_cannot_be_ended_keeps_no_other_waiting(engine: Engine) -> None:
    kind = driving.BY_NAME["demo.enable"]
    for _ in range(2):
        driving.ask(engine, kind, driving.prepare(engine, kind), {"preset": "nano"})
    first, second = driving.must_take(engine), driving.must_take(engine)
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE workers SET lost_at = now()"))
        session.connection().execute(
            text(f"""CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''odd''; END';
                CREATE TRIGGER refuse BEFORE UPDATE ON background_jobs FOR EACH ROW
                WHEN (OLD.id = '{first.id}') EXECUTE FUNCTION refuse()""")
        )
    Sweeper(Drain(engine, Registry(1), uuid4()), []).once()
    assert driving.job_row(engine, first.id).status is JobStatus.RUNNING
    assert driving.job_row(engine, second.id).status is JobStatus.QUEUED


def test_a_worker_with_a_fresh_heartbeat_keeps_its_jobs(engine: Engine) -> None:
    user = driving.prepare(engine, driving.BY_NAME["demo.enable"])
    driving.ask(engine, driving.BY_NAME["demo.enable"], user, {"preset": "nano"})
    driving.must_take(engine)
    with Session(engine) as session:
        assert sweep.orphans(session) == []
