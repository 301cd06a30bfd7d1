"""Rows that nothing needs any longer end with maintenance."""

from datetime import timedelta

from sqlalchemy import Engine
from sqlmodel import Session, select

from core import clock
from core.database.engine import session_scope
from core.models import Worker
from core.operation import NoForm, TaskWork
from core.operations.maintenance import expire


def test_workers_that_ended_long_ago_are_deleted_and_living_ones_stay(engine: Engine) -> None:
    now = clock.now()
    ages = {"stopped": {"stopped_at": now - timedelta(days=31)}, "lost": {"lost_at": now - timedelta(days=31)}}
    kept = {"new": {"stopped_at": now - timedelta(days=29)}, "living": {}}
    with session_scope(engine) as session:
        for host, times in {**ages, **kept}.items():
            started = now - timedelta(days=40)
            session.add(Worker(host=host, pid=1, threads=1, started_at=started, heartbeat_at=started, **times))
    with Session(engine) as session:
        list(expire(TaskWork(session, NoForm(), "key", 0, now)))
        assert sorted(session.exec(select(Worker.host))) == ["living", "new"]
