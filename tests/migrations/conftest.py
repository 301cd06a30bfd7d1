"""The legacy product's database, before and after, and as many empty ones as a test wants."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import make_url

from core.sample import LEGACY
from migrations import run
from tests.migrations.schema import SECRET, Schema, execute, schema_of

#: The last revision with which old code still works.
LAST_PRE = "0007"


@contextmanager
def databases(server: str) -> Iterator[Callable[..., str]]:
    """Give a function that makes a database from a template and returns its URL; all are dropped at the end."""
    made: list[str] = []

    def make(template: str = "template0") -> str:
        name = f"mig_{secrets.token_hex(6)}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        made.append(name)
        return make_url(server).set(database=name).render_as_string(hide_password=False)

    yield make
    with psycopg.connect(server, autocommit=True) as connection:
        for name in made:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def make_database(server: str) -> Iterator[Callable[..., str]]:
    with databases(server) as make:
        yield make


def made_once(server: str, name: str, of: str, fill: Callable[[str], object]) -> str:
    """Return the name of a template of the whole run: a filled copy, made by whichever process comes first."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(2)")
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            connection.execute(f"DROP DATABASE IF EXISTS {name}_new")
            connection.execute(f"CREATE DATABASE {name}_new TEMPLATE {of} STRATEGY file_copy")
            fill(make_url(server).set(database=f"{name}_new").render_as_string(hide_password=False))
            connection.execute(f"ALTER DATABASE {name}_new RENAME TO {name}")
    return name


@pytest.fixture(scope="session")
def legacy_template(server: str) -> str:
    return made_once(server, "legacy", "template0", lambda url: execute(url, LEGACY.read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def between_template(server: str, legacy_template: str) -> str:
    return made_once(
        server, "legacy_between", legacy_template, lambda url: run.upgrade(url, secret=SECRET, to=LAST_PRE)
    )


@pytest.fixture(scope="session")
def kept_template(server: str, between_template: str) -> str:
    return made_once(server, "legacy_kept", between_template, lambda url: run.upgrade(url, secret=SECRET))


@pytest.fixture(scope="session")
def migrated_template(server: str, kept_template: str) -> str:
    return made_once(server, "legacy_migrated", kept_template, lambda url: run.finish(url, secret=SECRET))


@pytest.fixture(scope="session")
def returned_template(server: str, migrated_template: str) -> str:
    return made_once(
        server, "legacy_returned", migrated_template, lambda url: run.downgrade(url, "base", secret=SECRET)
    )


@pytest.fixture(scope="session")
def schema_at_head(server: str, template: str) -> Schema:
    """Return the schema that migrations make from nothing."""
    return schema_of(make_url(server).set(database=template).render_as_string(hide_password=False))


@pytest.fixture
def legacy_url(make_database: Callable[..., str], legacy_template: str) -> str:
    """Return the legacy product's database, as it was."""
    return make_database(legacy_template)


@pytest.fixture
def migrated_url(make_database: Callable[..., str], migrated_template: str) -> str:
    """Return the legacy product's database, at head and finished."""
    return make_database(migrated_template)


@pytest.fixture
def kept_url(make_database: Callable[..., str], kept_template: str) -> str:
    """Return the legacy product's database, at head, with the columns that the legacy product needs."""
    return make_database(kept_template)


@pytest.fixture
def between_url(make_database: Callable[..., str], between_template: str) -> str:
    """Return a database at the last pre revision, where old and new code meet."""
    return make_database(between_template)


@pytest.fixture
def returned_url(make_database: Callable[..., str], returned_template: str) -> str:
    """Return the legacy product's database, migrated to head and back."""
    return make_database(returned_template)
