"""A database that other programs use too: nothing of theirs is taken for ours or touched."""

import psycopg
import pytest
from sqlalchemy import make_url

from core.address import with_schema
from core.database.engine import connect, has_tables
from core.errors import Unusable
from migrations import revisions, run
from migrations.legacy import shape
from tests.migrations.refusals import OMAR, refusal
from tests.migrations.schema import SECRET, Schema, by_id, execute, rows, schema_of
from tests.repeats import mostly_slow

#: Alembic's table, as any program has it.
ALEMBIC = "CREATE TABLE alembic_version (version_num varchar(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY)"


@pytest.mark.parametrize("revision", mostly_slow(["f00dfeed", "0001", "0007", revisions.head()], fast=1))
def test_another_program_s_revision_is_neither_ours_nor_touched(empty_database_url: str, revision: str) -> None:
    execute(empty_database_url, ALEMBIC, f"INSERT INTO alembic_version VALUES ('{revision}')")
    report = run.finish(empty_database_url, secret=SECRET)
    assert len(report.steps) == len(revisions.path()) + 1
    assert rows(empty_database_url, "SELECT * FROM alembic_version") == [{"version_num": revision}]
    assert run.check(empty_database_url) == []


def as_before_our_own_table(url: str) -> None:
    """Make a migrated database one of an earlier release."""
    execute(
        url,
        "ALTER TABLE unstuck_version RENAME TO alembic_version",
        "ALTER INDEX unstuck_version_pkc RENAME TO alembic_version_pkc",
    )


@pytest.mark.parametrize("at", mostly_slow(["0001", "0002", "0013", "0018"], fast=1))
def test_a_database_of_an_earlier_release_goes_on_from_its_revision(
    legacy_url: str, schema_at_head: Schema, at: str
) -> None:
    run.upgrade(legacy_url, secret=SECRET, to=at)
    as_before_our_own_table(legacy_url)
    report = run.finish(legacy_url, secret=SECRET)
    assert report.end == revisions.head()
    assert report.start == ("" if at == "0001" else at)
    assert schema_of(legacy_url) == schema_at_head


def test_one_at_head_gets_our_own_table_and_keeps_the_former_one_for_running_consoles(migrated_url: str) -> None:
    as_before_our_own_table(migrated_url)
    assert [finding.title for finding in run.check(migrated_url)] == ["Revision to be carried over"]
    assert run.finish(migrated_url, secret=SECRET).steps == ()
    assert run.check(migrated_url) == []
    assert rows(migrated_url, "SELECT * FROM unstuck_version") == rows(migrated_url, "SELECT * FROM alembic_version")


@pytest.mark.slow
def test_the_script_for_an_earlier_release_s_database_ends_at_head(legacy_url: str) -> None:
    run.upgrade(legacy_url, secret=SECRET, to="0013")
    as_before_our_own_table(legacy_url)
    with psycopg.connect(legacy_url, autocommit=True) as connection:
        connection.execute(run.sql(legacy_url, to_finish=True))
    assert run.check(legacy_url) == []


def test_a_version_table_of_another_shape_is_named(legacy_url: str) -> None:
    execute(legacy_url, "CREATE TABLE unstuck_version (x int)")
    assert "There is unstuck_version already" in refusal(legacy_url)


@pytest.mark.parametrize("schema", mostly_slow(['a"b', "app", "Un stuck", "back\\slash"], fast=1))
def test_a_schema_of_its_own_holds_everything_and_public_stays_as_it_was(empty_database_url: str, schema: str) -> None:
    execute(
        empty_database_url,
        "CREATE SCHEMA " + psycopg.sql.Identifier(schema).as_string(),
        "CREATE TABLE ix_users_name_lower (id int)",
        "CREATE TABLE users (id serial PRIMARY KEY, login text)",
    )
    url = with_schema(empty_database_url, schema)
    before = schema_of(empty_database_url)
    run.finish(url, secret=SECRET)
    assert run.check(url) == []
    assert {**schema_of(empty_database_url), "triggers": set()} == before
    engine = connect(url)
    assert has_tables(engine)
    engine.dispose()


