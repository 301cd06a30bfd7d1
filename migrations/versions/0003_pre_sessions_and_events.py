"""Pre: events, sessions, sign-in links and idempotency keys. Old code does not use them.

A table with rows that a downgrade has kept is reused.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations import ddl
from migrations.columns import json, moment, moment_now, text, uuid

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

#: In the order in which they can be dropped.
TABLES = ("idempotency_keys", "sign_in_links", "user_sessions", "events")

INDEXES = {
    "ix_events_job": "events (job_id, id) WHERE job_id IS NOT NULL",
    "ix_events_user": "events (user_id, id) WHERE user_id IS NOT NULL",
    "ix_events_actor": "events (actor_id, id) WHERE actor_id IS NOT NULL",
    "ix_user_sessions_user_id": "user_sessions (user_id)",
    "ix_sign_in_links_user_id": "sign_in_links (user_id)",
}


def upgrade() -> None:
    """Create the tables, then their indexes."""
    make_events()
    make_user_sessions()
    make_sign_in_links()
    make_idempotency_keys()
    for name, on in INDEXES.items():
        ddl.replace_index(name, on)


def downgrade() -> None:
    """Drop empty tables; tables with rows stay, and old code ignores them."""
    for table in TABLES:
        ddl.drop_table_unless_used(table)


def make_events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        moment_now("at"),
        text("name"),
        uuid("actor_id"),
        text("actor", default="engine"),
        text("via", default="engine"),
        uuid("user_id"),
        uuid("connection_id"),
        uuid("job_id"),
        text("reason", nullable=True),
        json("data"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        if_not_exists=True,
    )


def make_user_sessions() -> None:
    op.create_table(
        "user_sessions",
        uuid("id", nullable=False),
        uuid("user_id", nullable=False),
        text("token_hash"),
        text("user_agent", default=""),
        text("ip", default=""),
        moment_now("created_at"),
        moment_now("last_seen_at"),
        moment("expires_at", nullable=False),
        moment("revoked_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_sessions")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_sessions_user_id"), ondelete="CASCADE"),
        sa.UniqueConstraint("token_hash", name=op.f("uq_user_sessions_token_hash")),
        if_not_exists=True,
    )


def make_sign_in_links() -> None:
    op.create_table(
        "sign_in_links",
        text("token_hash"),
        uuid("user_id", nullable=False),
        moment_now("created_at"),
        moment("expires_at", nullable=False),
        moment("used_at"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in_links")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sign_in_links_user_id"), ondelete="CASCADE"),
        if_not_exists=True,
    )


def make_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        uuid("actor_id", nullable=False),
        text("key"),
        text("fingerprint"),
        sa.Column("answer", JSONB(), nullable=False),
        moment_now("created_at"),
        sa.PrimaryKeyConstraint("actor_id", "key", name=op.f("pk_idempotency_keys")),
        if_not_exists=True,
    )
