"""DDL shared by the revisions. It is all SQL text, so that `--sql` shows exactly what would run."""
# ruff: noqa: S608 the names in this SQL are the revisions' own

from collections.abc import Mapping

from alembic import op

from migrations import dependents
from migrations.columns import type_name

#: Spellings of "yes" in the legacy product and its predecessors; NULL and anything else is a no.
TRUE_WORDS = ("true", "t", "yes", "y", "on", "1")
FALSE_WORDS = ("false", "f", "no", "n", "off", "0", "")


def is_true(flag: str) -> str:
    """Return SQL that reads a boolean, text or integer column as a yes or no; NULL is a no."""
    return f"coalesce(lower(btrim({flag}::text)) IN ({quoted(TRUE_WORDS)}), false)"


def quoted(values: tuple[str, ...]) -> str:
    """Return values as a list of SQL literals."""
    return ", ".join(f"'{value}'" for value in values)


def replace_index(name: str, on: str, *, unique: bool = False) -> None:
    """Create an index, replacing one of that name from a half-applied migration."""
    op.execute(f"DROP INDEX IF EXISTS {name}")
    op.execute(f"CREATE {'UNIQUE ' if unique else ''}INDEX {name} ON {on}")


def replace_check(table: str, column: str, values: tuple[str, ...]) -> None:
    """Create the check constraint that `column` holds one of `values`, replacing one of that name."""
    name = f"ck_{table}_{column}"
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} IN ({quoted(values)}))")


def ensure_column(table: str, column: str, of_type: str, *, default: str | None = None) -> None:
    """Create a column, or give an existing one this type; with a default, also NOT NULL."""
    op.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} {of_type}")
    set_types(table, {column: of_type})
    if default is not None:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {default}")
        op.execute(f"UPDATE {table} SET {column} = {default} WHERE {column} IS NULL")
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL")


def drop_column_unless_used(table: str, column: str, default: str) -> None:
    """Drop a column that holds only its default; otherwise keep it, ignored by the older program."""
    op.execute(
        f"""DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM {table} WHERE {column} IS DISTINCT FROM {default}) THEN
                ALTER TABLE {table} DROP COLUMN {column};
            END IF;
        END $$"""
    )


def drop_table_unless_used(table: str) -> None:
    """Drop an empty table; keep one with rows, ignored by the older program and reused by a later upgrade."""
    op.execute(
        f"""DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM {table}) THEN
                DROP TABLE {table};
            END IF;
        EXCEPTION WHEN dependent_objects_still_exist THEN NULL;
        END $$"""
    )


def name_primary_key(table: str, name: str) -> None:
    """Rename a table's primary key constraint, whatever its current name."""
    op.execute(
        f"""DO $$ DECLARE found text; BEGIN
            SELECT conname INTO found FROM pg_constraint WHERE conrelid = '{table}'::regclass AND contype = 'p';
            IF found <> '{name}' THEN
                EXECUTE 'ALTER TABLE {table} RENAME CONSTRAINT ' || quote_ident(found) || ' TO {name}';
            END IF;
        END $$"""
    )


def replace_foreign_key(table: str, column: str, name: str, target: str, on_delete: str) -> None:
    """Create a foreign key from `column` to `target`, replacing any existing one on that column."""
    op.execute(
        f"""DO $$ DECLARE found text; BEGIN
            FOR found IN
                SELECT conname FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid
                WHERE c.conrelid = '{table}'::regclass AND contype = 'f'
                AND attname = '{column}' AND conkey = ARRAY[attnum]
            LOOP
                EXECUTE 'ALTER TABLE {table} DROP CONSTRAINT ' || quote_ident(found);
            END LOOP;
        END $$"""
    )
    op.execute(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({column}) REFERENCES {target} (id) "
        f"ON DELETE {on_delete}"
    )