@pytest.mark.slow
def test_a_schema_in_the_address_s_options_is_used(empty_database_url: str) -> None:
    execute(empty_database_url, "CREATE SCHEMA app")
    run.finish(f"{empty_database_url}&options=-csearch_path%3Dapp", secret=SECRET)
    assert {row["schemaname"] for row in rows(empty_database_url, OUR_TABLES)} == {"app"}


OUR_TABLES = "SELECT schemaname FROM pg_tables WHERE tablename IN ('users', 'events', 'unstuck_version')"


def test_a_schema_that_does_not_exist_is_named_with_the_statement_that_makes_it(empty_database_url: str) -> None:
    url = with_schema(empty_database_url, "app")
    with pytest.raises(Unusable) as refused:
        run.finish(url, secret=SECRET)
    message = str(refused.value)
    assert "There is no schema app in the database" in message
    execute(empty_database_url, message[message.index("CREATE SCHEMA") : message.index(";")])
    run.finish(url, secret=SECRET)


def test_legacy_tables_behind_an_own_schema_are_found_and_not_passed_over(legacy_url: str) -> None:
    execute(legacy_url, "CREATE SCHEMA app", in_path(legacy_url, "app, public"))
    message = refusal(legacy_url)
    assert "The legacy product's tables are in the schema public, but app comes first in the search path" in message
    assert "UNSTUCK_SCHEMA=public" in message
    run.finish(with_schema(legacy_url, "public"), secret=SECRET)
    assert len(by_id(legacy_url, "public.users")) == 240
    assert {row["schemaname"] for row in rows(legacy_url, OUR_TABLES)} == {"public"}


@pytest.mark.slow
def test_an_empty_start_beside_legacy_tables_is_possible(legacy_url: str) -> None:
    execute(legacy_url, "CREATE SCHEMA app", in_path(legacy_url, "app, public"))
    run.finish(with_schema(legacy_url, "app"), secret=SECRET)
    assert rows(legacy_url, "SELECT count(*) FROM app.users") == [{"count": 0}]
    assert len(by_id(legacy_url, "public.users")) == 240


def in_path(url: str, path: str) -> str:
    return f"ALTER DATABASE {make_url(url).database} SET search_path = {path}"


@pytest.mark.slow
def test_legacy_tables_of_another_spelling_are_found(legacy_url: str) -> None:
    for table, name in (
        ("users", "Users"),
        ("platform_connections", "platformConnections"),
        ("interactions", "Interactions"),
    ):
        execute(legacy_url, f'ALTER TABLE {table} RENAME TO "{name}"')
    before = schema_of(legacy_url)
    titles = [finding.title for finding in run.check(legacy_url)]
    assert titles[0] == "Tables with another spelling"
    assert schema_of(legacy_url) == before


def test_a_column_of_another_spelling_is_found_and_its_values_carried_over(legacy_url: str) -> None:
    execute(legacy_url, 'ALTER TABLE platform_connections RENAME COLUMN is_active TO "isActive"')
    message = refusal(legacy_url)
    assert 'platform_connections has "isActive", and no is_active.' in message
    advice = message[message.index("ALTER TABLE") : message.index("; then")]
    execute(legacy_url, *advice.split("; "))
    active = len(rows(legacy_url, 'SELECT FROM platform_connections WHERE "isActive"'))
    run.finish(legacy_url, secret=SECRET)
    connected = rows(legacy_url, "SELECT FROM platform_connections WHERE connection_status = 'connected'")
    assert len(connected) == active > 0


@pytest.mark.slow
def test_an_e_mail_with_a_blank_at_its_end_is_named(legacy_url: str) -> None:
    execute(legacy_url, f"UPDATE users SET email = email || ' ' WHERE id = '{OMAR}'")
    message = refusal(legacy_url)
    assert "1 row of users with blanks before or after the e-mail address" in message
    execute(legacy_url, message[message.index("UPDATE users") : message.index("; then")])
    run.finish(legacy_url, secret=SECRET)


