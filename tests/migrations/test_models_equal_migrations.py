"""Migrations end where the models are, whatever they start from."""

from collections.abc import Iterator

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlmodel import SQLModel

import core.models  # noqa: F401 the models register themselves
from core.database.version import VERSION_TABLE
from migrations import run
from tests.migrations.conftest import databases
from tests.migrations.schema import SECRET, Schema, connected, schema_of


@pytest.fixture(scope="module")
def schema_of_models(server: str) -> Iterator[Schema]:
    with databases(server) as make:
        with connected(url := make()) as connection:
            SQLModel.metadata.create_all(connection)
            connection.commit()
        yield schema_of(url)


def differences(left: Schema, right: Schema) -> dict[str, Schema]:
    return {
        part: {"only migrated": left[part] - right[part], "only in models": right[part] - left[part]}
        for part in left
        if left[part] != right[part]
    }


def test_from_nothing_the_schema_ends_as_the_models_say(schema_at_head: Schema, schema_of_models: Schema) -> None:
    assert differences(schema_at_head, schema_of_models) == {}


def test_from_the_legacy_tables_the_schema_ends_as_the_models_say(migrated_url: str, schema_of_models: Schema) -> None:
    assert differences(schema_of(migrated_url), schema_of_models) == {}


@pytest.mark.slow
def test_down_to_the_legacy_shape_and_up_again_the_schema_ends_as_the_models_say(
    returned_url: str, schema_of_models: Schema
) -> None:
    run.finish(returned_url, secret=SECRET)
    assert differences(schema_of(returned_url), schema_of_models) == {}


@pytest.mark.filterwarnings("ignore:Expression #1")
def test_alembic_itself_finds_nothing_left_to_migrate(migrated_url: str) -> None:
    with connected(migrated_url) as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "target_metadata": SQLModel.metadata,
                "version_table": VERSION_TABLE,
                # Alembic cannot compare operator classes; the tests above compare every index as PostgreSQL prints it.
                "include_object": lambda _object, _name, kind, *_rest: kind != "index",
            },
        )
        left = compare_metadata(context, SQLModel.metadata)
    assert left == []


def test_from_the_legacy_tables_and_back_the_schema_is_the_legacy_one(legacy_url: str, returned_url: str) -> None:
    assert differences(schema_of(returned_url), schema_of(legacy_url)) == {}


def test_the_offline_sql_of_an_empty_database_makes_what_the_models_say(
    empty_database_url: str, schema_of_models: Schema
) -> None:
    script = run.sql(empty_database_url)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(script)
    assert differences(schema_of(empty_database_url), schema_of_models) == {}