def add_sync_trigger(table: str, flag: str, state: str, on: tuple[str, ...], off: str) -> None:
    """Create a trigger that keeps a flag (written by old code) and a state (written by new code) in sync.

    The first of `on` is the state of a true flag, `off` that of a false one; when both change, the state wins. Until
    `drop_sync_trigger` the state has no default, so that a row inserted by old code is recognised by its NULL. The flag
    is set to '1' or '0', which boolean, text and integer columns all accept.
    """
    set_flag = f"NEW.{flag} := CASE WHEN NEW.{state} IN ({quoted(on)}) THEN '1' ELSE '0' END"
    set_state = f"NEW.{state} := CASE WHEN {is_true(f'NEW.{flag}')} THEN '{on[0]}' ELSE '{off}' END"
    op.execute(
        f"""CREATE OR REPLACE FUNCTION {table}_{flag}_in_step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.{state} IS NULL THEN {set_state};
            ELSIF TG_OP = 'INSERT' THEN {set_flag};
            ELSIF NEW.{state} <> OLD.{state} THEN {set_flag};
            ELSIF {is_true(f"NEW.{flag}")} <> {is_true(f"OLD.{flag}")} THEN {set_state};
            END IF;
            RETURN NEW;
        END $$"""
    )
    op.execute(
        f"CREATE OR REPLACE TRIGGER {table}_{flag}_in_step BEFORE INSERT OR UPDATE OF {flag}, {state} ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_{flag}_in_step()"
    )
    op.execute(f"ALTER TABLE {table} ALTER COLUMN {state} DROP DEFAULT")


def ensure_flag(table: str, flag: str, *, default: str) -> None:
    """Add a boolean of the legacy product, unless it is there, of whatever type."""
    op.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {flag} boolean DEFAULT {default}")


def set_flag(table: str, flag: str, state: str, on: tuple[str, ...]) -> None:
    """Set a flag from its state, in the rows where it says something else."""
    for value, states in (("1", f"IN ({quoted(on)})"), ("0", f"NOT IN ({quoted(on)})")):
        differs = "NOT " if value == "1" else ""
        op.execute(f"UPDATE {table} SET {flag} = '{value}' WHERE {state} {states} AND {differs}{is_true(flag)}")


def drop_sync_trigger(table: str, flag: str, state: str, off: str) -> None:
    """Undo `add_sync_trigger`: the two columns are independent again."""
    drop_trigger(f"{table}_{flag}_in_step", table)
    op.execute(f"ALTER TABLE {table} ALTER COLUMN {state} SET DEFAULT '{off}'")


def drop_trigger(name: str, table: str) -> None:
    """Drop a trigger and the function of its name."""
    op.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
    op.execute(f"DROP FUNCTION IF EXISTS {name}()")


def in_utc() -> None:
    """Read times without a zone as UTC for the rest of this transaction."""
    op.execute("SET LOCAL TimeZone = 'UTC'")


def set_types(table: str, types: Mapping[str, str], using: str = "{column}") -> None:
    """Set the types of columns, in one rewrite; a column that already has its type is left alone.

    Views and triggers of others that read the columns are created again. `using` converts a column's value.
    """
    changes = " UNION ALL ".join(
        f"""SELECT 'ALTER COLUMN {column} TYPE {of_type} USING {using.format(column=column).replace("'", "''")}'
            FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attname = '{column}'
            AND format_type(atttypid, atttypmod) <> '{type_name(of_type)}'"""
        for column, of_type in types.items()
    )
    with dependents.aside(table, types):
        op.execute(
            f"""DO $$ DECLARE changes text := (SELECT string_agg(change, ', ') FROM ({changes}) list(change)); BEGIN
                IF changes IS NOT NULL THEN
                    EXECUTE 'ALTER TABLE {table} ' || changes;
                END IF;
            END $$"""
        )


def drop_index_unless_needed(name: str) -> None:
    """Drop an index, unless a constraint, another table's foreign key or replication needs it."""
    op.execute(
        f"""DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('{name}') AND indisreplident) THEN
                DROP INDEX IF EXISTS {name};
            END IF;
        EXCEPTION WHEN dependent_objects_still_exist THEN NULL;
        END $$"""
    )


def ensure_empty_columns(table: str, columns: Mapping[str, str]) -> None:
    """Add missing columns, without values."""
    for column, of_type in columns.items():
        op.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} {of_type}")


def rewrite_unless_retyped(table: str, key: str, columns: tuple[str, ...], of_type: str) -> None:
    """Write a table's file anew, without the rows' former versions, unless new types of the columns do so anyway."""
    op.execute(
        f"""DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_attribute
                    WHERE attrelid = '{table}'::regclass AND attname IN ({quoted(columns)})
                    AND format_type(atttypid, atttypmod) <> '{type_name(of_type)}') THEN
                CLUSTER {table} USING {key};
                ALTER TABLE {table} SET WITHOUT CLUSTER;
            END IF;
        END $$"""
    )
