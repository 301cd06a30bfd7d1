"""Several ways out and several processes: one that hangs, lacks a way or comes late keeps nothing from anybody."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from threading import Event, Thread

import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlmodel import Session, select

from core import clock
from core.alerts import shared_round, telling
from core.alerts.telling import tell as tell_by
from core.database.engine import STATEMENT_TIMEOUT, connect, session_scope
from core.messages.channels import direct_lines
from core.models import Notification, SharedRound
from tasks.lookout import Lookout
from tests.alerts.looking import tell
from tests.alerts.receiver import SECRET, receiver, set_ways
from tests.waiting import eventually

FAIL = """
    INSERT INTO background_jobs (id, kind, queue, status, created_at, run_at, finished_at)
    SELECT gen_random_uuid(), 'demo.enable', 'demo', 'failed', statement_timestamp(), statement_timestamp(),
           statement_timestamp() FROM generate_series(1, :number)
"""
UNTOLD = """
    SELECT count(*) FROM background_jobs j WHERE NOT EXISTS (
        SELECT FROM notifications n WHERE n.job_id = j.id AND n.address LIKE :way || '%')
"""


def use(monkeypatch: pytest.MonkeyPatch, *urls: str, **more: str) -> None:
    set_ways(monkeypatch, webhooks=" ".join(urls), webhook_secret=SECRET, **more)


def fail_jobs(engine: Engine, number: int) -> None:
    with session_scope(engine) as session:
        session.connection().execute(text(FAIL), {"number": number})


def collect(engine: Engine) -> None:
    """Let a process come round that writes what is to be told, and sends nothing."""
    run(engine, "UPDATE shared_rounds SET done_at = NULL")
    for line in direct_lines():
        with session_scope(engine) as session:
            tell_by(session, line)


def run(engine: Engine, statement: str) -> None:
    with session_scope(engine) as session:
        session.connection().execute(text(statement))


def untold(engine: Engine, way: str = "") -> int:
    with Session(engine) as session:
        return int(session.connection().execute(text(UNTOLD), {"way": way}).scalar_one())


@contextmanager
def silent() -> Iterator[str]:
    """A receiver that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/x"


