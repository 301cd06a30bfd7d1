"""Checks of tables and columns: are they the legacy product's, half migrated, or another program's?"""
# ruff: noqa: S608 the SQL is advice for people, and this program does not run it

from collections.abc import Iterator, Mapping
from dataclasses import replace

from migrations.legacy.facts import Facts, Table
from migrations.report import Finding

TEXT = ("text", "character varying", "character", "citext")
FLAG = ("boolean", *TEXT, "smallint", "integer", "bigint")
TIME = ("timestamp without time zone", "timestamp with time zone")
STATE = ("text", "character varying")

#: The legacy tables, with the types from which each column can be migrated.
LEGACY: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "users": {
        "id": ("uuid",),
        "email": TEXT,
        "name": TEXT,
        "hashed_password": TEXT,
        "demo_mode": FLAG,
        "marketing_opt_in": ("boolean",),
        "countdown_t14_sent_at": TIME,
        "countdown_t7_sent_at": TIME,
        "countdown_t1_sent_at": TIME,
        "created_at": TIME,
    },
    "platform_connections": {
        "id": ("uuid",),
        "user_id": ("uuid",),
        "platform": TEXT,
        "handle": TEXT,
        "access_token": TEXT,
        "refresh_token": TEXT,
        "token_expires_at": TIME,
        "is_active": FLAG,
        "created_at": TIME,
    },
    "interactions": {
        "id": ("uuid",),
        "user_id": ("uuid",),
        "connection_id": ("uuid",),
        "kind": TEXT,
        "author": TEXT,
        "body": TEXT,
        "sentiment": TEXT,
        "is_demo": ("boolean",),
        "created_at": TIME,
    },
}
#: What every row must have; all other columns of the legacy tables may be missing.
REQUIRED = {
    "users": ("id", "email"),
    "platform_connections": ("id", "user_id", "platform"),
    "interactions": ("id", "user_id", "kind"),
}
#: A table without these columns does not belong to the legacy product.
IDENTITY = {"users": ("id", "email"), "platform_connections": ("id", "user_id"), "interactions": ("id", "user_id")}
#: Columns that hardly any other product has.
TELLTALE = {
    "users": ("demo_mode", "marketing_opt_in", "countdown_t14_sent_at", "countdown_t7_sent_at", "countdown_t1_sent_at"),
    "platform_connections": ("platform", "token_expires_at"),
    "interactions": ("is_demo", "sentiment"),
}
#: What to do with a database of another product: never to change it.
ELSEWHERE = "Name an empty database in DATABASE_URL, or give Unstuck a schema of its own with UNSTUCK_SCHEMA."
#: The columns that revision 0004 adds; a half-applied migration may have left some.
ADDED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "users": {"role": STATE, "demo_mode_status": STATE, "demo_preset": STATE, "disabled_at": TIME[1:]},
    "platform_connections": {"connection_status": STATE, "is_demo": ("boolean",)},
}
_FIRST = "0001"
_ADDS_COLUMNS = "0004"


def of_another_product(facts: Facts) -> Finding | None:
    """Return a finding if tables of these names are another product's; what else is odd in them is not our matter."""
    present = [facts.tables[name] for name in LEGACY if name in facts.tables]
    if facts.revision >= _FIRST or not present or any(_is_of_legacy_product(table) for table in present):
        return None
    if len(present) == len(LEGACY) and not any(_is_foreign(table) for table in present):
        return None  # a smaller legacy database
    tables = "; ".join(f"{table.name} has {listed(sorted(table.columns)[:8]) or 'no columns'}" for table in present)
    return Finding(
        "Another product's database",
        f"The database {facts.database} belongs to another product: {tables}.",
        ELSEWHERE,
        blocks=True,
    )


def _is_of_legacy_product(table: Table) -> bool:
    return table.is_table and not {plain_name(name) for name in TELLTALE[table.name]}.isdisjoint(
        map(plain_name, table.columns)
    )


def findings(facts: Facts) -> Iterator[Finding]:
    """Yield problems with tables and columns that a pending revision would touch."""
    if facts.revision < _FIRST:
        yield from _missing_tables(facts)
        for name in LEGACY:
            if table := facts.tables.get(name):
                yield from _legacy_table(table)
    if facts.revision < _ADDS_COLUMNS:
        for name, columns in ADDED.items():
            if (table := facts.tables.get(name)) and not _is_foreign(table):
                yield from _wrong_types(table, columns)


