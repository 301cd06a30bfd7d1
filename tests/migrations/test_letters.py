"""The indexes of letters: made wherever pg_trgm may be had, and else named with what to do."""

import secrets
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import make_url
from sqlmodel import Session

from core.database.letters import INDEXES, are_indexed
from migrations import run
from tests.migrations.schema import SECRET, connected, execute

THERE = f"SELECT FROM pg_indexes WHERE indexname IN ({', '.join(repr(name) for name in INDEXES.values())})"


def has_indexes(url: str) -> bool:
    with connected(url) as connection, Session(connection) as session:
        return are_indexed(session)


@pytest.fixture
def owned_url(make_database: Callable[..., str], server: str) -> Iterator[str]:
    """Return an empty database that a role without further rights owns."""
    name, url = f"own_{secrets.token_hex(4)}", make_database()
    database = make_url(url).database
    execute(server, f"CREATE ROLE {name} LOGIN", f"ALTER DATABASE {database} OWNER TO {name}")
    execute(url, f"ALTER SCHEMA public OWNER TO {name}")
    yield make_url(url).set(username=name).render_as_string(hide_password=False)
    execute(url, f"REASSIGN OWNED BY {name} TO CURRENT_USER", f"DROP OWNED BY {name}")
    execute(server, f"ALTER DATABASE {database} OWNER TO CURRENT_USER", f"DROP ROLE {name}")


def test_the_owner_of_a_database_gets_the_indexes_without_being_asked(owned_url: str) -> None:
    assert run.upgrade(owned_url, secret=SECRET).warnings == ()
    assert has_indexes(owned_url)


def test_without_the_right_everything_else_is_migrated_and_what_to_do_is_said_until_it_is_done(
    owned_url: str, server: str
) -> None:
    url, role = make_url(owned_url), make_url(owned_url).username
    execute(server, f"ALTER DATABASE {url.database} OWNER TO CURRENT_USER")
    for _ in range(2):
        (warning,) = run.upgrade(owned_url, secret=SECRET).warnings
        assert "CREATE EXTENSION pg_trgm" in str(warning)
        assert not warning.blocks
    assert not has_indexes(owned_url)
    assert run.check(owned_url, secret=SECRET) == []

    own = make_url(server).set(database=url.database).render_as_string(hide_password=False)
    execute(
        own, "CREATE SCHEMA tools", f"GRANT USAGE ON SCHEMA tools TO {role}", "CREATE EXTENSION pg_trgm SCHEMA tools"
    )
    assert run.upgrade(owned_url, secret=SECRET).warnings == ()
    assert has_indexes(owned_url)


def test_an_index_that_is_lost_or_invalid_is_made_again(migrated_url: str) -> None:
    email, name = INDEXES.values()
    execute(
        migrated_url,
        f"DROP INDEX {name}",
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{email}'::regclass",
    )
    assert not has_indexes(migrated_url)
    run.upgrade(migrated_url, secret=SECRET)
    assert has_indexes(migrated_url)


def test_an_older_program_gets_its_table_back_without_them(migrated_url: str) -> None:
    run.downgrade(migrated_url, "0037", secret=SECRET)
    assert execute(migrated_url, THERE) == 0
    run.upgrade(migrated_url, secret=SECRET)
    assert execute(migrated_url, THERE) == 2
