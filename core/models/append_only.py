"""Append-only tables: the database itself refuses to rewrite their rows, and to delete what may not go."""

import sqlalchemy as sa

#: One function for all such tables; the statement triggers do not slow down INSERT.
_REFUSE = """
    CREATE OR REPLACE FUNCTION refuse_to_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = TG_OP || ' refused: ' || TG_TABLE_NAME
            || ' is append-only, nothing in it is changed or deleted';
    END $$
"""
_TRIGGER = """
    CREATE TRIGGER {table}_append_only BEFORE UPDATE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite()
"""
#: Names in it mean this schema's tables, whatever the caller's search_path or temporary tables are.
_FUNCTION = """
    DO $do$ BEGIN EXECUTE 'CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path = '
        || quote_ident(current_schema()) || ', pg_temp AS ' || quote_literal($body$ BEGIN
            IF {refused} THEN
                RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = '{message}';
            END IF;
            RETURN {returned};
        END $body$); END $do$
"""
#: All deleted rows are looked at once, at the end of their statement.
_DELETE_TRIGGER = """
    CREATE TRIGGER {table}_may_go AFTER DELETE ON {table} REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION {table}_may_go()
"""


#: A seal comes after all that are there already: it cannot claim that an entry is archived.
_INSERT_TRIGGER = """
    CREATE TRIGGER {table}_only_new AFTER INSERT ON {table} REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION {table}_only_new()
"""
_FORWARD_TRIGGER = """
    CREATE TRIGGER {table}_only_forward BEFORE UPDATE ON {table}
    FOR EACH ROW EXECUTE FUNCTION {table}_only_forward()
"""
_KEEP_TRIGGER = """
    CREATE TRIGGER {table}_append_only BEFORE DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite()
"""


def keep_append_only(table: sa.Table, *, unless: str, exception: str) -> None:
    """Make a table append-only when it is created from the models; revision 0022 does it in migrated databases.

    Rows of `gone` that fulfil the SQL condition `unless` may be deleted; `exception` names them to people.
    """
    refused = f"EXISTS (SELECT FROM gone WHERE NOT ({unless}))"
    message = f"DELETE refused: {table.name} is append-only, except for {exception}"
    _execute_after(table, _REFUSE, _TRIGGER, _function(f"{table.name}_may_go", refused, message), _DELETE_TRIGGER)


def keep_new(table: sa.Table, *, unless: str, message: str) -> None:
    """Refuse rows of `added` that do not fulfil the SQL condition `unless`."""
    refused = f"EXISTS (SELECT FROM added WHERE NOT ({unless}))"
    _execute_after(table, _function(f"{table.name}_only_new", refused, message), _INSERT_TRIGGER)


def keep_forward(table: sa.Table, *, refused: str, message: str) -> None:
    """Refuse to delete rows, and updates from `old` to `new` that fulfil the SQL condition."""
    forward = _function(f"{table.name}_only_forward", refused, message, "new")
    _execute_after(table, _REFUSE, _KEEP_TRIGGER, forward, _FORWARD_TRIGGER)


def _function(name: str, refused: str, message: str, returned: str = "NULL") -> str:
    return _FUNCTION.format(name=name, refused=refused, message=message, returned=returned)


def _execute_after(table: sa.Table, *statements: str) -> None:
    for statement in statements:
        ddl = sa.DDL(statement.format(table=table.name) if "{table}" in statement else statement)  # type: ignore[no-untyped-call] # SQLAlchemy has not typed it
        sa.event.listen(table, "after_create", ddl)