def without_odd_columns(facts: Facts) -> Facts:
    """Return the facts without legacy columns of unexpected types, which the row checks cannot query."""
    tables = dict(facts.tables)
    for name, columns in LEGACY.items():
        if table := tables.get(name):
            expected = {**columns, **ADDED.get(name, {})}
            usable = {c: t for c, t in table.columns.items() if t in expected.get(c, ())}
            tables[name] = replace(table, columns=usable)
    return replace(facts, tables=tables)


def _missing_tables(facts: Facts) -> Iterator[Finding]:
    present = [name for name in LEGACY if name in facts.tables]
    missing = [name for name in LEGACY if name not in facts.tables]
    if present and missing:
        yield Finding(
            "A table is missing",
            f"{listed(present)} {'is' if len(present) == 1 else 'are'} there, {listed(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not: this looks like part of the legacy database.",
            f"Restore {listed(missing)} from a backup; or, if there never was such a table, create an empty one "
            "with its statement in docs/migrations.md. Then run migrate again.",
            blocks=True,
        )


def _legacy_table(table: Table) -> Iterator[Finding]:
    if _is_foreign(table):
        yield Finding(
            "Not our database",
            f"There is a {'table' if table.is_table else 'view'} {table.name} that is not Unstuck's: it has "
            f"{listed(sorted(table.columns)[:8]) or 'no columns of its own'}.",
            ELSEWHERE,
            blocks=True,
        )
        return
    yield from _missing_columns(table)
    yield from _wrong_types(table, LEGACY[table.name])
    if not table.has_key:
        yield Finding(
            "No primary key",
            f"{table.name} has no primary key on id alone.",
            f"Add it: ALTER TABLE {table.name} ADD PRIMARY KEY (id); then run migrate again.",
            blocks=True,
        )


def _missing_columns(table: Table) -> Iterator[Finding]:
    missing = [column for column in LEGACY[table.name] if column not in table.columns]
    spelled = {column: name for column in missing for name in table.columns if plain_name(name) == plain_name(column)}
    for column, name in spelled.items():
        yield Finding(
            "A column with another spelling",
            f'{table.name} has "{name}", and no {column}.',
            f"Add it with the values of the other: ALTER TABLE {table.name} ADD COLUMN {column} "
            f'{LEGACY[table.name][column][0]}; UPDATE {table.name} SET {column} = "{name}"; then run migrate again.',
            blocks=True,
        )
    for column in missing:
        if column in REQUIRED[table.name] and column not in spelled:
            yield Finding(
                "A column is missing",
                f"{table.name} has no column {column}.",
                f"Add it, with its values from a backup: ALTER TABLE {table.name} ADD COLUMN {column} "
                f"{LEGACY[table.name][column][0]}; then run migrate again.",
                blocks=True,
            )
    if empty := [column for column in missing if column not in spelled and column not in REQUIRED[table.name]]:
        yield Finding(
            "A column is missing",
            f"{table.name} has no column {listed(empty)}: {'it is' if len(empty) == 1 else 'they are'} carried over as "
            "empty.",
            "If a backup has the values, restore them first.",
            blocks=False,
        )


def plain_name(name: str) -> str:
    """Return a name without case and underscores: isActive and is_active are the same."""
    return name.replace("_", "").lower()


def _is_foreign(table: Table) -> bool:
    return not table.is_table or not table.columns.keys() >= set(IDENTITY.get(table.name, ()))


def _wrong_types(table: Table, columns: Mapping[str, tuple[str, ...]]) -> Iterator[Finding]:
    for column, types in columns.items():
        is_type = table.columns.get(column)
        if is_type and is_type not in types:
            yield Finding(
                "A column has another type",
                f"{table.name}.{column} is {is_type}, which cannot be migrated; {' or '.join(types)} can.",
                f"Convert the column to {types[0]}, and run migrate again. If it is another program's: {ELSEWHERE}",
                blocks=True,
            )


def listed(names: list[str]) -> str:
    """Return names in a sentence."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
