"""Pre: users are found by names and addresses without their accents. Old code searches without these indexes."""

from alembic import op

from migrations import ddl

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

#: A column as searches compare it.
SEARCHED = (
    r"translate(lower(regexp_replace(normalize({}, NFD), '[\u0300-\u036f]', '', 'g')), "
    "'łøđıħŧŁØĐĦŦ', 'lodihtlodht')"
)
NEW = {f"ix_users_{column}_search": f"users (({SEARCHED.format(column)}) text_pattern_ops)" for column in ("name", "email")}
OLD = {
    "ix_users_name_lower": "users (lower(name) text_pattern_ops)",
    "ix_users_email_prefix": "users (lower(email) text_pattern_ops)",
}


def upgrade() -> None:
    """Make the new indexes in place of the old ones."""
    replace(NEW, OLD)


def downgrade() -> None:
    """Bring the old ones back."""
    replace(OLD, NEW)


def replace(new: dict[str, str], old: dict[str, str]) -> None:
    for name, on in new.items():
        ddl.replace_index(name, on)
    for name in old:
        op.execute(f"DROP INDEX IF EXISTS {name}")
