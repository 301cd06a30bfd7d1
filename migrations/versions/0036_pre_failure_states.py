"""Pre: what people decide of errors, and their notes; an error's failures by their end.

Old code knows nothing of them: there, each error is open.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from migrations import ddl
from migrations.columns import moment, moment_now, state, text, uuid

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    make_failure_states()
    make_failure_notes()
    ddl.replace_index(
        "ix_background_jobs_failures",
        "background_jobs (error_fingerprint, finished_at) WHERE status = 'failed' AND error_fingerprint IS NOT NULL",
    )


def downgrade() -> None:
    """Drop empty tables and the index; tables with rows stay, and old code ignores them."""
    op.execute("DROP INDEX IF EXISTS ix_background_jobs_failures")
    ddl.drop_table_unless_used("failure_notes")
    ddl.drop_table_unless_used("failure_states")


def make_failure_states() -> None:
    op.create_table(
        "failure_states",
        text("fingerprint"),
        state("decision", "open"),
        moment_now("decided_at"),
        text("decided_by", default=""),
        text("reason", nullable=True),
        moment("until"),
        sa.Column("until_count", sa.Integer(), nullable=True),
        sa.Column("until_per_hour", sa.Integer(), nullable=True),
        text("version", nullable=True),
        sa.Column("old_versions", ARRAY(sa.Text()), nullable=True),
        uuid("owner_id"),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_failure_states"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name="fk_failure_states_owner_id", ondelete="SET NULL"
        ),
        sa.CheckConstraint("decision IN ('open', 'ignored', 'resolved')", name=op.f("ck_failure_states_decision")),
        if_not_exists=True,
    )
    ddl.replace_index("ix_failure_states_owner_id", "failure_states (owner_id) WHERE owner_id IS NOT NULL")


def make_failure_notes() -> None:
    op.create_table(
        "failure_notes",
        uuid("id", nullable=False),
        text("fingerprint"),
        text("text"),
        text("author"),
        moment_now("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_failure_notes"),
        if_not_exists=True,
    )
    ddl.replace_index("ix_failure_notes_error", "failure_notes (fingerprint, created_at, id)")
