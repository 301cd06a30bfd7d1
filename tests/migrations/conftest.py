"""The legacy product's database, and as many empty ones as a test wants."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

LEGACY = (Path(__file__).parent / "legacy.sql").read_text(encoding="utf-8")


@pytest.fixture
def make_database(server: str) -> Iterator[Callable[[], str]]:
    """Return a function that makes an empty database and returns its URL; all are dropped at the end."""
    made: list[str] = []

    def make() -> str:
        name = f"mig_{secrets.token_hex(6)}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
        made.append(name)
        return make_url(server).set(database=name).render_as_string(hide_password=False)

    yield make
    with psycopg.connect(server, autocommit=True) as connection:
        for name in made:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def legacy_url(make_database: Callable[[], str]) -> str:
    """Return the legacy product's database, as it was."""
    url = make_database()
    with psycopg.connect(url) as connection:
        connection.execute(LEGACY)
    return url
