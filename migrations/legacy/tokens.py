"""Provider tokens that the secret at hand cannot read."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import Connection

from core.encryption.cipher import TokenCipher
from migrations.legacy.facts import Facts
from migrations.report import Finding

#: One stored token of each key is enough to tell whether the key is known; and how many rows hang on it.
_BY_KEY = sa.text(
    """SELECT split_part(token, ':', 2) AS key, min(token) AS token, count(DISTINCT id) AS total
    FROM (SELECT id, access_token AS token FROM platform_connections
        UNION ALL SELECT id, refresh_token FROM platform_connections) t
    WHERE token LIKE 'f1:%' GROUP BY 1 ORDER BY 1"""
)


def findings(connection: Connection, facts: Facts, cipher: TokenCipher, *, blocks: bool) -> Iterator[Finding]:
    """Yield each key that encrypted stored tokens and is not known here."""
    if not facts.has("platform_connections.access_token", "platform_connections.refresh_token"):
        return
    for row in connection.execute(_BY_KEY):
        if cipher.is_encrypted(row.token) and not cipher.can_decrypt(row.token):
            yield Finding(
                "Tokens of another key",
                f"{row.total} platform connections have tokens that were encrypted with key {row.key}, which the "
                "secret here does not make.",
                "Put the former UNSTUCK_SECRET_KEY back; or let these users connect again.",
                blocks=blocks,
            )
