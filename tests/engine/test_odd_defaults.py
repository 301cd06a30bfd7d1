"""A database, role or server with other defaults than PostgreSQL's: the program behaves as everywhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Engine, make_url, text

from core import clock
from core.database import timeouts
from core.database.engine import connect, refuse_unusable, session_scope
from core.database.session_settings import PINNED
from core.errors import Unusable
from core.job_list.filters import JobFilter
from core.job_list.queries import page
from core.models import AttemptOutcome, User
from core.operations import BY_NAME
from core.people import auth
from core.people.auth import Visitor
from core.sample import LEGACY
from migrations import run
from tests.conftest import SECRET
from tests.driving import ask, run_next
from tests.factories import make_user
from tests.repeats import mostly_slow

ODD = {
    "datestyle": "'SQL, DMY'",
    "intervalstyle": "sql_standard",
    "timezone": "'Asia/Kathmandu'",
    "client_encoding": "LATIN1",
    "default_transaction_isolation": "serializable",
    "standard_conforming_strings": "off",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "search_path": '"$user", nowhere, public',
    "statement_timeout": "1",
    "lock_timeout": "1",
    "idle_session_timeout": "500",
    "plan_cache_mode": "force_generic_plan",
}


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True, client_encoding="utf8", options="-c statement_timeout=0") as connection:
        connection.execute(statement)


def set_default(url: str, name: str) -> None:
    execute(url, f"ALTER DATABASE {make_url(url).database} SET {name} = {ODD[name]}")


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    engine = connect(url)
    try:
        yield engine
    finally:
        engine.dispose()


def journey(engine: Engine) -> None:
    """Sign in, request, claim, finish and list, as an operator and a worker do."""
    with session_scope(engine) as session:
        user_id = make_user(session, name="Ołena Ürün 李", role="support").id
        link = auth.make_link(session, session.get_one(User, user_id))
    with session_scope(engine) as session:
        token = auth.sign_in_by_link(session, link, Visitor())
    with session_scope(engine) as session:
        assert auth.authenticate(session, auth.Credentials(token, "console")).id == user_id
    job_id = ask(engine, BY_NAME["demo.enable"], user_id, {"preset": "nano"})
    assert run_next(engine) is AttemptOutcome.SUCCEEDED
    with session_scope(engine) as session:
        assert [row["id"] for row in page(session, JobFilter.from_params({})).items] == [str(job_id)]
        assert session.connection().scalar(text("SHOW transaction_isolation")) == "read committed"


@pytest.fixture(params=mostly_slow(ODD, fast=5))
def odd_url(request: pytest.FixtureRequest, database_url: str) -> str:
    """Return a database of which one default is odd."""
    execute(
        database_url, f"ALTER DATABASE {make_url(database_url).database} SET {request.param} = {ODD[request.param]}"
    )
    return database_url


def test_the_journey_ends_well_whatever_a_default_of_the_database_is(odd_url: str) -> None:
    with opened(odd_url) as engine:
        journey(engine)


def test_it_ends_well_though_every_transaction_must_set_what_a_pooler_dropped(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeouts, "as_options", lambda _settings: "")
    for name in PINNED.keys() & ODD.keys():
        set_default(database_url, name)
    with opened(database_url) as engine:
        journey(engine)
        assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1), "its time was heard as it is"


def test_migrations_end_at_head_whatever_the_defaults_of_a_database_are(empty_database_url: str) -> None:
    execute(empty_database_url, LEGACY.read_text(encoding="utf-8"))
    for name in ODD:
        set_default(empty_database_url, name)
    run.upgrade(empty_database_url, secret=SECRET)
    assert [each for each in run.check(empty_database_url, secret=SECRET) if each.blocks] == []


@pytest.fixture(params=["LATIN1", "SQL_ASCII"])
def foreign_url(request: pytest.FixtureRequest, server: str) -> Iterator[str]:
    """Return an empty database of another encoding."""
    name = f"test_{uuid4().hex}"
    how = f"TEMPLATE template0 STRATEGY file_copy ENCODING '{request.param}' LOCALE 'C'"
    execute(server, f"CREATE DATABASE {name} {how}")
    yield make_url(server).set(database=name).render_as_string()
    execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("look", [run.check, lambda url: run.upgrade(url, secret=SECRET), lambda url: starting(url)])
def test_another_encoding_is_refused_in_one_sentence(foreign_url: str, look: Callable[[str], object]) -> None:
    with pytest.raises(Unusable, match=r"has the encoding (LATIN1|SQL_ASCII), .* Unstuck needs UTF8\."):
        look(foreign_url)


def starting(url: str) -> None:
    with opened(url) as engine:
        refuse_unusable(engine)
