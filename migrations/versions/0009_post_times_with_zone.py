"""Post: times get a zone; times without one are read as UTC. Old code would read different values."""

from alembic import op

from migrations import ddl

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TIMES = {
    "users": ("created_at",),
    "platform_connections": ("token_expires_at", "created_at"),
    "interactions": ("created_at",),
}


def upgrade() -> None:
    """Convert; a row without a creation time gets the current time."""
    ddl.in_utc()
    # Where no type has to change, nothing else removes the plain tokens from the table's file.
    tokens = "platform_connections"
    ddl.rewrite_unless_retyped(tokens, "pk_platform_connections", TIMES[tokens], "timestamptz")
    convert("timestamptz")
    for table in TIMES:
        op.execute(f"UPDATE {table} SET created_at = now() WHERE created_at IS NULL")
        op.execute(f"ALTER TABLE {table} ALTER COLUMN created_at SET DEFAULT now()")
        op.execute(f"ALTER TABLE {table} ALTER COLUMN created_at SET NOT NULL")


def downgrade() -> None:
    """Remove the zone; the times stay in UTC."""
    ddl.in_utc()
    convert("timestamp")
    for table in TIMES:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN created_at DROP NOT NULL")


def convert(to: str) -> None:
    # With the session in UTC, the expression gives the same moment for columns with and without a zone.
    for table, columns in TIMES.items():
        ddl.set_types(table, dict.fromkeys(columns, to), using="{column} AT TIME ZONE 'UTC'")
