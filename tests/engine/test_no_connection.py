"""A server that has no connection left takes no attempt from a job: the job waits, as when the database is away."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from sqlalchemy import Engine, make_url, text

from core.actor import ENGINE
from core.address import as_text
from core.database.engine import NoConnection, connect, session_scope
from core.jobs.request_tasks import request_task
from core.jobs.run import run
from core.models import AttemptOutcome, JobStatus, Role
from core.operation import NoForm, Progress, Steps, Task, TaskWork
from core.operations import BY_NAME
from tasks.worker import batch_engine
from tests.driving import STEP, job_row, must_take
from tests.waiting import eventually

NOWHERE = "postgresql://127.0.0.1:1/none"


@pytest.fixture
def mine(database_url: str) -> Engine:
    """Return the worker's engine."""
    return connect(database_url)


@pytest.mark.parametrize("whose", ["ours", "another's"])
def test_only_a_missing_connection_to_our_database_spends_no_attempt(
    engine: Engine, mine: Engine, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    def steps(work: TaskWork[NoForm]) -> Steps:
        yield Progress(1, 2)
        if whose == "ours":  # the pool's only connection is cut, and no new one can be had
            work.session.connection().invalidate()
            work.session.rollback()
            monkeypatch.setattr(mine.pool, "_creator", connect(NOWHERE).pool._creator)
        else:
            connect(NOWHERE).connect()
        yield Progress(2, 2)

    task = Task(name="test.task", label="Task", form=NoForm, run=steps, role=Role.ADMIN, queue="demo", max_attempts=1)
    monkeypatch.setitem(BY_NAME, task.name, task)
    with session_scope(engine) as session:
        job = request_task(session, task, NoForm(), ENGINE).id
    held = must_take(engine)
    if whose == "ours":
        with pytest.raises(NoConnection):
            run(mine, held, STEP, lambda: False)
        assert job_row(engine, job).status is JobStatus.RUNNING
    else:
        assert run(mine, held, STEP, lambda: False) is AttemptOutcome.ERROR
        assert job_row(engine, job).status is JobStatus.FAILED
    mine.dispose()


def test_what_claims_jobs_gets_a_connection_before_idle_threads(engine: Engine, database_url: str) -> None:
    """A role may have few connections, and all of them may be idle in the pool of the threads."""
    threads = connect(narrow(engine, database_url, most=2))
    claims = batch_engine(threads)
    with threads.connect(), threads.connect(), pytest.raises(NoConnection):
        claims.connect()
    eventually(lambda: _opens(claims))
    claims.dispose()
    threads.dispose()


def test_threads_share_the_connections_that_there_are(engine: Engine, database_url: str) -> None:
    """A thread that gets none would leave its job, and its worker would claim the next one, and leave that as well."""
    threads = connect(narrow(engine, database_url, most=1))

    def work(_number: int) -> int:
        with threads.connect() as connection:
            return connection.execute(text("SELECT pg_backend_pid()")).scalar_one()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(work, range(40)))) == 1
    threads.dispose()


def test_who_waits_for_a_connection_in_vain_is_told(engine: Engine, database_url: str) -> None:
    threads = connect(narrow(engine, database_url, most=1))
    threads.pool._timeout = 0.1
    with threads.connect(), pytest.raises(NoConnection, match="too many connections"):
        threads.connect()
    threads.dispose()


def narrow(engine: Engine, database_url: str, *, most: int) -> str:
    """Return the address of the database for a role that may have so many connections."""
    role = f"narrow_{uuid4().hex}"
    with engine.begin() as connection:
        connection.execute(text(f'CREATE ROLE "{role}" LOGIN CONNECTION LIMIT {most}'))
    return as_text(make_url(database_url).set(username=role))


def _opens(engine: Engine) -> bool:
    try:
        engine.connect().close()
    except NoConnection:
        return False
    return True
