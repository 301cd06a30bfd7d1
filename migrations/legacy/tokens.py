"""Provider tokens that cannot be decrypted with the current secret key."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import Connection

from core.encryption.cipher import TokenCipher
from migrations.legacy.facts import Facts
from migrations.report import Finding

#: One stored token per key, enough to check the key, and the number of rows that depend on it.
_BY_KEY = sa.text(
    """SELECT split_part(token, ':', 2) AS key, min(token) AS token, count(DISTINCT id) AS total
    FROM (SELECT id, access_token AS token FROM platform_connections
        UNION ALL SELECT id, refresh_token FROM platform_connections) t
    WHERE token LIKE 'f1:%' GROUP BY 1 ORDER BY 1"""
)


def findings(connection: Connection, facts: Facts, cipher: TokenCipher, *, blocks: bool) -> Iterator[Finding]:
    """Yield each unknown key that encrypted stored tokens."""
    if not facts.has("platform_connections.access_token", "platform_connections.refresh_token"):
        return
    for row in connection.execute(_BY_KEY):
        if cipher.is_encrypted(row.token) and not cipher.can_decrypt(row.token):
            yield Finding(
                "Tokens of another key",
                f"{row.total} platform connections have tokens encrypted with key {row.key}, "
                "which does not belong to the current secret key.",
                "Restore the former UNSTUCK_SECRET_KEY, or ask these users to connect again.",
                blocks=blocks,
            )
