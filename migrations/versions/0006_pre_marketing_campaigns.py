"""Pre: copies a user's marketing data into its own table, and keeps it in sync with changes by old code."""

import sqlalchemy as sa
from alembic import op

from migrations import ddl, marketing
from migrations.columns import moment, moment_now, uuid

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, copy the data, and keep it in sync."""
    ddl.in_utc()
    op.create_table(
        "marketing_campaigns",
        uuid("id", nullable=False),
        uuid("user_id", nullable=False),
        sa.Column("marketing_opt_in", sa.Boolean(), server_default=sa.true(), nullable=True),
        moment("countdown_t14_sent_at"),
        moment("countdown_t7_sent_at"),
        moment("countdown_t1_sent_at"),
        moment_now("created_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_marketing_campaigns")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_marketing_campaigns_user_id"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("user_id", name=op.f("uq_marketing_campaigns_user_id")),
        if_not_exists=True,
    )
    op.execute(marketing.COPY)
    op.execute(marketing.FOLLOW)
    op.execute(marketing.TRIGGER)


def downgrade() -> None:
    """Copy everything back into users, then drop the table."""
    ddl.drop_trigger("users_marketing_in_step", "users")
    ddl.in_utc()
    op.execute(marketing.PUT_BACK)
    op.drop_table("marketing_campaigns")
