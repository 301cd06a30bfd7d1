"""Pre: bulk actions, and the rows of their sets. Old code knows nothing of them, and runs no job of theirs."""

import sqlalchemy as sa
from alembic import op

from migrations import ddl
from migrations.columns import json, moment, moment_now, number, state, text, uuid

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    make_bulk_actions()
    make_bulk_rows()


def downgrade() -> None:
    """Drop empty tables; tables with rows stay, and old code ignores them."""
    ddl.drop_table_unless_used("bulk_rows")
    ddl.drop_table_unless_used("bulk_actions")


def make_bulk_actions() -> None:
    op.create_table(
        "bulk_actions",
        uuid("id", nullable=False),
        text("command"),
        json("args"),
        text("reason", nullable=True),
        json("filter"),
        state("status", "ready"),
        number("total", "0"),
        number("applied", "0"),
        number("skipped", "0"),
        number("failed", "0"),
        sa.Column("per_second", sa.Integer(), nullable=True),
        sa.Column("canary", sa.Integer(), nullable=True),
        number("canary_percent", "100"),
        text("note", default=""),
        uuid("job_id"),
        uuid("undoes"),
        uuid("repeats"),
        uuid("created_by"),
        text("actor"),
        text("via"),
        moment_now("created_at"),
        moment("started_at"),
        moment("finished_at"),
        sa.PrimaryKeyConstraint("id", name="pk_bulk_actions"),
        sa.CheckConstraint(
            "status IN ('ready', 'running', 'done', 'aborted', 'stopped')", name=op.f("ck_bulk_actions_status")
        ),
        if_not_exists=True,
    )
    ddl.replace_index("ix_bulk_actions_newest", "bulk_actions (created_at, id)")


def make_bulk_rows() -> None:
    op.create_table(
        "bulk_rows",
        uuid("bulk_id", nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        uuid("target", nullable=False),
        sa.Column("outcome", sa.String(32), nullable=True),
        text("why", default=""),
        uuid("job_id"),
        sa.PrimaryKeyConstraint("bulk_id", "position", name="pk_bulk_rows"),
        sa.CheckConstraint("outcome IN ('applied', 'skipped', 'failed')", name=op.f("ck_bulk_rows_outcome")),
        if_not_exists=True,
    )
