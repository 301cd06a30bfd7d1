"""Objects of others that depend on the legacy tables: carried over, or named before anything is changed."""

import ast
from pathlib import Path

import pytest

from core.errors import Unusable
from migrations import finishing, run
from migrations.finishing import KEPT
from migrations.legacy import checks, dependents, shape
from migrations.revisions import scripts
from tests.migrations.refusals import refusal
from tests.migrations.schema import SECRET, Schema, by_id, execute, rows, schema_of
from tests.repeats import mostly_slow

REHEARSED = "A rehearsal of the revisions failed"
REFUSED = {
    "a view on a column that goes": (
        ["CREATE VIEW live AS SELECT id, is_active FROM platform_connections"],
        "The view live depends on platform_connections.is_active",
    ),
    "a materialized view on a column that goes": (
        ["CREATE MATERIALIZED VIEW opted AS SELECT id FROM users WHERE marketing_opt_in"],
        "The materialized view opted depends on users.marketing_opt_in",
    ),
    "a materialized view on a column that changes": (
        ["CREATE MATERIALIZED VIEW days AS SELECT created_at::date AS day FROM interactions"],
        "The materialized view days depends on interactions.created_at",
    ),
    "a rule": (
        ["CREATE RULE kept AS ON UPDATE TO users WHERE old.demo_mode DO INSTEAD NOTHING"],
        "The rule kept on table users depends on users.demo_mode",
    ),
    "a trigger with a condition": (
        [
            "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
            "CREATE TRIGGER noted AFTER UPDATE ON users FOR EACH ROW WHEN (NEW.demo_mode) EXECUTE FUNCTION noted()",
        ],
        "The trigger noted on table users depends on users.demo_mode",
    ),
    "a trigger's function": (
        [
            "CREATE FUNCTION noticed() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN IF NEW.is_active THEN RETURN NEW; END IF; RETURN NULL; END $$",
            "CREATE TRIGGER noted BEFORE INSERT ON platform_connections FOR EACH ROW EXECUTE FUNCTION noticed()",
        ],
        "calls noticed(), which names is_active",
    ),
    "a function": (
        ["CREATE FUNCTION demos() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM users WHERE demo_mode; END"],
        "The function demos() depends on users.demo_mode",
    ),
    "a generated column": (
        ["ALTER TABLE users ADD COLUMN mode text GENERATED ALWAYS AS (CASE WHEN demo_mode THEN 'd' END) STORED"],
        "depends on users.demo_mode",
    ),
    "a policy": (
        ["CREATE POLICY own ON users USING (demo_mode)"],
        "The policy own on table users depends on users.demo_mode",
    ),
    "a foreign key to a column that goes": (
        [
            "ALTER TABLE users ADD CONSTRAINT uq_both UNIQUE (id, demo_mode)",
            "CREATE TABLE notes (u uuid, d boolean, FOREIGN KEY (u, d) REFERENCES users (id, demo_mode))",
        ],
        "The constraint notes_u_d_fkey on table notes depends on users.demo_mode",
    ),
    "an index of a day": (
        ["CREATE INDEX ix_days ON interactions ((created_at::date))"],
        "A rehearsal of the revisions failed at the table interactions: functions in index expression",
    ),
    "a check that does not fit": (
        ["ALTER TABLE users ADD CHECK (NOT isempty(tsrange(created_at, created_at, '[]')))"],
        "A rehearsal of the revisions failed at the table users: function tsrange(timestamp with time zone",
    ),
    "a view that does not fit": (
        ["CREATE VIEW times AS SELECT tsrange(created_at, created_at) FROM users"],
        "A rehearsal of the revisions failed at the view public.times: function tsrange(timestamp with time zone",
    ),
    "a child table": (
        ["CREATE TABLE archive () INHERITS (interactions)"],
        "interactions and archive are parent and child",
    ),
    "a required column": (
        ["ALTER TABLE users ADD tenant integer NOT NULL DEFAULT 1", "ALTER TABLE users ALTER tenant DROP DEFAULT"],
        'users."tenant" is NOT NULL without a default',
    ),
    "an index of our name": (
        ["CREATE TABLE other (x text)", "CREATE INDEX ix_users_name_lower ON other (x)"],
        "taken by the index ix_users_name_lower on other",
    ),
    "a type of our name": (["CREATE TYPE schedules AS ENUM ('a')"], "taken by the type schedules"),
    "a constraint of our name": (
        ["ALTER TABLE interactions ADD CONSTRAINT fk_interactions_user_id CHECK (kind <> '')"],
        "taken by the constraint fk_interactions_user_id on interactions",
    ),
    "a function of our name": (
        ["CREATE FUNCTION refuse_to_rewrite() RETURNS int LANGUAGE sql AS 'SELECT 1'"],
        "taken by the function refuse_to_rewrite",
    ),
    "a primary key of two columns": (
        ["ALTER TABLE interactions DROP CONSTRAINT interactions_pkey, ADD PRIMARY KEY (id, created_at)"],
        "interactions has no primary key on id alone",
    ),
    "a column of rows": (
        ["CREATE TABLE copies (id int, row users)"],
        "copies.row stores whole rows of users",
    ),
}


