"""Pre: a worker says what its supervisor knows it by, and its own lease.

Process ids and host names repeat in containers, and a sweeper with a shorter lease took jobs from living workers. Old
code writes neither.
"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.execute("ALTER TABLE workers ADD COLUMN IF NOT EXISTS launch uuid")
    op.execute("ALTER TABLE workers ADD COLUMN IF NOT EXISTS lease_seconds double precision")


def downgrade() -> None:
    """Remove them."""
    op.execute("ALTER TABLE workers DROP COLUMN IF EXISTS launch, DROP COLUMN IF EXISTS lease_seconds")
