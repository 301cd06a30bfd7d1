"""Words that the revisions share. All of it is SQL text, so that `--sql` shows exactly what would run."""
# ruff: noqa: S608 the names in these texts are the revisions' own

from collections.abc import Mapping

from alembic import op

#: How the legacy product, and those before it, have written a yes; NULL and everything else is a no.
TRUE_WORDS = ("true", "t", "yes", "y", "on", "1")
FALSE_WORDS = ("false", "f", "no", "n", "off", "0", "")


def is_true(flag: str) -> str:
    """Return SQL that reads a boolean, text or integer column as a yes or no; NULL is a no."""
    return f"coalesce(lower(btrim({flag}::text)) IN ({quoted(TRUE_WORDS)}), false)"


def quoted(words: tuple[str, ...]) -> str:
    """Return words as a list of SQL literals."""
    return ", ".join(f"'{word}'" for word in words)


def replace_index(name: str, on: str, *, unique: bool = False) -> None:
    """Create an index; one of that name from a half applied migration makes way, whatever it holds."""
    op.execute(f"DROP INDEX IF EXISTS {name}")
    op.execute(f"CREATE {'UNIQUE ' if unique else ''}INDEX {name} ON {on}")


def replace_check(table: str, column: str, values: tuple[str, ...]) -> None:
    """Create the check that `column` holds one of `values`; one of that name makes way."""
    name = f"ck_{table}_{column}"
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} IN ({quoted(values)}))")


def ensure_column(table: str, column: str, of_type: str, *, default: str | None = None) -> None:
    """Create a column; one that is there already gets the type, and with a default also NOT NULL."""
    op.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} {of_type}")
    op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {of_type}")
    if default is not None:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {default}")
        op.execute(f"UPDATE {table} SET {column} = {default} WHERE {column} IS NULL")
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL")


def drop_column_unless_used(table: str, column: str, default: str) -> None:
    """Drop a column that says nothing; one that holds more than its default stays, unseen by the older program."""
    op.execute(
        f"""DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM {table} WHERE {column} IS DISTINCT FROM {default}) THEN
                ALTER TABLE {table} DROP COLUMN {column};
            END IF;
        END $$"""
    )


def drop_table_unless_used(table: str) -> None:
    """Drop an empty table; one with rows stays, unseen by the older program, and is taken up again."""
    op.execute(
        f"""DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM {table}) THEN
                DROP TABLE {table};
            END IF;
        EXCEPTION WHEN dependent_objects_still_exist THEN NULL;
        END $$"""
    )


def name_primary_key(table: str, name: str) -> None:
    """Give a table's primary key its name, whatever it was called."""
    op.execute(
        f"""DO $$ DECLARE found text; BEGIN
            SELECT conname INTO found FROM pg_constraint WHERE conrelid = '{table}'::regclass AND contype = 'p';
            IF found <> '{name}' THEN
                EXECUTE 'ALTER TABLE {table} RENAME CONSTRAINT ' || quote_ident(found) || ' TO {name}';
            END IF;
        END $$"""
    )


def replace_foreign_key(table: str, column: str, name: str, target: str, on_delete: str) -> None:
    """Let `column` refer to `target` under `name`; whatever foreign key it had makes way."""
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
    """Make a trigger by which old code, writing the flag, and new code, writing the state, see each other.

    The first of `on` is the state of a raised flag, `off` that of a lowered one; when both change, the state counts.
    The state loses its default until `forget`, so that a row of old code is known by having none. The flag is set as
    '1' or '0', which boolean, text and integer columns all accept.
    """
    raised = f"NEW.{flag} := CASE WHEN NEW.{state} IN ({quoted(on)}) THEN '1' ELSE '0' END"
    followed = f"NEW.{state} := CASE WHEN {is_true(f'NEW.{flag}')} THEN '{on[0]}' ELSE '{off}' END"
    op.execute(
        f"""CREATE OR REPLACE FUNCTION {table}_{flag}_in_step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.{state} IS NULL THEN {followed};
            ELSIF TG_OP = 'INSERT' THEN {raised};
            ELSIF NEW.{state} <> OLD.{state} THEN {raised};
            ELSIF {is_true(f"NEW.{flag}")} <> {is_true(f"OLD.{flag}")} THEN {followed};
            END IF;
            RETURN NEW;
        END $$"""
    )
    op.execute(
        f"CREATE TRIGGER {table}_{flag}_in_step BEFORE INSERT OR UPDATE OF {flag}, {state} ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_{flag}_in_step()"
    )
    op.execute(f"ALTER TABLE {table} ALTER COLUMN {state} DROP DEFAULT")


def drop_sync_trigger(table: str, flag: str, state: str, off: str) -> None:
    """Undo `keep_in_step`: both columns stand alone again."""
    drop_trigger(f"{table}_{flag}_in_step", table)
    op.execute(f"ALTER TABLE {table} ALTER COLUMN {state} SET DEFAULT '{off}'")


def drop_trigger(name: str, table: str) -> None:
    """Drop a trigger and the function of its name."""
    op.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
    op.execute(f"DROP FUNCTION IF EXISTS {name}()")


def in_utc() -> None:
    """Let times without a zone be read as UTC for the rest of this transaction."""
    op.execute("SET LOCAL TimeZone = 'UTC'")


def settle_types(table: str, columns: Mapping[str, str]) -> None:
    """Give columns the types they should have; a column that has it already is not rewritten."""
    for column, of_type in columns.items():
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {of_type}")