def test_all_that_cannot_be_carried_over_is_named_before_anything_is_changed(legacy_url: str) -> None:
    named = {name: odd for name, odd in REFUSED.items() if REHEARSED not in odd[1]}
    execute(legacy_url, *(statement for statements, _ in named.values() for statement in statements))
    message = refusal(legacy_url)
    assert [name for name, (_, sentence) in named.items() if sentence not in message] == []


@pytest.mark.parametrize("name", [name for name, (_, sentence) in REFUSED.items() if REHEARSED in sentence])
def test_what_does_not_fit_a_new_type_is_named_by_a_rehearsal(legacy_url: str, name: str) -> None:
    statements, sentence = REFUSED[name]
    execute(legacy_url, *statements)
    assert sentence in refusal(legacy_url)


NOTED = "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
CARRIED = {
    "a view of columns that keep their type": ["CREATE VIEW contacts AS SELECT id, email FROM users"],
    "views on views, with rights and a comment": [
        "CREATE SCHEMA reports",
        "CREATE VIEW reports.ages WITH (security_barrier) AS SELECT id, created_at AS born FROM users",
        "CREATE VIEW oldest AS SELECT min(born) AS born FROM reports.ages",
        "GRANT SELECT ON oldest TO PUBLIC",
        "COMMENT ON VIEW oldest IS 'the oldest user''s time'",
    ],
    "a trigger for changes of a time": [
        "CREATE TRIGGER noted AFTER UPDATE OF created_at ON users FOR EACH ROW EXECUTE FUNCTION noted()",
        "ALTER TABLE users DISABLE TRIGGER noted",
    ],
    "a deferred constraint trigger": [
        "CREATE CONSTRAINT TRIGGER noted_later AFTER UPDATE ON users INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION noted()",
    ],
    "a foreign key to the e-mail address": [
        "CREATE TABLE letters (email varchar(320) REFERENCES users (email))",
        "INSERT INTO letters SELECT email FROM users",
    ],
    "an index on a time": ["CREATE INDEX ix_own ON interactions (created_at DESC, kind)"],
    "a check of a time": ["ALTER TABLE users ADD CONSTRAINT born CHECK (created_at > '2000-01-01')"],
    "a replica identity": [
        "ALTER TABLE users REPLICA IDENTITY USING INDEX ix_users_email",
        "CREATE PUBLICATION everything FOR TABLE users",
    ],
    "row level security for others": ["ALTER TABLE users ENABLE ROW LEVEL SECURITY"],
}
VIEWS = """SELECT v.oid::regclass::text AS name, pg_get_viewdef(v.oid) AS query, relacl::text AS acl,
    reloptions::text AS options, obj_description(v.oid) AS comment
    FROM pg_class v WHERE relkind = 'v' AND relnamespace::regnamespace::text
    IN ('public', 'reports') ORDER BY 1"""
