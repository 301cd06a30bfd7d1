"""Pre: the database makes events append-only, and the audit log gets a hash chain. Old code only inserts events.

An event stores its transaction; older events get 0, which needs no rewrite of the table.
"""

import sqlalchemy as sa
from alembic import op

from migrations import ddl
from migrations.columns import moment, text

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TABLES = ("events", "audit_seals")
REFUSE = """
    CREATE OR REPLACE FUNCTION refuse_to_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = TG_OP || ' refused: ' || TG_TABLE_NAME
            || ' is append-only, nothing in it is changed or deleted';
    END $$
"""
#: Seals are useless without the transactions of their events: the column stays while there are seals.
DROP_COLUMN = """DO $$ BEGIN
        IF to_regclass('audit_seals') IS NULL THEN
            ALTER TABLE events DROP COLUMN txid;
        END IF;
    END $$"""


def upgrade() -> None:
    """Add the transaction column, create the seals, and make both tables append-only."""
    op.execute("ALTER TABLE events ADD COLUMN IF NOT EXISTS txid bigint NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE events ALTER COLUMN txid SET DEFAULT (pg_current_xact_id()::text)::bigint")
    ddl.replace_index("ix_events_audit", "events (id) WHERE via <> 'engine'")
    ddl.replace_index("ix_events_unsealed", "events (txid, id) WHERE via <> 'engine'")
    make_audit_seals()
    op.execute(REFUSE)
    for table in TABLES:
        op.execute(f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}")
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite()"
        )


def downgrade() -> None:
    """Drop the triggers; existing seals and their column stay, and old code ignores them."""
    for table in TABLES:
        op.execute(f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}")
    op.execute("DROP FUNCTION IF EXISTS refuse_to_rewrite()")
    op.execute("DROP INDEX IF EXISTS ix_events_audit")
    op.execute("DROP INDEX IF EXISTS ix_events_unsealed")
    ddl.drop_table_unless_used("audit_seals")
    op.execute(DROP_COLUMN)


def make_audit_seals() -> None:
    op.create_table(
        "audit_seals",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("txid", sa.BigInteger(), nullable=False),
        text("digest"),
        text("hash"),
        text("key_id"),
        moment("sealed_at", nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_audit_seals"),
        sa.UniqueConstraint("event_id", name="uq_audit_seals_event_id"),
        if_not_exists=True,
    )
