"""The real engine on a real database, so small that the model describes all of it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from core import clock
from core.database.engine import session_scope
from core.jobs import finish
from core.jobs.request import AT_ONCE, JobOptions, request
from core.jobs.sweep import Orphan
from core.models import User
from core.operation import Progress, Steps, Work
from core.operations import BY_NAME
from tests.driving import new_worker
from tests.factories import SUPPORT
from tests.model.puppet import Puppet, stop_at_every_state, wait_at_work
from tests.model.state import ALL_EFFECTS, STEPS, Job, Seen, Setting, World

#: A queue of its own, so that leftovers of other tests are not claimed here.
QUEUE = "model"

# The rows of the real request are kept, and restored for every further tour in one round trip.
_KEEP = """
    DROP TABLE IF EXISTS first_job, first_events;
    CREATE TEMP TABLE first_job AS SELECT * FROM background_jobs WHERE user_id = '{user}';
    CREATE TEMP TABLE first_events AS SELECT * FROM events WHERE user_id = '{user}'
"""
_CLEAN = """
    DELETE FROM background_jobs WHERE user_id = '{user}';
    SET session_replication_role = replica; -- events are append-only
    DELETE FROM events WHERE user_id = '{user}';
    RESET session_replication_role;
    DELETE FROM interactions WHERE user_id = '{user}';
    UPDATE users SET demo_mode_status = '{state}' WHERE id = '{user}'
"""
_PUT_BACK = """
    INSERT INTO background_jobs SELECT * FROM first_job;
    INSERT INTO events OVERRIDING SYSTEM VALUE SELECT * FROM first_events
"""
_ADD = text(
    "INSERT INTO interactions (id, user_id, kind, author, is_demo) VALUES (gen_random_uuid(), :user, 'x', :n, true)"
)
_TAKE_AWAY = text("DELETE FROM interactions WHERE user_id = :user AND is_demo AND author = :n")
_DUE = text("UPDATE background_jobs SET run_at = statement_timestamp() WHERE id = :id")
_WIPE = text("DELETE FROM interactions WHERE user_id = :user AND is_demo")

#: Processes that are registered at once: each claim that is not in vain takes one.
_ALIKE = text("""
    INSERT INTO workers (id, host, pid, threads, queues, version, started_at, heartbeat_at)
    SELECT gen_random_uuid(), host, pid, threads, queues, version, started_at, heartbeat_at
    FROM workers, generate_series(1, 50) WHERE id = :id RETURNING id
""")

# In the order of Job's fields. Ids are ordered by time, so the last job comes last.
_PICTURE = """
    SELECT u.demo_mode_status AS state,
        ARRAY(SELECT author::int FROM interactions WHERE user_id = u.id AND is_demo ORDER BY 1) AS effects,
        ARRAY(SELECT jsonb_build_array(
            j.kind, j.came_from, j.status, j.max_attempts, j.attempt, j.token, j.progress_done,
            (SELECT coalesce(max((data ->> 'done')::int), 0) FROM events WHERE job_id = j.id AND name = 'job.rescued'),
            j.status <> 'queued' OR j.run_at <= statement_timestamp(),
            j.cancel_requested_at IS NOT NULL,
            j.started_at IS NOT NULL,
            j.status = 'running' AND EXISTS (SELECT FROM workers WHERE id = j.worker_id AND lost_at IS NOT NULL),
            j.status = 'running' AND j.deadline_at < statement_timestamp(),
            coalesce(j.error_message LIKE 'Cleaning up failed too%%', false),
            (SELECT count(*) FROM events WHERE job_id = j.id
                AND name IN ('job.succeeded', 'job.failed', 'job.cancelled')),
            (SELECT count(*) FROM events WHERE job_id = j.id AND actor_id = %(person)s),
            (SELECT coalesce(array_agg(token ORDER BY token), '{}') FROM job_attempts
                WHERE job_id = j.id AND outcome <> 'running' AND worker_id IS NOT NULL)
            = ARRAY(SELECT generate_series(1, j.token - (j.status IN ('running', 'succeeded'))::int)))
            FROM background_jobs j WHERE j.user_id = u.id ORDER BY j.id) AS jobs
    FROM users u WHERE u.id = %(user)s
