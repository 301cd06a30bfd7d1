"""Pre: the outbox of messages, what is known of their ways out, and people's preferences. Old code writes none."""

import sqlalchemy as sa
from alembic import op

from migrations import ddl
from migrations.columns import json, moment, moment_now, number, state, text, uuid

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

#: In the order in which they can be dropped.
TABLES = ("notifications", "notification_channels", "message_preferences")


def upgrade() -> None:
    """Create the tables."""
    make_notifications()
    make_notification_channels()
    make_message_preferences()


def downgrade() -> None:
    """Drop empty tables; tables with rows stay, and old code ignores them."""
    for table in TABLES:
        ddl.drop_table_unless_used(table)


def make_notifications() -> None:
    op.create_table(
        "notifications",
        uuid("id", nullable=False),
        text("message_id"),
        text("channel"),
        text("template"),
        uuid("user_id"),
        text("address", default=""),
        json("data"),
        text("dedupe_key", nullable=True),
        state("status", "waiting"),
        number("attempts", "0"),
        moment("next_at"),
        moment("give_up_at"),
        uuid("sender_id"),
        text("error", default=""),
        uuid("job_id"),
        uuid("requested_by"),
        moment_now("created_at"),
        moment("sent_at"),
        moment("finished_at"),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
        sa.UniqueConstraint("message_id", name="uq_notifications_message_id"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_notifications_user_id", ondelete="SET NULL"
        ),
        sa.CheckConstraint("status IN ('waiting', 'sent', 'failed', 'dropped')", name=op.f("ck_notifications_status")),
        if_not_exists=True,
    )
    ddl.replace_index("ix_notifications_due", "notifications (channel, next_at, id) WHERE status = 'waiting'")
    ddl.replace_index("ix_notifications_newest", "notifications (created_at, id)")
    ddl.replace_index("ix_notifications_open", "notifications (status, created_at, id) WHERE status IN ('waiting', 'failed')")
    ddl.replace_index("ix_notifications_sender", "notifications (sender_id) WHERE sender_id IS NOT NULL")
    ddl.replace_index("ix_notifications_user_id", "notifications (user_id) WHERE user_id IS NOT NULL")
    ddl.replace_index(
        "uq_notifications_dedupe_key", "notifications (dedupe_key) WHERE dedupe_key IS NOT NULL", unique=True
    )


def make_notification_channels() -> None:
    op.create_table(
        "notification_channels",
        text("channel"),
        text("way", default=""),
        text("refusal", default=""),
        moment("refused_at"),
        number("refusals", "0"),
        moment("next_at"),
        moment("accepted_at"),
        sa.PrimaryKeyConstraint("channel", name="pk_notification_channels"),
        if_not_exists=True,
    )


def make_message_preferences() -> None:
    op.create_table(
        "message_preferences",
        uuid("user_id", nullable=False),
        sa.Column("email_when_done", sa.Boolean(), server_default="false", nullable=False),
        moment("unsubscribed_at"),
        moment_now("updated_at"),
        sa.PrimaryKeyConstraint("user_id", name="pk_message_preferences"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_message_preferences_user_id", ondelete="CASCADE"
        ),
        if_not_exists=True,
    )
