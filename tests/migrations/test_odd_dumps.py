"""Legacy dumps made odd: each ends at head with every row, or is refused by name before anything is changed."""

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import make_url

from core.encryption.cipher import TokenCipher
from core.errors import Unusable
from migrations import revisions, run
from tests.migrations.odd_dumps import dump
from tests.migrations.schema import SECRET

QUICK = 1
#: Columns that keep their names and values.
KEPT = {
    "users": "email, name, hashed_password",
    "platform_connections": "user_id, platform, handle, access_token, refresh_token",
    "interactions": "user_id, connection_id, kind, author, body, is_demo",
}
#: Sessions of the test's own, whatever the defaults of the database are.
PLAIN = "-c statement_timeout=0 -c datestyle=ISO -c timezone=UTC -c default_transaction_isolation=read\\ committed"


def make_odd(url: str, statements: list[str]) -> None:
    for statement in statements:
        with psycopg.connect(url, autocommit=True, options=PLAIN, client_encoding="utf8") as connection:
            connection.execute(statement.replace("{name}", str(make_url(url).database)))


def contents(url: str) -> dict[str, dict[object, tuple[object, ...]]]:
    """Return every row as far as its columns keep their names and meaning; tokens in plain text."""
    cipher = TokenCipher(SECRET)

    def plain(token: str | None) -> str | None:
        return cipher.decrypt(token) if token and cipher.is_encrypted(token) else token

    kept = {
        "users": "email, name, hashed_password",
        "interactions": "user_id, connection_id, kind, author, body, is_demo",
    }
    kept["platform_connections"] = "user_id, platform, handle, access_token, refresh_token"
    with psycopg.connect(url, options=PLAIN, client_encoding="utf8", row_factory=dict_row) as connection:
        return {
            table: {
                row.pop("id"): tuple(plain(v) if n.endswith("_token") else v for n, v in row.items())
                for row in connection.execute(f"SELECT id, {columns} FROM {table}")
            }
            for table, columns in KEPT.items()
        }


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=[] if seed < QUICK else pytest.mark.slow) for seed in range(20)]
)
def test_an_odd_dump_ends_at_head_with_every_row_or_is_refused_before_anything_is_changed(
    legacy_url: str, seed: int
) -> None:
    odd = dump(seed)
    make_odd(legacy_url, odd.statements)
    before = contents(legacy_url)
    if not odd.refusals:
        assert run.finish(legacy_url, secret=SECRET).end == revisions.head()
        assert run.check(legacy_url, secret=SECRET) == []
    else:
        with pytest.raises(Unusable) as refused:
            run.finish(legacy_url, secret=SECRET)
        for sentence in odd.refusals:
            assert sentence in str(refused.value)
        with psycopg.connect(legacy_url, options=PLAIN) as connection:
            assert connection.execute("SELECT to_regclass('unstuck_version'), to_regclass('workers')").fetchone() == (
                None,
                None,
            )
    assert contents(legacy_url) == before
