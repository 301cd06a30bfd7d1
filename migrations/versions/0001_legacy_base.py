"""The legacy product's three tables: created if missing, kept unchanged if present.

The statements are the legacy product's own, so that later revisions always start from its schema.
"""

from alembic import op

from migrations import ddl, finishing

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """CREATE TABLE IF NOT EXISTS users (
        id uuid PRIMARY KEY,
        email varchar(320) NOT NULL,
        name text,
        hashed_password text,
        demo_mode boolean DEFAULT false,
        marketing_opt_in boolean DEFAULT true,
        countdown_t14_sent_at timestamp,
        countdown_t7_sent_at timestamp,
        countdown_t1_sent_at timestamp,
        created_at timestamp DEFAULT now()
    )""",
    """CREATE TABLE IF NOT EXISTS platform_connections (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        platform varchar(32) NOT NULL,
        handle text,
        access_token text,
        refresh_token text,
        token_expires_at timestamp,
        is_active boolean DEFAULT true,
        created_at timestamp DEFAULT now()
    )""",
    """CREATE TABLE IF NOT EXISTS interactions (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        connection_id uuid REFERENCES platform_connections (id) ON DELETE SET NULL,
        kind varchar(16) NOT NULL,
        author text,
        body text,
        sentiment varchar(16),
        is_demo boolean NOT NULL DEFAULT false,
        created_at timestamp DEFAULT now()
    )""",
)
#: Columns that an older or smaller legacy database may lack: added without values, which nobody has.
OPTIONAL = {
    "users": {
        "name": "text",
        "hashed_password": "text",
        "demo_mode": "boolean",
        "marketing_opt_in": "boolean",
        "countdown_t14_sent_at": "timestamp",
        "countdown_t7_sent_at": "timestamp",
        "countdown_t1_sent_at": "timestamp",
        "created_at": "timestamp",
    },
    "platform_connections": {
        "handle": "text",
        "access_token": "text",
        "refresh_token": "text",
        "token_expires_at": "timestamp",
        "is_active": "boolean",
        "created_at": "timestamp",
    },
    "interactions": {
        "connection_id": "uuid",
        "author": "text",
        "body": "text",
        "sentiment": "varchar(16)",
        "is_demo": "boolean",
        "created_at": "timestamp",
    },
}
INDEXES = (
    "CREATE UNIQUE INDEX IF NOT EXISTS ix_users_email ON users (email)",
    "CREATE INDEX IF NOT EXISTS ix_platform_connections_user_id ON platform_connections (user_id)",
    "CREATE INDEX IF NOT EXISTS ix_interactions_user_id ON interactions (user_id)",
)


#: The table of users, marked if it is made here: in a database that was empty, no older program needs its columns.
MADE_HERE = f"""DO $$ BEGIN
        IF to_regclass('users') IS NULL THEN
            {TABLES[0]};
            COMMENT ON COLUMN users.demo_mode IS '{finishing.MADE_HERE}';
        END IF;
    END $$"""


def upgrade() -> None:
    """Create missing tables, columns and indexes."""
    op.execute(MADE_HERE)
    for statement in TABLES:
        op.execute(statement)
    for table, columns in OPTIONAL.items():
        ddl.ensure_empty_columns(table, columns)
    for statement in INDEXES:
        op.execute(statement)


def downgrade() -> None:
    """Keep the tables: they belong to the legacy product and hold its data."""
