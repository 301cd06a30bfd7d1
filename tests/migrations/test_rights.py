"""A server or role that cannot migrate: the missing right is named, with the statement that grants it."""

import secrets
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import make_url

from core.errors import Unusable
from migrations import revisions, run
from migrations.legacy.checks import facts
from migrations.legacy.checks import server as server_findings
from tests.migrations.schema import SECRET, connected, execute


@pytest.fixture
def role(server: str) -> Iterator[str]:
    name = f"mig_{secrets.token_hex(4)}"
    execute(server, f"CREATE ROLE {name} LOGIN")
    yield name
    execute(server, f"DROP ROLE {name}")


def as_role(url: str, role: str) -> str:
    return make_url(url).set(username=role).render_as_string(hide_password=False)


@pytest.fixture
def poor_url(legacy_url: str, role: str) -> Iterator[str]:
    """Return the legacy database as seen by a role with read access only."""
    execute(legacy_url, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    yield as_role(legacy_url, role)
    execute(legacy_url, f"DROP OWNED BY {role}")


def test_every_missing_right_is_named_with_the_statement_that_gives_it(poor_url: str, role: str) -> None:
    with pytest.raises(Unusable) as refused:
        run.finish(poor_url, secret=SECRET)
    message = str(refused.value)
    assert f'GRANT USAGE, CREATE ON SCHEMA "public" TO "{role}";' in message
    for table in ("users", "platform_connections", "interactions"):
        assert f'ALTER TABLE "public"."{table}" OWNER TO "{role}";' in message


def test_the_statements_that_are_named_suffice(poor_url: str, legacy_url: str) -> None:
    for finding in run.check(poor_url):
        if finding.title == "A right is missing":
            execute(legacy_url, finding.remedy.partition(": ")[2])
    assert run.finish(poor_url, secret=SECRET).end == revisions.head()


def test_a_role_that_may_not_even_read_gets_the_same_answer(legacy_url: str, role: str) -> None:
    with pytest.raises(Unusable, match="The table users belongs to"):
        run.finish(as_role(legacy_url, role), secret=SECRET)


def test_a_role_without_any_schema_is_told_which_right_it_needs(empty_database_url: str, role: str) -> None:
    execute(empty_database_url, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
    with pytest.raises(Unusable, match="may not create tables in the schema public"):
        run.finish(as_role(empty_database_url, role), secret=SECRET)


def test_a_role_that_owns_nothing_at_head_may_still_check(migrated_url: str, role: str) -> None:
    execute(migrated_url, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    titles = [finding.title for finding in run.check(as_role(migrated_url, role))]
    execute(migrated_url, f"DROP OWNED BY {role}")
    assert titles == []


def test_a_read_only_database_is_reported(legacy_url: str) -> None:
    name = make_url(legacy_url).database
    execute(legacy_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(Unusable, match="is read-only for"):
        run.finish(legacy_url, secret=SECRET)


def test_a_standby_and_an_old_server_are_reported(empty_database_url: str) -> None:
    with connected(empty_database_url) as connection:
        server = facts.read(connection)
    odd = replace(server, standby=True, version=130014, version_text="13.14")
    sentences = [str(finding) for finding in server_findings.findings(odd)]
    assert [sentence.partition(".")[0] for sentence in sentences] == [
        "This is PostgreSQL 13",
        f"The database {server.database} is a standby: it only replicates another server",
    ]
    assert list(server_findings.findings(server)) == []


def test_a_server_that_is_not_there_is_reported_in_one_sentence(server: str) -> None:
    nowhere = "postgresql://someone:geheim@127.0.0.1:1/nothing"
    with pytest.raises(Unusable, match="could not be reached") as refused:
        run.finish(nowhere, secret=SECRET)
    assert "geheim" not in str(refused.value)


def test_a_schema_of_its_own_is_used_and_public_left_alone(empty_database_url: str) -> None:
    name = make_url(empty_database_url).database
    execute(
        empty_database_url,
        "CREATE TABLE public.users (id serial PRIMARY KEY, login text)",
        'CREATE SCHEMA "Un stuck"',
        f'ALTER DATABASE {name} SET search_path = "Un stuck", public',
    )
    run.finish(empty_database_url, secret=SECRET)
    assert run.check(empty_database_url) == []
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT count(*) FROM public.users").fetchone() == (0,)
        assert connection.execute('SELECT count(demo_mode_status) FROM "Un stuck".users').fetchone() == (0,)
