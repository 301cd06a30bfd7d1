"""Post: provider tokens are stored encrypted. Code that reads them as plain text must be stopped first.

It comes before 0009, which rewrites the table and so removes the plain text from its file.
"""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import context, op

from core.encryption.cipher import TokenCipher

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

#: Rows per round trip: this bounds memory at any size of the table.
BATCH = 1000
PAGE = sa.text(
    """SELECT id, access_token, refresh_token FROM platform_connections
    WHERE id > :after AND (access_token IS NOT NULL OR refresh_token IS NOT NULL) ORDER BY id LIMIT :batch"""
)
WRITE = sa.text("UPDATE platform_connections SET access_token = :access, refresh_token = :refresh WHERE id = :id")
#: For `--sql`: encryption needs the program, so the script stops here if there are any tokens.
STOP = """DO $$ BEGIN
        IF EXISTS (SELECT FROM platform_connections
                WHERE access_token IS NOT NULL OR refresh_token IS NOT NULL) THEN
            RAISE EXCEPTION 'there are provider tokens, and SQL cannot encrypt or decrypt them: run python main.py migrate';
        END IF;
    END $$"""


def upgrade() -> None:
    """Encrypt all plain-text tokens."""
    rewrite(lambda cipher, token: token if cipher.is_encrypted(token) else cipher.encrypt(token))


def downgrade() -> None:
    """Decrypt all encrypted tokens."""
    rewrite(lambda cipher, token: cipher.decrypt(token) if cipher.is_encrypted(token) else token)


def rewrite(change: Callable[[TokenCipher, str], str]) -> None:
    if context.is_offline_mode():
        op.execute(STOP)
        return
    cipher: TokenCipher = context.config.attributes["cipher"]
    connection = op.get_bind()
    after = "00000000-0000-0000-0000-000000000000"
    while rows := connection.execute(PAGE, {"after": after, "batch": BATCH}).all():
        connection.execute(
            WRITE,
            [
                {
                    "id": row.id,
                    "access": None if row.access_token is None else change(cipher, row.access_token),
                    "refresh": None if row.refresh_token is None else change(cipher, row.refresh_token),
                }
                for row in rows
            ],
        )
        after = rows[-1].id