def test_receivers_that_hang_keep_no_other_waiting(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as held, receiver() as told:
        use(monkeypatch, *(held.enter_context(silent()) for _ in range(4)), told.url)
        collect(engine)
        fail_jobs(engine, 3)
        collect(engine)
        lookout = Lookout(engine)
        lookout.send()
        eventually(lambda: len(told.bodies) == 3, within=8)
        eventually(lambda: len(lookout.under_way()) == 4)  # they hang still
        lookout.send()
        with Session(engine) as session:
            attempts = [row.attempts for row in session.exec(select(Notification)) if row.sender_id]
        assert attempts == [1] * 4, "each is sent by once at a time"
        held.close()
        lookout.wait()


def test_what_ends_during_a_long_look_is_told_by_the_next(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "https://a.example/x")
    collect(engine)
    fail_jobs(engine, 1)
    put, during = telling.put, []

    def put_slowly(*args: object) -> object:
        with Session(engine) as session:
            during.append(session.exec(select(clock.db_now())).one())
        return put(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(telling, "put", put_slowly)
    collect(engine)
    with Session(engine) as session:
        rounds = session.exec(select(SharedRound)).all()
    assert during
    assert all(each.seen_at < during[0] and each.looked_until < during[0] for each in rounds)


def test_a_process_that_lacks_a_receiver_keeps_nothing_from_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    both = ("https://a.example/x", "https://b.example/x")
    use(monkeypatch, *both)
    collect(engine)
    fail_jobs(engine, 5)
    use(monkeypatch, both[0])
    for _ in range(2):
        collect(engine)
    run(engine, "UPDATE background_jobs SET finished_at = finished_at - interval '30 s'")
    run(engine, "UPDATE shared_rounds SET looked_until = looked_until - interval '30 s'")
    run(engine, "UPDATE shared_rounds SET seen_at = seen_at - interval '30 s'")
    use(monkeypatch, *both)
    for _ in range(2):
        collect(engine)
    assert (untold(engine, "a.example"), untold(engine, "b.example")) == (0, 0)


def test_a_clock_that_was_put_back_loses_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "https://a.example/x")
    collect(engine)
    ahead = timedelta(hours=1)
    for name in ("looked_until", "done_at", "seen_at"):
        run(engine, f"UPDATE shared_rounds SET {name} = {name} + interval '{ahead.seconds} s'")
    fail_jobs(engine, 5)
    collect(engine)
    assert untold(engine) == 0


def test_more_than_one_look_takes_is_told_by_the_next_ones(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "MOST", 4)
    use(monkeypatch, "https://a.example/x")
    collect(engine)
    fail_jobs(engine, 11)
    for _ in range(3):
        collect(engine)
    with Session(engine) as session:
        told = [row.job_id for row in session.exec(select(Notification))]
    assert (len(told), len(set(told))) == (11, 11)


def test_a_message_never_goes_to_the_neighbour_of_its_receiver(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as told:
        first, second = f"{told.url}-first", f"{told.url}-second"
        use(monkeypatch, first, second)
        collect(engine)
        fail_jobs(engine, 1)
        collect(engine)
        use(monkeypatch, second)
        tell(engine)
        with Session(engine) as session:
            states = sorted(row.status.value for row in session.exec(select(Notification)))
        assert (len(told.bodies), states) == (1, ["sent", "waiting"])


def test_a_process_that_is_frozen_in_its_look_keeps_no_other_waiting(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, "https://a.example/x")
    collect(engine)
    run(engine, "UPDATE shared_rounds SET done_at = NULL")
    with Session(engine) as frozen:
        tell_by(frozen, direct_lines()[0])
        timeout = frozen.connection().execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one()
        came_round = Event()

        def come_round() -> None:
            with session_scope(engine) as session:
                tell_by(session, direct_lines()[0])
            came_round.set()

        Thread(target=come_round, daemon=True).start()
        eventually(came_round.is_set, within=5)
        assert timeout == "30s", "the server ends its transaction"
        frozen.rollback()


def test_what_is_committed_during_a_long_look_is_told_by_the_next_ones(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "MOST", 4)
    use(monkeypatch, "https://a.example/x")
    collect(engine)
    with Session(engine) as late:
        late.connection().execute(text(FAIL), {"number": 1})
        fail_jobs(engine, 11)
        collect(engine)
        late.commit()
    for _ in range(3):
        collect(engine)
    assert untold(engine) == 0


def test_no_statement_lasts_longer_than_a_look_goes_back() -> None:
    assert timedelta(milliseconds=STATEMENT_TIMEOUT) < shared_round.MARGIN


def test_a_process_that_is_frozen_in_the_first_look_of_a_way_is_ended_by_the_server(session: Session) -> None:
    limits = []

    def note(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if "INSERT INTO shared_rounds" in statement:
            limits.append(connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar_one())

    event.listen(session.connection(), "after_cursor_execute", note)
    assert shared_round.take(session, "a new way", telling.EVERY)
    assert limits == ["30s"]


def test_an_error_of_one_way_keeps_nothing_from_another(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, "https://a.example/x", "https://b.example/x")
    impatient = connect(database_url, options="-c lock_timeout=50")
    first = direct_lines()[0]
    with Session(engine) as frozen:
        tell_by(frozen, first)
        Lookout(impatient).watch()
        fail_jobs(engine, 1)
        run(engine, "UPDATE shared_rounds SET done_at = NULL")
        Lookout(impatient).watch()
        frozen.rollback()
    impatient.dispose()
    assert first.address is not None
    assert first.address.startswith("a.example")
    assert (untold(engine, "a.example"), untold(engine, "b.example")) == (1, 0)
