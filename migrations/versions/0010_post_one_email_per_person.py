"""Post: e-mail addresses are unique regardless of case. Old code could have added a second spelling."""

from alembic import op

from migrations import ddl

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the lower-case address unique instead of the address as written."""
    ddl.replace_index("uq_users_email_lower", "users (lower(email))", unique=True)
    ddl.drop_index_unless_needed("ix_users_email")


def downgrade() -> None:
    """Make the address as written unique."""
    ddl.replace_index("ix_users_email", "users (email)", unique=True)
    op.execute("DROP INDEX uq_users_email_lower")
