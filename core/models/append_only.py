"""Append-only tables: the database itself refuses to update or delete their rows."""

import sqlalchemy as sa

#: One function for all such tables; the statement trigger does not slow down INSERT.
_REFUSE = """
    CREATE OR REPLACE FUNCTION refuse_to_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = TG_OP || ' refused: ' || TG_TABLE_NAME
            || ' is append-only, nothing in it is changed or deleted';
    END $$
"""
_TRIGGER = """
    CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite()
"""


def keep_append_only(table: sa.Table) -> None:
    """Make a table append-only when it is created from the models; revision 0016 does it in migrated databases."""
    for statement in (_REFUSE, _TRIGGER.format(table=table.name)):
        ddl = sa.DDL(statement)  # type: ignore[no-untyped-call] # SQLAlchemy has not typed it
        sa.event.listen(table, "after_create", ddl)
