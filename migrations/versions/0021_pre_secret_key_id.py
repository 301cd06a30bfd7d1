"""Pre: the database names the secret key that it belongs to. Old code does not look at it.

The row itself is written at the first start with a key, since SQL alone does not know the key.
"""

import sqlalchemy as sa
from alembic import op

from migrations import ddl
from migrations.columns import moment, text

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "secret_key_ids",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        text("key_id"),
        moment("noted_at", nullable=False),
        sa.CheckConstraint("id = 1", name="one_row"),
        sa.PrimaryKeyConstraint("id", name="pk_secret_key_ids"),
        if_not_exists=True,
    )


def downgrade() -> None:
    """Keep a key's id: what is encrypted still belongs to that key."""
    ddl.drop_table_unless_used("secret_key_ids")
