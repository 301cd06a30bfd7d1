"""The legacy product's database, before and after, and as many empty ones as a test wants."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import make_url

from core.sample import LEGACY
from migrations import run
from tests.migrations.schema import SECRET, Schema, schema_of


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


@pytest.fixture(scope="session")
def legacy_template(server: str) -> Iterator[str]:
    with databases(server) as make:
        with psycopg.connect(url := make()) as connection:
            connection.execute(LEGACY.read_text(encoding="utf-8"))
        yield str(make_url(url).database)


@pytest.fixture(scope="session")
def migrated_template(server: str, legacy_template: str) -> Iterator[str]:
    with databases(server) as make:
        run.upgrade(url := make(legacy_template), secret=SECRET)
        yield str(make_url(url).database)


@pytest.fixture(scope="session")
def schema_at_head(server: str) -> Iterator[Schema]:
    """Return the schema that migrations make from nothing."""
    with databases(server) as make:
        run.upgrade(url := make(), secret=SECRET)
        yield schema_of(url)


@pytest.fixture
def legacy_url(make_database: Callable[..., str], legacy_template: str) -> str:
    """Return the legacy product's database, as it was."""
    return make_database(legacy_template)


@pytest.fixture
def migrated_url(make_database: Callable[..., str], migrated_template: str) -> str:
    """Return the legacy product's database, at head."""
    return make_database(migrated_template)
