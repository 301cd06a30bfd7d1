"""The whole command line in a schema of its own, and with a database that cannot be used."""

import json
from collections.abc import Callable, Iterator
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url
from typer.testing import CliRunner

from core import logs
from core.errors import Unusable
from core.sample import LEGACY
from core.settings import settings
from main import _connected_command, app
from ui.cli import terminal

Verb = Callable[..., str]


@pytest.fixture
def verb(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Verb]:
    """Return a function that runs one verb of the program and returns what it printed."""
    for name, value in {
        "DATABASE_URL": empty_database_url,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "UNSTUCK_SECRET_KEY": "a secret for tests",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(logs, "set_up", lambda *_: None)  # this process's log stays as pytest has it
    monkeypatch.setattr(terminal, "_connections", [_connected_command])  # other tests give their own
    settings.cache_clear()

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return str(result.output)

    yield run
    settings.cache_clear()


def test_every_verb_works_in_a_schema_of_its_own_and_none_looks_elsewhere(
    verb: Verb, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute('CREATE SCHEMA "Un stuck"')
    monkeypatch.setenv("UNSTUCK_SCHEMA", "Un stuck")
    settings.cache_clear()
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(verb("migrate", "--sql"))
    assert verb("migrate") == "The database was at head already.\n"
    assert verb("migrate", "--check") == "The database is at head.\n"
    verb("sample", "--users", "3", "--jobs", "20")
    assert "/login/" in verb("operators", "add", "sam@example.com")
    assert len(json.loads(verb("operators", "list", "--json"))) == 1
    assert len(json.loads(verb("jobs", "list", "--json"))) > 0
    verb("queues", "list")
    verb("audit", "verify")
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


@pytest.mark.parametrize(
    "arguments", [["serve", "--port", "0"], ["worker"], ["migrate"], ["migrate", "--check"], ["run", "--empty"]]
)
def test_another_encoding_is_refused_at_start(
    verb: Verb, server: str, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy ENCODING LATIN1 LOCALE 'C'")
        monkeypatch.setenv("DATABASE_URL", make_url(server).set(database=name).render_as_string())
        settings.cache_clear()
        with pytest.raises(Unusable, match="has the encoding LATIN1"):
            verb(*arguments)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_migrating_to_a_revision_that_is_passed_says_where_the_database_is(verb: Verb) -> None:
    verb("migrate", "--to", "0005")
    assert verb("migrate", "--to", "0003") == "The database was at 0005 already.\n"
    with pytest.raises(Unusable, match="do not go together"):
        verb("migrate", "--to", "0003", "--check")


def test_migrate_keeps_what_the_legacy_product_needs_until_the_finish_and_leads_back(
    verb: Verb, empty_database_url: str
) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(LEGACY.read_text(encoding="utf-8"))
    assert "users.demo_mode, users.marketing_opt_in" in verb("migrate")
    pending = CliRunner().invoke(app, ["migrate", "--check"])
    assert (pending.exit_code, "migrate --finish" in pending.output) == (1, True)
    assert "DROP COLUMN demo_mode" in verb("migrate", "--sql", "--finish")
    assert "users.demo_mode" in verb("migrate", "--finish")
    assert verb("migrate", "--check") == "The database is at head.\n"
    assert verb("migrate", "--down", "0010").splitlines()[-1] == "0011 undone"
    assert "base already" not in verb("migrate", "--down", "base")
    assert verb("migrate", "--down", "base") == "The database was at base already.\n"