TRIGGERS = (
    "SELECT tgname, tgenabled::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname LIKE 'noted%' ORDER BY 1"
)


def test_all_that_can_be_carried_over_is_there_afterwards_as_it_was(legacy_url: str, schema_at_head: Schema) -> None:
    execute(legacy_url, NOTED, *(statement for statements in CARRIED.values() for statement in statements))
    before = rows(legacy_url, VIEWS), rows(legacy_url, TRIGGERS)
    run.finish(legacy_url, secret=SECRET)
    assert (rows(legacy_url, VIEWS), rows(legacy_url, TRIGGERS)) == before
    missing = {part: schema_at_head[part] - present for part, present in schema_of(legacy_url).items()}
    assert not any(missing.values())
    assert run.check(legacy_url) == []
    assert len(by_id(legacy_url, "users")) == 240


@pytest.mark.parametrize(
    "statement",
    mostly_slow(
        [
            "CREATE TABLE letters (email varchar(320) REFERENCES users (email))",
            "ALTER TABLE users ADD CONSTRAINT ix_users_email UNIQUE USING INDEX ix_users_email",
        ],
        fast=1,
    ),
)
def test_a_unique_index_that_others_need_stays(legacy_url: str, statement: str) -> None:
    execute(legacy_url, statement)
    run.finish(legacy_url, secret=SECRET)
    assert rows(legacy_url, "SELECT to_regclass('ix_users_email')::text AS name") == [{"name": "ix_users_email"}]


def test_what_is_created_again_or_goes_is_said(legacy_url: str) -> None:
    execute(
        legacy_url,
        "CREATE VIEW ages AS SELECT id, created_at FROM users",
        "CREATE INDEX ix_modes ON users (demo_mode, name)",
        "ALTER TABLE users ADD CONSTRAINT mode_or_name CHECK (demo_mode OR name <> '')",
    )
    said = [finding.detail for finding in run.check(legacy_url) if not finding.blocks and finding.title != KEPT]
    for sentence in (
        "Revision 0009 changes the type of users.created_at: the view ages is dropped and created again",
        "The index ix_modes goes with users.demo_mode",
        "The constraint mode_or_name on table users goes with users.demo_mode",
    ):
        assert any(sentence in detail for detail in said), said
    assert len(run.finish(legacy_url, secret=SECRET).warnings) == len(said)


def test_a_script_cannot_create_a_view_again_and_is_not_printed(legacy_url: str) -> None:
    execute(legacy_url, "CREATE VIEW ages AS SELECT id, created_at FROM users")
    with pytest.raises(Unusable, match="An SQL script cannot do that"):
        run.sql(legacy_url)


def test_the_columns_that_are_looked_at_are_those_that_the_revisions_change() -> None:
    modules = {revision.revision: revision.module for revision in scripts()}
    assert dependents.RETYPED["0007"] == modules["0007"].TYPES
    assert {table: tuple(types) for table, types in dependents.RETYPED["0009"].items()} == modules["0009"].TIMES
    assert all(set(names) < shape.LEGACY[table].keys() for table, names in finishing.COLUMNS.items())
    columns = {table: set(types) for table, types in dependents.RETYPED["0004"].items()}
    assert columns == {table: set(types) for table, types in shape.ADDED.items()}
    assert {table: {*shape.LEGACY[table]} - {*shape.REQUIRED[table]} for table in shape.LEGACY} == {
        table: set(optional) for table, optional in modules["0001"].OPTIONAL.items()
    }


def test_no_advice_destroys_anything() -> None:
    for path in Path(checks.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Finding", "Kind"):
                words = ast.unparse(node).upper()
                assert not any(word in words for word in ("DROP ", "DELETE", "TRUNCATE", "RENAME COLUMN")), words
