"""Twenty legacy dumps made odd: each a seed's choice of what real databases have around and in the legacy tables.

`dump(seed)` returns statements for the legacy product's database and the sentences of the refusal; without any, the
migration ends at head with every row.
"""

import random
from dataclasses import dataclass, field

NOTED = "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
#: Each leaves a database that can be migrated, together with any others of another group.
CARRIED: dict[str, list[list[str]]] = {
    "rows": [
        ["UPDATE users SET name = 'Ołena 🎈 ' || chr(160) WHERE demo_mode"],
        ["UPDATE users SET created_at = 'infinity' WHERE demo_mode", "UPDATE interactions SET created_at = NULL"],
        ["UPDATE users SET demo_mode = NULL, marketing_opt_in = NULL"],
        ["UPDATE platform_connections SET access_token = '', refresh_token = repeat('x', 9000)"],
    ],
    "shapes": [
        ["ALTER TABLE users DROP COLUMN countdown_t14_sent_at, DROP COLUMN countdown_t1_sent_at"],
        ["ALTER TABLE users ALTER COLUMN email TYPE text, ALTER COLUMN name TYPE varchar(200)"],
        ["ALTER TABLE users ALTER COLUMN created_at TYPE timestamptz USING created_at AT TIME ZONE 'UTC'"],
        ["ALTER TABLE platform_connections ALTER COLUMN is_active DROP DEFAULT, ALTER COLUMN is_active TYPE int USING "
         "is_active::int"],
        ["ALTER TABLE users ADD COLUMN shoe_size int NOT NULL DEFAULT 42"],
        ["ALTER TABLE users ALTER COLUMN name SET NOT NULL"],
        ["ALTER TABLE interactions ADD COLUMN demo_mode_status text, DROP COLUMN sentiment"],
    ],
    "dependents": [
        ["CREATE VIEW contacts AS SELECT id, email FROM users"],
        ["CREATE VIEW ages AS SELECT id, created_at t FROM users", "CREATE VIEW oldest AS SELECT min(t) FROM ages"],
        ["CREATE TABLE letters (email varchar(320) REFERENCES users (email))"],
        [NOTED, "CREATE TRIGGER noted AFTER UPDATE OF created_at ON users FOR EACH ROW EXECUTE FUNCTION noted()"],
        ["CREATE INDEX ix_modes ON users (demo_mode, created_at)"],
        ["CREATE PUBLICATION everything FOR TABLE users, platform_connections, interactions"],
        ["CREATE STATISTICS s (dependencies) ON demo_mode, marketing_opt_in FROM users"],
    ],
    "other programs": [
        ["CREATE TABLE alembic_version (version_num varchar(32))", "INSERT INTO alembic_version VALUES ('0007')"],
        ["CREATE SCHEMA other", "CREATE TABLE other.users (id serial PRIMARY KEY)"],
        ["ALTER TABLE users OWNER TO pg_database_owner", "ALTER TABLE interactions OWNER TO pg_database_owner"],
        ["CREATE TABLE jobs (id int)", "CREATE VIEW counts AS SELECT count(*) FROM interactions"],
        ["CREATE SCHEMA app", *(f"ALTER TABLE {table} SET SCHEMA app" for table in ("users", "platform_connections",
         "interactions")), "ALTER DATABASE {name} SET search_path = app, public"],
    ],
    "defaults": [
        ["ALTER DATABASE {name} SET datestyle = 'SQL, DMY'"],
        ["ALTER DATABASE {name} SET default_transaction_isolation = serializable"],
        ["ALTER DATABASE {name} SET quote_all_identifiers = on", "ALTER DATABASE {name} SET statement_timeout = 1"],
        ["ALTER DATABASE {name} SET client_encoding = LATIN1", "ALTER DATABASE {name} SET timezone = 'Asia/Kathmandu'"],
    ],
}  # fmt: skip
#: Each stops the migration before anything is changed, with this sentence.
REFUSED = [
    ("CREATE VIEW live AS SELECT id FROM platform_connections WHERE is_active", "The view live depends on"),
    ("CREATE MATERIALIZED VIEW modes AS SELECT demo_mode FROM users", "The materialized view modes depends on"),
    ("CREATE TABLE archive () INHERITS (users)", "users and archive are parent and child"),
    ("CREATE FUNCTION refuse_to_rewrite() RETURNS int LANGUAGE sql AS 'SELECT 1'", "the function refuse_to_rewrite"),
    ('ALTER TABLE users RENAME COLUMN demo_mode TO "demoMode"', 'users has "demoMode", and no demo_mode'),
    ("ALTER TABLE users ADD tenant int NOT NULL DEFAULT 1; ALTER TABLE users ALTER tenant DROP DEFAULT", "tenant"),
    ("UPDATE users SET email = email || ' '", "240 rows of users with blanks before or after"),
    ("CREATE TYPE events AS ENUM ('a')", "taken by the type events"),
    ("CREATE POLICY own ON users USING (demo_mode)", "The policy own on table users depends on"),
]


@dataclass(frozen=True)
class Dump:
    """Statements that make a legacy database odd, and what the refusal must say."""

    statements: list[str]
    refusals: list[str] = field(default_factory=list)


def dump(seed: int) -> Dump:
    """Return the dump of a seed: something of every group; for odd seeds also two things that must be refused."""
    chosen = random.Random(seed)
    groups = [chosen.choice(group) for group in CARRIED.values()]
    blockers = chosen.sample(REFUSED, 2) if seed % 2 else []
    # Last but for the defaults: the tables are where they stay.
    groups.insert(-1, [statement for statement, _ in blockers])
    return Dump([statement for group in groups for statement in group], [sentence for _, sentence in blockers])
