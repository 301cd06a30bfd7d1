"""Pre: credentials besides the password. Old code does not use them.

To add a table: add its name to TABLES and a function that creates it.
"""

import sqlalchemy as sa
from alembic import op

from migrations import ddl
from migrations.columns import large_number, moment, moment_now, number, text, uuid

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

#: In the order in which they can be dropped.
TABLES = ("spent_states", "pending_sign_ins", "recovery_codes", "second_factors", "personal_tokens")


def upgrade() -> None:
    """Create the tables."""
    make_personal_tokens()
    make_second_factors()
    make_pending_sign_ins()
    make_spent_states()


def downgrade() -> None:
    """Drop empty tables; tables with rows stay, and old code ignores them."""
    for table in TABLES:
        ddl.drop_table_unless_used(table)


def make_personal_tokens() -> None:
    op.create_table(
        "personal_tokens",
        uuid("id", nullable=False),
        uuid("user_id", nullable=False),
        text("name"),
        text("token_hash"),
        sa.Column("scope", sa.String(32), nullable=False),
        moment_now("created_at"),
        moment("expires_at", nullable=False),
        moment("last_used_at"),
        moment("revoked_at"),
        sa.PrimaryKeyConstraint("id", name="pk_personal_tokens"),
        of_user("personal_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_personal_tokens_token_hash"),
        sa.CheckConstraint("scope IN ('read', 'write')", name=op.f("ck_personal_tokens_scope")),
        if_not_exists=True,
    )
    ddl.replace_index("ix_personal_tokens_user_id", "personal_tokens (user_id)")


def make_second_factors() -> None:
    op.create_table(
        "second_factors",
        uuid("user_id", nullable=False),
        text("secret"),
        large_number("last_step", "0"),
        number("failures", "0"),
        moment("locked_until"),
        moment_now("created_at"),
        moment("confirmed_at"),
        sa.PrimaryKeyConstraint("user_id", name="pk_second_factors"),
        of_user("second_factors"),
        if_not_exists=True,
    )
    op.create_table(
        "recovery_codes",
        text("code_hash"),
        uuid("user_id", nullable=False),
        moment("used_at"),
        sa.PrimaryKeyConstraint("code_hash", name="pk_recovery_codes"),
        of_user("recovery_codes"),
        if_not_exists=True,
    )
    ddl.replace_index("ix_recovery_codes_user_id", "recovery_codes (user_id)")


def make_pending_sign_ins() -> None:
    op.create_table(
        "pending_sign_ins",
        text("token_hash"),
        uuid("user_id", nullable=False),
        number("attempts", "0"),
        moment_now("created_at"),
        moment("expires_at", nullable=False),
        moment("used_at"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_pending_sign_ins"),
        of_user("pending_sign_ins"),
        if_not_exists=True,
    )
    ddl.replace_index("ix_pending_sign_ins_user_id", "pending_sign_ins (user_id)")


def make_spent_states() -> None:
    op.create_table(
        "spent_states",
        text("state_hash"),
        moment("expires_at", nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name="pk_spent_states"),
        if_not_exists=True,
    )


def of_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=f"fk_{table}_user_id", ondelete="CASCADE")
