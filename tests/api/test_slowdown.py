"""What slows the program from elsewhere is told in doctor, readyz, metrics and sentences, with what to do next."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, make_url, text
from sqlmodel import Session

from core import slowdown
from core.database.engine import connect, session_scope
from core.models import Role, User
from core.slowdown import Delays, OldestTransaction, Slowdown, slowdowns
from tests.security.hostile import TEXTS
from ui.api import probes
from ui.cli.doctor import examine

SignIn = Callable[[Role], tuple[TestClient, User]]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let any open transaction count as old."""
    monkeypatch.setattr(slowdown, "OLD", timedelta(0))


@contextmanager
def psql(engine: Engine, name: str = "psql") -> Iterator[int]:
    """Keep a transaction of another program open, the oldest of the server; return its process."""
    with psycopg.connect(engine.url.set(drivername="postgresql").render_as_string(), application_name=name) as other:
        other.execute("SELECT 1")
        yield other.info.backend_pid


def of_kind(engine: Engine, kind: str) -> list[Slowdown]:
    with Session(engine) as session:
        return [each for each in slowdowns(session) if each.kind == kind]


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at this database only; other tests of the run have transactions of their own."""
    own = slowdown._OLDEST.text.replace("AND pid <>", "AND datname = current_database() AND pid <>")
    monkeypatch.setattr(slowdown, "_OLDEST", text(own))


@pytest.mark.usefixtures("at_once", "alone")
def test_an_old_transaction_is_named_with_its_program_process_and_remedy(engine: Engine) -> None:
    with psql(engine) as pid:
        [finding] = of_kind(engine, "old transaction")
    assert finding.sentence.startswith(
        f"A transaction of “psql” (pid {pid}, idle) has been open for 0 s: it slows the queues"
    )
    assert f"pg_terminate_backend({pid})" in finding.remedy
    assert of_kind(engine, "old transaction") == []


@pytest.mark.usefixtures("alone")
def test_a_young_transaction_is_not_told(engine: Engine) -> None:
    with psql(engine):
        assert of_kind(engine, "old transaction") == []


@pytest.mark.usefixtures("at_once", "alone")
def test_operators_read_in_readyz_what_strangers_only_count(
    engine: Engine, anonymous: TestClient, signed_in: SignIn
) -> None:
    operator, _ = signed_in(Role.VIEWER)
    member, _ = signed_in(Role.MEMBER)
    with session_scope(engine) as session:
        session.connection().execute(
            text("""INSERT INTO schedules (id, name, kind, cron, timezone, next_due_at) VALUES
                (gen_random_uuid(), 'secret plans', 'maintenance.expire_sessions', '0 3 * * *', 'UTC', 'yesterday')""")
        )
    with psql(engine, "secret program") as pid:
        bodies = []
        for client in (anonymous, member, operator):
            probes._readiness._flight = None
            answer = client.get("/readyz")
            assert answer.status_code == 200
            bodies.append(answer.json())
    for body in bodies[:2]:
        assert body["late"] == ["1 late schedule"]
        assert body["slow"] == ["1 old transaction"]
        assert "secret" not in str(body)
    assert "secret plans" in bodies[2]["late"][0]
    assert f"“secret program” (pid {pid}" in bodies[2]["slow"][0]
    assert "secret plans" not in anonymous.get("/metrics").text


@pytest.mark.usefixtures("at_once", "alone")
def test_the_doctor_names_an_old_transaction(engine: Engine) -> None:
    with psql(engine), session_scope(engine) as session:
        assert "old transaction" in {finding.problem for finding in examine(session)}


def test_events_that_wait_for_their_seal_are_told(engine: Engine) -> None:
    with session_scope(engine) as session:
        session.connection().execute(
            text("INSERT INTO events (name, via, at) VALUES ('job.cancelled', 'api', now() - interval '7 min')")
        )
    [finding] = of_kind(engine, "unsealed event")
    assert finding.sentence == "Events of the audit log have waited 7 min for their seal"


def test_a_table_full_of_dead_rows_is_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slowdown, "DEAD", 10)
    with session_scope(engine) as session:
        session.connection().execute(text("INSERT INTO queues (name) SELECT 'q' || n FROM generate_series(1, 30) n"))
    with session_scope(engine) as session:
        session.connection().execute(text("DELETE FROM queues"))
        session.connection().execute(text("SELECT pg_stat_force_next_flush()"))
    [finding] = [each for each in of_kind(engine, "bloated table") if "table queues" in each.sentence]
    assert "dead rows, more than living ones" in finding.sentence
    assert "VACUUM queues" in finding.remedy


def test_a_user_who_may_not_see_other_sessions_learns_what_is_hidden(engine: Engine) -> None:
    role = f"blind_{uuid4().hex[:8]}"
    with session_scope(engine) as session:
        session.connection().execute(text(f"CREATE ROLE {role} LOGIN; GRANT pg_read_all_data TO {role}"))
        session.connection().execute(
            text("INSERT INTO events (name, via, at) VALUES ('job.cancelled', 'api', now() - interval '7 min')")
        )
    blind = connect(make_url(engine.url).set(username=role).render_as_string())
    with psycopg.connect(engine.url.set(drivername="postgresql").render_as_string()) as other:
        other.execute("SELECT pg_current_xact_id()")
        other.execute("DECLARE held CURSOR FOR SELECT 1")  # keeps its snapshot
        [finding] = of_kind(blind, "unsealed event")
    blind.dispose()
    with session_scope(engine) as session:
        session.connection().execute(text(f"DROP OWNED BY {role}; DROP ROLE {role}"))
    assert "GRANT pg_read_all_stats" in finding.remedy
    assert "GRANT pg_read_all_stats" not in of_kind(engine, "unsealed event")[0].remedy


HOSTILE = [
    *(text for text in TEXTS.values() if text),
    "a\x01b",
    "plain",
    "it's",
    "back\\slash' OR",
    'quo"te',
    "100%s",
    "order",
]
CONTROL = set("\x00\x01\x07\x08\x1b\x7f\x9b\r\n\t\u202e\u2066\u2028")


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_other_programs_neither_end_the_advice_nor_control_a_terminal(engine: Engine, name: str) -> None:
    """PostgreSQL takes transactions and tables of any name; the advice is to be copied as it is."""
    prepared = slowdown._old(OldestTransaction(name, None, "prepared", timedelta(hours=1)))
    program = slowdown._old(OldestTransaction(name, 7, "active", timedelta(hours=1)))
    table = slowdown._bloated(name[:20], 7, Delays(None, 0, 7, (), timedelta()))
    for each in (prepared, program, table):
        assert not CONTROL & set(each.sentence + each.remedy)
    with engine.begin() as connection:
        literal = prepared.remedy.partition("ROLLBACK PREPARED ")[2]
        assert connection.exec_driver_sql(f"SELECT {literal}".replace("%", "%%")).scalar_one() == name
        identifier = table.remedy.partition("VACUUM ")[2]
        [column] = connection.exec_driver_sql(f"SELECT 1 AS {identifier}".replace("%", "%%")).keys()
        assert column == name[:20]


def test_a_long_name_of_a_prepared_transaction_is_told_in_full() -> None:
    """The statement would not find it by a part of its name; PostgreSQL allows 199 bytes."""
    assert "left(gid" not in slowdown._OLDEST.text
    assert "x" * 199 in slowdown._old(OldestTransaction("x" * 199, None, "", timedelta(hours=1))).remedy
