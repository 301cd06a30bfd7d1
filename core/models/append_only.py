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
_REFUSE_UNLESS = """
    CREATE OR REPLACE FUNCTION {table}_may_go() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF EXISTS (SELECT FROM gone WHERE NOT ({condition})) THEN
            RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
                MESSAGE = 'DELETE refused: {table} is append-only, except for {exception}';
        END IF;
        RETURN NULL;
    END $$
"""
#: All deleted rows are looked at once, at the end of their statement.
_DELETE_TRIGGER = """
    CREATE TRIGGER {table}_may_go AFTER DELETE ON {table} REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION {table}_may_go()
"""


def keep_append_only(table: sa.Table, *, unless: str, exception: str) -> None:
    """Make a table append-only when it is created from the models; revision 0022 does it in migrated databases.

    Rows of `gone` that fulfil the SQL condition `unless` may be deleted; `exception` names them to people.
    """
    values = {"table": table.name, "condition": unless, "exception": exception}
    for statement in (_REFUSE, _TRIGGER, _REFUSE_UNLESS, _DELETE_TRIGGER):
        ddl = sa.DDL(statement.format(**values))  # type: ignore[no-untyped-call] # SQLAlchemy has not typed it
        sa.event.listen(table, "after_create", ddl)