def test_row_level_security_is_named_and_hidden_rows_are_not_taken_for_missing(legacy_url: str, server: str) -> None:
    role = f"mig_{make_url(legacy_url).database}"
    execute(server, f"CREATE ROLE {role} LOGIN")
    for table in ("users", "platform_connections", "interactions"):
        execute(legacy_url, f"ALTER TABLE {table} OWNER TO {role}")
    execute(
        legacy_url,
        f"GRANT ALL ON SCHEMA public TO {role}",
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE users FORCE ROW LEVEL SECURITY",
    )
    url = make_url(legacy_url).set(username=role).render_as_string()
    [finding] = run.check(url)
    assert finding.detail.startswith("users has row level security, which hides rows from")
    execute(legacy_url, "ALTER TABLE users NO FORCE ROW LEVEL SECURITY")
    run.finish(url, secret=SECRET)
    assert len(by_id(legacy_url, "users")) == 240
    execute(legacy_url, f"REASSIGN OWNED BY {role} TO postgres", f"DROP OWNED BY {role}", f"DROP ROLE {role}")


@pytest.mark.parametrize(
    "missing", mostly_slow(["countdown_t14_sent_at, DROP COLUMN marketing_opt_in", "countdown_t7_sent_at"], fast=1)
)
def test_a_column_that_only_holds_what_nobody_has_is_carried_over_as_empty_and_said(
    legacy_url: str, schema_at_head: Schema, missing: str
) -> None:
    execute(legacy_url, f"ALTER TABLE users DROP COLUMN {missing}")
    [said] = [finding for finding in run.check(legacy_url) if finding.title == "A column is missing"]
    assert not said.blocks
    run.finish(legacy_url, secret=SECRET)
    assert schema_of(legacy_url) == schema_at_head
    for column in missing.split(", DROP COLUMN "):
        assert column in said.detail
        assert rows(legacy_url, f"SELECT DISTINCT {column} AS v FROM marketing_campaigns") == [{"v": None}]
    assert len(by_id(legacy_url, "marketing_campaigns")) == 240


FOREIGN = {
    "numbered users": [
        "CREATE TABLE users (id serial PRIMARY KEY, username text NOT NULL, email text, is_active boolean)"
    ],
    "users by uuid": ["CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL, plan text NOT NULL)"],
    "a view": ["CREATE TABLE people (id int)", "CREATE VIEW users AS SELECT id FROM people"],
    "all three names": [
        "CREATE TABLE users (id int, login text)",
        "CREATE TABLE interactions (id int, note text)",
        "CREATE TABLE platform_connections (id int, url text)",
    ],
}


@pytest.mark.parametrize("statements", FOREIGN.values(), ids=FOREIGN)
def test_another_products_database_is_named_and_nobody_is_told_to_change_it(
    empty_database_url: str, statements: list[str]
) -> None:
    execute(empty_database_url, *statements, "CREATE TABLE events (id int)", ALEMBIC)
    before = schema_of(empty_database_url)
    [finding] = run.check(empty_database_url, secret=SECRET)
    assert "belongs to another product" in finding.detail
    assert finding.remedy == shape.ELSEWHERE
    with pytest.raises(Unusable, match="Name an empty database in DATABASE_URL, or give Unstuck a schema of its own"):
        run.upgrade(empty_database_url, secret=SECRET)
    assert schema_of(empty_database_url) == before


def test_a_smaller_legacy_database_is_not_taken_for_another_products(empty_database_url: str) -> None:
    execute(
        empty_database_url,
        "CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL)",
        "CREATE TABLE platform_connections (id uuid PRIMARY KEY, user_id uuid NOT NULL, platform text NOT NULL)",
        "CREATE TABLE interactions (id uuid PRIMARY KEY, user_id uuid NOT NULL, kind text NOT NULL)",
    )
    assert run.upgrade(empty_database_url, secret=SECRET).end == revisions.head()
