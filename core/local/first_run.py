"""The first local start: the sample data, and a one-time sign-in link for the local admin."""

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from core import clock
from core.actor import ENGINE
from core.audit.chain.keys import chain_keys
from core.audit.chain.seal import seal
from core.database.engine import session_scope
from core.local.adopting import adopt_sample
from core.models import Event, Role, Schedule, User
from core.people import auth
from core.people.addresses import user_with
from core.people.operators import LOCAL_ADMIN, NewOperator, add, find_by_email
from core.sample import LEGACY, fill
from core.schedules.timing import next_after
from core.settings import settings

SAMPLE_JOBS = 5_000
#: The file's times are fixed, so that ever more access has ended: it ends within two days instead, one after the other,
#: or a hundred refreshes would be due in the first minutes.
_SPREAD: Final = """
    UPDATE platform_connections SET token_expires_at = ends.at FROM (
        SELECT id, now() AT TIME ZONE 'UTC' + interval '3 hours'
            + interval '45 hours' * percent_rank() OVER (ORDER BY md5(id::text)) AS at
        FROM platform_connections WHERE token_expires_at < now() AT TIME ZONE 'UTC' + interval '2 days'
    ) ends WHERE ends.id = platform_connections.id
"""


def load_legacy(engine: Engine) -> None:
    """Load the legacy tables into an empty database."""
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute(LEGACY.read_text(encoding="utf-8"))
        cursor.execute(_SPREAD)
        connection.connection.commit()


def fill_history(engine: Engine, say: Callable[[str], None]) -> None:
    """Add a realistic job history to the migrated sample, unless it was added before."""
    with session_scope(engine) as session:
        if session.exec(select(Event.id).limit(1)).first() or not session.exec(select(User.id).limit(1)).first():
            return
    began = time.perf_counter()
    fill(engine, users=None, jobs=SAMPLE_JOBS, now=clock.now())
    adopt_sample(engine)
    with session_scope(engine) as session:
        _plan_by_cron(session)
    if settings().secret_key:  # its events are a month old: unsealed, they would look forgotten on the first screen
        seal(engine, chain_keys())
    say(f"Loaded the sample: the legacy users and {SAMPLE_JOBS:,} jobs, in {time.perf_counter() - began:.1f} s.")


def _plan_by_cron(session: Session) -> None:
    """Let the first runs that are to come be at the times of their schedules; migrations, which know no cron, guess."""
    for schedule in session.exec(select(Schedule).where(col(Schedule.next_due_at) > clock.now())).all():
        schedule.next_due_at = next_after(schedule, clock.now())


def local_admin_link(engine: Engine) -> str:
    """Return the token of the local admin's only sign-in link, for an hour; the admin is created if missing."""
    with session_scope(engine) as session:
        admin = user_with(session, LOCAL_ADMIN)
        if admin is None:
            add(session, NewOperator(email=LOCAL_ADMIN, name="Local admin", role=Role.ADMIN), ENGINE, "first start")
            admin = find_by_email(session, LOCAL_ADMIN)
        return auth.make_printed_link(session, admin)
