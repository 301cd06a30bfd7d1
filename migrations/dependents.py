"""Views and triggers that read a column whose type changes: dropped, and created again in the same transaction.

PostgreSQL changes the type of no column that they read. `legacy.dependents` has made sure that they can be made again.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy import Connection

from migrations.columns import type_name

#: Every view above the columns, lowest first, with the statements that make it again.
VIEWS = sa.text(
    """WITH RECURSIVE above(view, depth) AS (
        SELECT r.ev_class, 1 FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
        JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = to_regclass(:table) AND attname = ANY(:columns)
            AND r.ev_class <> d.refobjid
        UNION SELECT r.ev_class, depth + 1 FROM above JOIN pg_depend d ON d.refobjid = view
        JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_class <> view
        WHERE d.classid = 'pg_rewrite'::regclass AND depth < 50)
    SELECT v.oid, relkind::text AS kind, format('%I.%I', nspname, relname) AS name, relname,
        pg_get_userbyid(relowner) AS owner, array_to_string(reloptions, ', ') AS options,
        obj_description(v.oid, 'pg_class') AS comment,
        rtrim(pg_get_viewdef(v.oid), ';') AS query,
        ARRAY(SELECT format('GRANT %s ON %I.%I TO %s%s', privilege_type, nspname, relname,
                CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
                CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
            FROM aclexplode(relacl) WHERE grantee <> relowner) AS grants
    FROM (SELECT view, max(depth) AS depth FROM above GROUP BY view) found
    JOIN pg_class v ON v.oid = view JOIN pg_namespace n ON n.oid = relnamespace ORDER BY depth, name"""
)
#: Triggers of others for changes of the columns (UPDATE OF), with the statements that make them again.
TRIGGERS = sa.text(
    """SELECT DISTINCT t.oid, tgname AS name, pg_get_triggerdef(t.oid) AS definition, tgenabled::text AS enabled,
        tgqual IS NOT NULL AS has_condition
    FROM pg_depend d JOIN pg_trigger t ON t.oid = d.objid AND NOT tgisinternal
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_trigger'::regclass AND d.refobjid = to_regclass(:table) AND attname = ANY(:columns)
        AND tgname <> ALL(:ours) ORDER BY name"""
)
_TYPES = sa.text(
    """SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute
    WHERE attrelid = to_regclass(:table) AND attnum > 0 AND NOT attisdropped"""
)
#: Triggers that the revisions make themselves.
OURS = ["users_demo_mode_in_step", "platform_connections_is_active_in_step", "users_marketing_in_step"]
_ENABLING = {"D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}


def to_change(connection: Connection, table: str, types: Mapping[str, str]) -> list[str]:
    """Return the columns that are there and have another type than the one they get."""
    present = {row.attname: row.type for row in connection.execute(_TYPES, {"table": table})}
    return [
        column for column, of_type in types.items() if present.get(column, type_name(of_type)) != type_name(of_type)
    ]


@contextmanager
def aside(table: str, types: Mapping[str, str]) -> Iterator[None]:
    """Drop what reads the columns whose type changes, and create it again at the end of the block.

    An SQL script cannot know it: `run.sql` refuses where there is any.
    """
    if context.is_offline_mode():
        yield
        return
    connection = op.get_bind()
    restore: list[str] = []
    if columns := to_change(connection, table, types):
        values = {"table": table, "columns": columns}
        views = connection.execute(VIEWS, values).all()
        triggers = connection.execute(TRIGGERS, {**values, "ours": OURS}).all()
        drop = [f"DROP VIEW {view.name}" for view in reversed(views)]
        drop += [f"DROP TRIGGER {quoted(trigger.name)} ON {table}" for trigger in triggers]
        restore = [statement for view in views for statement in view_again(view)]
        restore += [statement for trigger in triggers for statement in _trigger_again(table, trigger)]
        _run(connection, drop)
    yield
    _run(connection, restore)


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def view_again(view: sa.Row[tuple[object, ...]]) -> Iterator[str]:
    """Yield the statements that make a view as it was, with its owner, rights and comment."""
    options = f" WITH ({view.options})" if view.options else ""
    yield f"CREATE VIEW {view.name}{options} AS {view.query}"
    yield f"ALTER VIEW {view.name} OWNER TO {quoted(view.owner)}"
    yield from view.grants
    if view.comment:
        yield f"COMMENT ON VIEW {view.name} IS '{view.comment.replace(chr(39), chr(39) * 2)}'"


def _trigger_again(table: str, trigger: sa.Row[tuple[object, ...]]) -> Iterator[str]:
    yield trigger.definition
    if trigger.enabled in _ENABLING:
        yield f"ALTER TABLE {table} {_ENABLING[trigger.enabled]} TRIGGER {quoted(trigger.name)}"


def _run(connection: Connection, statements: list[str]) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)
