"""Pre: connections that jobs make, refresh and end: what a provider says of them, consents under way, owed revocations.

Old code writes none of it.
"""

import sqlalchemy as sa
from alembic import op

from migrations import ddl
from migrations.columns import moment, moment_now, number, text, uuid

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_COLUMNS = {
    "account_id": "text",
    "scopes": "text",
    "refresh_at": "timestamptz",
    "asked_at": "timestamptz",
    "withdrawn_at": "timestamptz",
}
#: Name, kind, and cron in UTC.
_SCHEDULES = (
    ("refresh connections", "connections.refresh_due", "*/5 * * * *"),
    ("revoke given-up access", "connections.revoke_owed", "*/15 * * * *"),
)


def upgrade() -> None:
    """Add the columns, their indexes and the tables; connections with a refresh token are refreshed before they end."""
    for name, of_type in _COLUMNS.items():
        ddl.ensure_column("platform_connections", name, of_type)
    op.execute("""
        UPDATE platform_connections SET refresh_at = token_expires_at - interval '1 hour' * random()
        WHERE refresh_at IS NULL AND refresh_token IS NOT NULL AND NOT is_demo
          AND connection_status = 'connected' AND isfinite(token_expires_at)
    """)
    ddl.replace_index(
        "ix_platform_connections_attention",
        "platform_connections (connection_status) "
        "WHERE connection_status IN ('connecting', 'refreshing', 'disconnecting', 'failed')",
    )
    ddl.replace_index(
        "ix_platform_connections_refresh", "platform_connections (platform, refresh_at) WHERE refresh_at IS NOT NULL"
    )
    make_consents()
    make_revocations()
    for name, kind, cron in _SCHEDULES:
        op.execute(f"""
            INSERT INTO schedules (id, name, kind, cron, missed, next_due_at)
            SELECT gen_random_uuid(), '{name}', '{kind}', '{cron}', 'skip', now() + interval '5 minutes'
            WHERE NOT EXISTS (SELECT FROM schedules WHERE kind = '{kind}') ON CONFLICT (name) DO NOTHING
        """)


def downgrade() -> None:
    """Drop the columns and empty tables; tables with rows stay, and old code ignores them."""
    for name, kind, cron in _SCHEDULES:
        op.execute(
            f"DELETE FROM schedules WHERE name = '{name}' AND kind = '{kind}' AND cron = '{cron}' "
            "AND created_by = 'engine' AND paused_at IS NULL"
        )
    for table in ("token_revocations", "consents"):
        ddl.drop_table_unless_used(table)
    for index in ("attention", "refresh"):
        op.execute(f"DROP INDEX IF EXISTS ix_platform_connections_{index}")
    for name in _COLUMNS:
        op.execute(f"ALTER TABLE platform_connections DROP COLUMN IF EXISTS {name}")


def make_consents() -> None:
    op.create_table(
        "consents",
        uuid("id", nullable=False),
        text("state_hash"),
        uuid("user_id", nullable=False),
        uuid("connection_id", nullable=False),
        uuid("session_id"),
        text("verifier"),
        text("return_address"),
        moment_now("created_at"),
        moment("expires_at", nullable=False),
        moment("used_at"),
        sa.PrimaryKeyConstraint("id", name="pk_consents"),
        sa.UniqueConstraint("state_hash", name="uq_consents_state_hash"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_consents_user_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["platform_connections.id"], name="fk_consents_connection_id", ondelete="CASCADE"
        ),
        if_not_exists=True,
    )
    ddl.replace_index("ix_consents_user_id", "consents (user_id)")
    ddl.replace_index("ix_consents_connection_id", "consents (connection_id)")


def make_revocations() -> None:
    op.create_table(
        "token_revocations",
        uuid("id", nullable=False),
        text("platform"),
        uuid("connection_id"),
        uuid("user_id"),
        text("kind"),
        text("secret"),
        text("verifier", nullable=True),
        text("return_address", nullable=True),
        text("reason"),
        number("attempts", "0"),
        moment_now("created_at"),
        moment_now("next_at"),
        text("error", nullable=True),
        moment("finished_at"),
        sa.PrimaryKeyConstraint("id", name="pk_token_revocations"),
        if_not_exists=True,
    )
    ddl.replace_index("ix_token_revocations_owed", "token_revocations (next_at) WHERE finished_at IS NULL")
    ddl.replace_index(
        "ix_token_revocations_connection_id", "token_revocations (connection_id) WHERE connection_id IS NOT NULL"
    )