"""


class Stage:
    """One user, their jobs, the threads at them; set up anew for every tour."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.jobs: list[UUID] = []
        self.puppets: dict[tuple[int, int], Puppet] = {}
        #: Which process's identity each claim was made with.
        self.holders: dict[tuple[int, int], UUID] = {}
        self.seen: dict[Seen, Orphan] = {}
        self.undo_broken = False
        self._free: list[UUID] = []
        self._first: tuple[Setting, UUID] | None = None
        self._eye = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        with session_scope(engine) as session:
            user = User(email="model@example.com")
            session.add(user)
            session.flush()
            self.user = user.id

    def set_up(self, setting: Setting) -> None:
        """Put the user where the setting begins, and ask for the job."""
        self.clear()
        if not self._first or self._first[0] != setting:
            self._at_once(_CLEAN, setting.user)
            self._first = setting, self._ask_for(setting)
            self._at_once(_KEEP)
        else:
            self._at_once(f"{_CLEAN};{_PUT_BACK}", setting.first().user)
        for number in setting.effects:
            self._eye.execute(_ADD, {"user": self.user, "n": str(number)})
        self.jobs = [self._first[1]]

    def _ask_for(self, setting: Setting) -> UUID:
        operation: Any = BY_NAME[setting.kind]
        with session_scope(self.engine) as session:
            later = JobOptions(run_at=clock.now() + timedelta(hours=34)) if setting.planned else AT_ONCE
            job_id = request(session, operation, self.user, operation.form(), SUPPORT, later).id
        self._eye.execute(_DUE, {"id": job_id})
        return job_id

    def _at_once(self, statements: str, state: str = "") -> None:
        driver: Any = self._eye.connection.dbapi_connection
        driver.execute(statements.format(user=self.user, state=state))

    def close(self) -> None:
        """End every thread, and let go of the database."""
        self.clear()
        self._eye.close()

    def clear(self) -> None:
        """End every thread, and forget what was seen."""
        for puppet in self.puppets.values():
            puppet.kill()
        self.undo_broken = False
        for remembered in (self.puppets, self.holders, self.seen):
            remembered.clear()

    def identity(self) -> UUID:
        """Return the id of a living process with a free thread."""
        if not self._free:
            one = new_worker(self.engine)
            self._free = [one, *self._eye.execute(_ALIKE, {"id": one}).scalars()]
        return self._free.pop()

    def give_back_identity(self, worker: UUID) -> None:
        """Note that a living process has a free thread again."""
        self._free.append(worker)

    def picture(self) -> World:
        """Return the user, their effects and their jobs as the database has them, in the model's words."""
        driver: Any = self._eye.connection.dbapi_connection
        values = {"user": self.user, "person": SUPPORT.id}
        state, effects, jobs = driver.execute(_PICTURE, values, prepare=True).fetchone()
        return World(state, tuple(effects), tuple(Job(*each) for each in jobs))

    def declare(self, patch: pytest.MonkeyPatch, attempts: int) -> None:
        """Put operations with two small steps under the names of the real ones, and let threads wait in them."""
        stop_at_every_state(patch)
        patch.setattr(finish, "backoff", lambda attempt: 3600.0)
        for name, work in (("demo.enable", _add), ("demo.disable", _take_away), ("demo.dismiss", _take_away)):
            declared: Any = BY_NAME[name]
            tiny = replace(declared, run=work, undo=self._undo, max_attempts=attempts, queue=QUEUE)
            patch.setitem(BY_NAME, name, tiny)  # type: ignore[arg-type]

    def _undo(self, work: Work[User, Any]) -> None:
        work.session.connection().execute(_WIPE, {"user": work.subject.id})
        if self.undo_broken:
            raise RuntimeError("the broom is broken")


def _add(work: Work[User, Any]) -> Steps:
    return (yield from _steps(work, _ADD, len(ALL_EFFECTS)))


def _take_away(work: Work[User, Any]) -> Steps:
    return (yield from _steps(work, _TAKE_AWAY, 0))


def _steps(work: Work[User, Any], change: Any, left: int) -> Steps:
    for step in range(work.done, STEPS):
        wait_at_work(step)
        work.session.connection().execute(change, {"user": work.subject.id, "n": str(step)})
        yield Progress(step + 1, STEPS)
    wait_at_work(STEPS)
    return {"interactions": left}
