"""A worker tells how much memory it has used: the most of each quarter of an hour, for a day."""

from sqlalchemy import Engine

from core.database.engine import session_scope
from core.jobs.memory_curve import MOST, QUARTER, MemoryCurve
from core.models import Worker
from tasks.actors import Drain, Registry
from tasks.heartbeat import Heartbeat
from ui.components.queues.memory import curve_of

SECONDS = QUARTER.total_seconds()


def test_a_quarter_has_its_most_and_a_day_is_kept() -> None:
    curve = MemoryCurve()
    assert curve.note(90, 1000.0) == (90, [90])
    assert curve.note(120, 1000.0 + SECONDS - 1) == (120, [120])
    assert curve.note(100, 1000.0 + SECONDS - 0.5) == (100, [120])
    assert curve.note(80, 1000.0 + SECONDS) == (80, [120, 80])
    for number in range(2, 2 * MOST):
        _, most = curve.note(number, 1000.0 + number * SECONDS)
    assert most == list(range(MOST, 2 * MOST))


def test_each_heartbeat_writes_it_also_after_a_new_identity(engine: Engine) -> None:
    with session_scope(engine) as session:
        session.add(worker := Worker(host="mill", pid=1, threads=1, queues=["demo"]))
        session.flush()
        own = worker.id
    drain = Drain(engine, Registry(1), own)
    beating = Heartbeat(drain, ["demo"], "1", lambda: None)
    beating.once()
    with session_scope(engine) as session:
        row = session.get_one(Worker, own)
        assert row.memory_curve == [row.memory_mb]
        row.lost_at = row.heartbeat_at
    beating.once()
    beating.once()
    with session_scope(engine) as session:
        assert drain.worker_id != own
        assert len(session.get_one(Worker, drain.worker_id).memory_curve) == 1


def test_the_curve_says_from_where_to_where_it_goes() -> None:
    drawn = curve_of([100, 50, 200])
    assert 'aria-label="50 to 200 MB in the last 45 min"' in drawn
    assert 'points="0,52 1,76 2,4"' in drawn
    assert curve_of([0, 0])
