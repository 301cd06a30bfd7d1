"""Objects of others that depend on what the revisions change: views, triggers, policies, foreign keys and the like.

PostgreSQL would refuse half-way, name none of them, or drop an index or constraint together with its column.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from migrations.dependents import OURS, TRIGGERS, VIEWS, to_change
from migrations.finishing import kept
from migrations.legacy.facts import Facts
from migrations.report import Finding

MADE_AGAIN = "Created again"
#: The types that a revision gives to columns.
RETYPED: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "0004": {
        "users": {
            "role": "varchar(32)",
            "demo_mode_status": "varchar(32)",
            "demo_preset": "text",
            "disabled_at": "timestamptz",
        },
        "platform_connections": {"connection_status": "varchar(32)", "is_demo": "boolean"},
    },
    "0007": {
        "users": {"email": "varchar(320)", "name": "text", "hashed_password": "text"},
        "platform_connections": {
            "platform": "varchar(32)",
            "handle": "text",
            "access_token": "text",
            "refresh_token": "text",
        },
        "interactions": {"kind": "varchar(16)", "author": "text", "body": "text", "sentiment": "varchar(16)"},
    },
    "0009": {
        "users": {"created_at": "timestamptz"},
        "platform_connections": {"token_expires_at": "timestamptz", "created_at": "timestamptz"},
        "interactions": {"created_at": "timestamptz"},
    },
}
_DEPENDENTS = sa.text(
    """SELECT DISTINCT a.attname AS column, d.classid::regclass::text AS catalog, d.objid, d.deptype::text AS strength,
        coalesce(w.relkind::text, '') AS kind, coalesce(w.oid = d.refobjid, false) AS is_own_rule,
        CASE WHEN w.relkind IN ('v', 'm') THEN
                CASE w.relkind WHEN 'v' THEN 'view ' ELSE 'materialized view ' END || w.oid::regclass
            ELSE pg_describe_object(d.classid, d.objid, 0) END AS name,
        CASE WHEN w.relkind = 'v' THEN 'CREATE VIEW ' || w.oid::regclass || ' AS' || pg_get_viewdef(w.oid)
            WHEN w.relkind = 'm' THEN 'CREATE MATERIALIZED VIEW ' || w.oid::regclass || ' AS' || pg_get_viewdef(w.oid)
            ELSE CASE d.classid WHEN 'pg_rewrite'::regclass THEN pg_get_ruledef(d.objid)
            WHEN 'pg_trigger'::regclass THEN pg_get_triggerdef(d.objid)
            WHEN 'pg_constraint'::regclass THEN pg_get_constraintdef(d.objid)
            WHEN 'pg_class'::regclass THEN pg_get_indexdef(d.objid) END END AS definition,
        t.tgname AS trigger, g.attgenerated AS generated
    FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    LEFT JOIN pg_class w ON w.oid = r.ev_class
    LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
    LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
    LEFT JOIN pg_attribute g ON g.attrelid = f.adrelid AND g.attnum = f.adnum AND g.attgenerated <> ''
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass(:table) AND a.attname = ANY(:columns)
        AND NOT coalesce(t.tgisinternal, false) AND d.classid <> 'pg_statistic_ext'::regclass
    ORDER BY 1, 7"""
)
#: Why a view cannot be made again as it was: what hangs on it, or how it is owned.
_HARD_TO_MAKE_AGAIN = sa.text(
    """SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = :view)
        OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = :view AND rulename <> '_RETURN')
        OR EXISTS (SELECT FROM pg_attribute WHERE attrelid = :view AND (attacl IS NOT NULL OR atthasdef))
        OR EXISTS (SELECT FROM pg_description WHERE objoid = :view AND objsubid > 0)
        OR EXISTS (SELECT FROM pg_depend d JOIN pg_class v ON v.oid = :view
            WHERE refobjid IN (v.oid, v.reltype) AND deptype = 'n' AND classid <> 'pg_rewrite'::regclass)
        OR (SELECT relkind <> 'v' FROM pg_class WHERE oid = :view)
        OR NOT (SELECT pg_get_userbyid(relowner) = current_user OR (SELECT rolsuper FROM pg_roles
            WHERE rolname = current_user) FROM pg_class WHERE oid = :view)"""
)
_TRIGGER_FUNCTIONS = sa.text(
    """SELECT DISTINCT tgname AS trigger, p.oid::regprocedure::text AS function, prosrc AS source
    FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid
    WHERE tgrelid = to_regclass(:table) AND NOT tgisinternal AND tgname <> ALL(:ours) ORDER BY 1"""
)


def findings(connection: Connection, facts: Facts) -> Iterator[Finding]:
    """Yield what stands in the way of a pending revision, and what changes with it."""
    for revision, retyped in RETYPED.items():
        for table, types in retyped.items() if facts.revision < revision else ():
            if changing := to_change(connection, table, types):
                yield from _of_retyped(connection, revision, table, changing)


def of_kept(connection: Connection, facts: Facts, *, blocks: bool) -> Iterator[Finding]:
    """Yield what stands in the way of `migrate --finish`, which only that is blocked by, and what goes with it."""
    for table, columns in kept(facts).items():
        for finding in (*_of_dropped(connection, table, columns), *_in_functions(connection, table, columns)):
            yield replace(finding, blocks=finding.blocks and blocks)


def _rows(connection: Connection, table: str, columns: Sequence[str]) -> list[Row[tuple[object, ...]]]:
    found = connection.execute(_DEPENDENTS, {"table": table, "columns": list(columns)})
    return [row for row in found if row.trigger not in OURS]


def _of_dropped(connection: Connection, table: str, columns: Sequence[str]) -> Iterator[Finding]:
    rows = _rows(connection, table, columns)
    # A check of several columns depends on them twice; PostgreSQL drops it with any of them.
    own = {row.objid for row in rows if row.catalog in ("pg_class", "pg_constraint") and row.strength == "a"}
    for row in rows:
        if row.objid in own:
            if row.strength == "a":
                yield _goes_too(table, row)
        elif row.catalog != "pg_attrdef" or row.generated:
            yield _in_the_way(table, row, "which `migrate --finish` moves out of this table")


def _of_retyped(connection: Connection, revision: str, table: str, columns: list[str]) -> Iterator[Finding]:
    values = {"table": table, "columns": columns}
    views = connection.execute(VIEWS, values).all()
    hard = [view.name for view in views if connection.scalar(_HARD_TO_MAKE_AGAIN, {"view": view.oid})]
    conditional = {t.oid for t in connection.execute(TRIGGERS, {**values, "ours": OURS}) if t.has_condition}
    for row in _rows(connection, table, columns):
        is_trigger, is_view = row.catalog == "pg_trigger", row.catalog == "pg_rewrite" and not row.is_own_rule
        is_other = row.catalog in ("pg_policy", "pg_proc", "pg_publication_rel") or row.generated or row.is_own_rule
        if is_other or (is_view and hard) or (is_trigger and row.objid in conditional):
            also = f" ({', '.join(hard)} cannot be created again by this program)" if is_view else ""
            yield _in_the_way(table, row, f"whose type a revision changes{also}")
        elif is_trigger or is_view:
            yield _made_again(revision, table, row)


def _in_functions(connection: Connection, table: str, columns: Sequence[str]) -> Iterator[Finding]:
    for row in connection.execute(_TRIGGER_FUNCTIONS, {"table": table, "ours": OURS}):
        if named := [column for column in columns if column in row.source]:
            yield Finding(
                "A function names a column that goes",
                f"The trigger {row.trigger} on {table} calls {row.function}, which names {', '.join(named)}: "
                "`migrate --finish` moves that out of this table, and each change of a row would fail afterwards.",
                "Change the function so that it does without; then run migrate again.",
                blocks=True,
            )


def _in_the_way(table: str, row: Row[tuple[object, ...]], why: str) -> Finding:
    definition = f" Keep its definition: {' '.join(str(row.definition).split())}" if row.definition else ""
    return Finding(
        "In the way",
        f"The {row.name} depends on {table}.{row.column}, {why}.",
        "Change it so that it does without, or take it away and create it again after the migration; then run migrate "
        f"again.{definition}",
        blocks=True,
    )


def _goes_too(table: str, row: Row[tuple[object, ...]]) -> Finding:
    return Finding(
        "Goes with its column",
        f"The {row.name} goes with {table}.{row.column}, which `migrate --finish` moves out of this table.",
        f"Keep its definition if you need it: {row.definition}.",
        blocks=False,
    )


def _made_again(revision: str, table: str, row: Row[tuple[object, ...]]) -> Finding:
    return Finding(
        MADE_AGAIN,
        f"Revision {revision} changes the type of {table}.{row.column}: the {row.name} is dropped and created again in "
        "the same transaction.",
        "There is nothing to do.",
        blocks=False,
    )
