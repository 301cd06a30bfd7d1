"""Rows that block a migration or need a warning; each kind of odd row is declared as a value."""
# ruff: noqa: S608 the names in this SQL are this file's own

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from core.models import ConnectionStatus, DemoModeStatus, Role
from migrations.ddl import FALSE_WORDS, TRUE_WORDS, is_true, quoted
from migrations.legacy.facts import Facts
from migrations.report import Finding

#: Rows shown per kind; the sentence has their total number.
SAMPLE = 20

_CARRIES_OVER = "0005"
_SETTLES_TYPES = "0007"
_SETTLES_TIMES = "0009"
_ONE_EMAIL = "0010"


@dataclass(frozen=True)
class Kind:
    """One kind of odd row: `query` returns a sample, with the number of all such rows as `total`."""

    title: str
    #: The revision that this kind would break; after it, such rows cannot exist.
    until: str
    #: The columns the query reads, as table.column.
    columns: tuple[str, ...]
    query: str
    #: A sentence with the placeholders {rows} (their number) and {values} (their values).
    detail: str
    remedy: str
    blocks: bool = True


def findings(connection: Connection, facts: Facts) -> Iterator[Finding]:
    """Yield problems with rows that a pending revision would touch."""
    for kind in KINDS:
        if facts.revision < kind.until and facts.has(*kind.columns):
            yield from _of_kind(connection, kind)
    if facts.revision < _ONE_EMAIL and facts.has("users.id", "users.email"):
        yield from _shared_emails(connection)


def _of_kind(connection: Connection, kind: Kind) -> Iterator[Finding]:
    query = sa.text(f"SELECT *, count(*) OVER () AS total FROM ({kind.query}) odd LIMIT {SAMPLE}")
    rows = [dict(row) for row in connection.execute(query).mappings()]
    if rows:
        values = ", ".join(sorted({repr(row.get("value")) for row in rows}))
        count = f"{rows[0]['total']} {'row' if rows[0]['total'] == 1 else 'rows'}"
        sample = tuple({k: v for k, v in row.items() if k != "total"} for row in rows)
        yield Finding(
            kind.title, kind.detail.format(rows=count, values=values), kind.remedy, blocks=kind.blocks, rows=sample
        )


def _shared_emails(connection: Connection) -> Iterator[Finding]:
    query = sa.text(
        """SELECT lower(btrim(email)) AS email, array_agg(id::text ORDER BY id) AS ids,
            array_agg(email ORDER BY id) AS written
        FROM users GROUP BY lower(btrim(email)) HAVING count(*) > 1 ORDER BY 1 LIMIT :sample"""
    )
    for row in connection.execute(query, {"sample": SAMPLE}):
        users: list[Mapping[str, Any]] = [{"id": i, "email": e} for i, e in zip(row.ids, row.written, strict=True)]
        yield Finding(
            "E-mail addresses that differ only in case",
            f"{len(users)} users have the e-mail address {row.email} with different case: {', '.join(row.ids)}.",
            "Rename all but one, then run migrate again.",
            blocks=True,
            rows=tuple(users),
        )


def _unreadable_flag(table: str, column: str) -> Kind:
    spelling = f"lower(btrim({column}::text))"
    return Kind(
        "A flag that is neither yes nor no",
        _CARRIES_OVER,
        (f"{table}.{column}",),
        f"""SELECT {column}::text AS value, count(*) AS rows FROM {table}
        WHERE {spelling} NOT IN ({quoted(TRUE_WORDS + FALSE_WORDS)}) GROUP BY 1 ORDER BY 2 DESC""",
        f"{table}.{column} has values that are neither yes nor no: {{values}}.",
        f"Set them to true or false, then run migrate again. Accepted values are {', '.join(TRUE_WORDS)}, "
        f"{', '.join(filter(None, FALSE_WORDS))}, the empty text and NULL.",
    )


def _not_a_state(table: str, column: str, states: type[DemoModeStatus | ConnectionStatus | Role]) -> Kind:
    allowed = tuple(state.value for state in states)
    return Kind(
        "A state that does not exist",
        _CARRIES_OVER,
        (f"{table}.id", f"{table}.{column}"),
        f"""SELECT id::text, {column}::text AS value FROM {table}
        WHERE {column}::text NOT IN ({quoted(allowed)}) ORDER BY id""",
        f"{{rows}} of {table} with a {column} that does not exist: {{values}}.",
        f"Set it to one of {', '.join(allowed)}, or to NULL; then run migrate again.",
    )


