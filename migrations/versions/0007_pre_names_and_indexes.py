"""Pre: types, defaults, constraint names and indexes of the legacy tables as the models have them.

Old code does not refer to any of them by name.
"""

from alembic import op

from migrations import ddl

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TYPES = {
    "users": {"email": "varchar(320)", "name": "text", "hashed_password": "text"},
    "platform_connections": {
        "platform": "varchar(32)",
        "handle": "text",
        "access_token": "text",
        "refresh_token": "text",
    },
    "interactions": {"kind": "varchar(16)", "author": "text", "body": "text", "sentiment": "varchar(16)"},
}
#: The program may leave these empty, whatever the legacy product did.
OPTIONAL = {
    "users": ("name", "hashed_password"),
    "platform_connections": ("handle", "access_token", "refresh_token", "token_expires_at"),
    "interactions": ("connection_id", "author", "body", "sentiment"),
}
REQUIRED = {
    "users": ("email",),
    "platform_connections": ("user_id", "platform"),
    "interactions": ("user_id", "kind", "is_demo"),
}


def upgrade() -> None:
    """Set types first, so that the indexes are built only once."""
    for table, types in TYPES.items():
        ddl.set_types(table, types)
    op.execute("UPDATE interactions SET is_demo = false WHERE is_demo IS NULL")
    op.execute("ALTER TABLE interactions ALTER COLUMN is_demo SET DEFAULT false")
    for table, columns in OPTIONAL.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL")
    for table, columns in REQUIRED.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL")
    for table in TYPES:
        ddl.name_primary_key(table, f"pk_{table}")
    refer(names={"connections": "fk_platform_connections_user_id", "interactions": "fk_interactions_user_id"})
    ddl.replace_foreign_key(
        "interactions", "connection_id", "fk_interactions_connection_id", "platform_connections", "SET NULL"
    )
    ddl.replace_index("ix_users_name_lower", "users (lower(name) text_pattern_ops)")
    ddl.replace_index("ix_users_email_prefix", "users (lower(email) text_pattern_ops)")
    ddl.replace_index("ix_interactions_user_id_created_at", "interactions (user_id, created_at)")
    ddl.replace_index("ix_interactions_demo", "interactions (user_id) WHERE is_demo")
    ddl.replace_index("ix_interactions_connection_id", "interactions (connection_id)")
    ddl.drop_index_unless_needed("ix_interactions_user_id")


def downgrade() -> None:
    """Restore the legacy names; the types stay, because old code works with both."""
    ddl.replace_index("ix_interactions_user_id", "interactions (user_id)")
    for index in (
        "ix_users_name_lower",
        "ix_users_email_prefix",
        "ix_interactions_user_id_created_at",
        "ix_interactions_demo",
        "ix_interactions_connection_id",
    ):
        op.execute(f"DROP INDEX IF EXISTS {index}")
    ddl.replace_foreign_key(
        "interactions", "connection_id", "interactions_connection_id_fkey", "platform_connections", "SET NULL"
    )
    refer(names={"connections": "platform_connections_user_id_fkey", "interactions": "interactions_user_id_fkey"})
    for table in TYPES:
        ddl.name_primary_key(table, f"{table}_pkey")


def refer(names: dict[str, str]) -> None:
    ddl.replace_foreign_key("platform_connections", "user_id", names["connections"], "users", "CASCADE")
    ddl.replace_foreign_key("interactions", "user_id", names["interactions"], "users", "CASCADE")
