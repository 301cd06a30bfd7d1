"""Pre: alerts, what people have snoozed, and rounds that one process makes for all. Old code writes none."""

import sqlalchemy as sa
from alembic import op

from migrations import ddl
from migrations.columns import moment, moment_now, text, uuid

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

#: In the order in which they can be dropped.
TABLES = ("alerts", "alert_snoozes", "shared_rounds")


def upgrade() -> None:
    """Create the tables."""
    make_alerts()
    make_alert_snoozes()
    make_shared_rounds()
    ddl.replace_index(
        "ix_notifications_way", "notifications (channel, address, next_at, id) WHERE status = 'waiting' AND address <> ''"
    )


def downgrade() -> None:
    """Drop the index and empty tables; tables with rows stay, and old code ignores them."""
    op.execute("DROP INDEX IF EXISTS ix_notifications_way")
    for table in TABLES:
        ddl.drop_table_unless_used(table)


def make_alerts() -> None:
    op.create_table(
        "alerts",
        uuid("id", nullable=False),
        text("rule"),
        text("subject", default=""),
        text("sentence"),
        text("href"),
        moment("since", nullable=False),
        moment_now("found_at"),
        moment("raised_at"),
        moment("told_at"),
        moment("missing_since"),
        moment("over_at"),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
        if_not_exists=True,
    )
    ddl.replace_index("uq_alerts_one_open", "alerts (rule, subject) WHERE over_at IS NULL", unique=True)
    ddl.replace_index("ix_alerts_newest", "alerts (found_at, id)")
    ddl.replace_index("ix_alerts_told", "alerts (rule, subject, told_at) WHERE told_at IS NOT NULL")


def make_alert_snoozes() -> None:
    op.create_table(
        "alert_snoozes",
        text("rule"),
        text("subject"),
        moment("until", nullable=False),
        text("snoozed_by"),
        text("reason", nullable=True),
        sa.PrimaryKeyConstraint("rule", "subject", name="pk_alert_snoozes"),
        if_not_exists=True,
    )


def make_shared_rounds() -> None:
    op.create_table(
        "shared_rounds",
        text("name"),
        moment("done_at"),
        moment("looked_until"),
        moment("seen_at"),
        sa.Column("seen_xmax", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_shared_rounds"),
        if_not_exists=True,
    )