def _contradicts(table: str, flag: str, state: str, on: str) -> Kind:
    return Kind(
        "Two columns that contradict each other",
        _CARRIES_OVER,
        (f"{table}.id", f"{table}.{flag}", f"{table}.{state}"),
        f"""SELECT id::text, {flag}::text, {state}::text FROM {table}
        WHERE {state}::text = '{on}' AND {flag} IS NOT NULL AND NOT {is_true(flag)} ORDER BY id""",
        f"{{rows}} of {table} with {state} {on!r} and a {flag} that says no: a half-applied migration left both, "
        "and the program cannot tell which one is right.",
        f"Make {flag} and {state} agree, then run migrate again.",
    )


def _orphans(table: str, column: str, parent: str) -> Kind:
    return Kind(
        "Rows without their parent row",
        _SETTLES_TYPES,
        (f"{table}.id", f"{table}.{column}", f"{parent}.id"),
        f"""SELECT t.id::text, t.{column}::text FROM {table} t LEFT JOIN {parent} p ON p.id = t.{column}
        WHERE t.{column} IS NOT NULL AND p.id IS NULL ORDER BY t.id""",
        f"{{rows}} of {table} with a {column} that does not exist in {parent}.",
        f"Restore the missing rows in {parent} from a backup, or move these rows into a table of your own; then run "
        "migrate again.",
    )


def _missing(table: str, column: str) -> Kind:
    return Kind(
        "A value is missing",
        _SETTLES_TYPES,
        (f"{table}.id", f"{table}.{column}"),
        f"SELECT id::text FROM {table} WHERE {column} IS NULL ORDER BY id",
        f"{{rows}} of {table} without {column}.",
        "Fill it in, or move these rows into a table of your own; then run migrate again.",
    )


def _too_long(table: str, column: str, limit: int) -> Kind:
    return Kind(
        "A value is too long",
        _SETTLES_TYPES,
        (f"{table}.id", f"{table}.{column}"),
        f"""SELECT id::text, left({column}::text, 80) AS value FROM {table}
        WHERE length({column}::text) > {limit} ORDER BY id""",
        f"{{rows}} of {table} with a {column} of more than {limit} characters.",
        "Shorten it, then run migrate again.",
    )


def _no_creation_time(table: str) -> Kind:
    return Kind(
        "No creation time",
        _SETTLES_TIMES,
        (f"{table}.id", f"{table}.created_at"),
        f"SELECT id::text FROM {table} WHERE created_at IS NULL ORDER BY id",
        f"{{rows}} of {table} without created_at: they get the time of the migration.",
        "Set a better time first, if you know one.",
        blocks=False,
    )


_EMPTY_DEMO = Kind(
    "Demo mode without a demo",
    _CARRIES_OVER,
    ("users.id", "users.email", "users.demo_mode", "interactions.user_id", "interactions.is_demo"),
    f"""SELECT id::text, email FROM users WHERE {is_true("demo_mode")}
    AND NOT EXISTS (SELECT FROM interactions i WHERE i.user_id = users.id AND i.is_demo) ORDER BY id""",
    "{rows} of users in demo mode without demo interactions: they stay enabled and see an empty demo.",
    "Disable and enable demo mode for them afterwards.",
    blocks=False,
)

_PADDED_EMAIL = Kind(
    "An e-mail address with blanks around it",
    _ONE_EMAIL,
    ("users.id", "users.email"),
    "SELECT id::text, email AS value FROM users WHERE email::text ~ '^\\s|\\s$' ORDER BY id",
    "{rows} of users with blanks before or after the e-mail address, which people do not type: {values}.",
    "Remove them: UPDATE users SET email = regexp_replace(email, '^\\s+|\\s+$', '', 'g'); then run migrate again.",
)

KINDS = (
    _PADDED_EMAIL,
    _missing("users", "email"),
    _missing("platform_connections", "user_id"),
    _missing("platform_connections", "platform"),
    _missing("interactions", "user_id"),
    _missing("interactions", "kind"),
    _unreadable_flag("users", "demo_mode"),
    _unreadable_flag("platform_connections", "is_active"),
    _not_a_state("users", "role", Role),
    _not_a_state("users", "demo_mode_status", DemoModeStatus),
    _not_a_state("platform_connections", "connection_status", ConnectionStatus),
    _contradicts("users", "demo_mode", "demo_mode_status", "enabled"),
    _contradicts("platform_connections", "is_active", "connection_status", "connected"),
    _orphans("platform_connections", "user_id", "users"),
    _orphans("interactions", "user_id", "users"),
    _orphans("interactions", "connection_id", "platform_connections"),
    _too_long("users", "email", 320),
    _too_long("platform_connections", "platform", 32),
    _too_long("interactions", "kind", 16),
    _too_long("interactions", "sentiment", 16),
    _no_creation_time("users"),
    _no_creation_time("platform_connections"),
    _no_creation_time("interactions"),
    _EMPTY_DEMO,
)
