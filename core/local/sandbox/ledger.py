"""What the sandbox knows, in one sqlite file: accounts, grants, settings, and codes and tokens by their hashes."""

import hashlib
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

#: Seconds in which a code must be exchanged: the longest that RFC 6749 (4.1.2) recommends.
CODE_LIFE: Final = 600
#: Seconds that an access token lives unless the life is set.
TOKEN_LIFE: Final = 3600
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS accounts (
    id TEXT PRIMARY KEY, platform TEXT NOT NULL, handle TEXT NOT NULL, UNIQUE (platform, handle));
CREATE TABLE IF NOT EXISTS grants (
    id TEXT PRIMARY KEY, client_id TEXT NOT NULL, account_id TEXT NOT NULL REFERENCES accounts, scope TEXT NOT NULL,
    granted_at REAL NOT NULL, ended_at REAL, ended_by TEXT);
CREATE TABLE IF NOT EXISTS issued (
    hash TEXT PRIMARY KEY, kind TEXT NOT NULL, grant_id TEXT NOT NULL REFERENCES grants, scope TEXT NOT NULL,
    issued_at REAL NOT NULL, expires_at REAL, spent_at REAL, revoked_at REAL, uses INTEGER NOT NULL DEFAULT 0,
    redirect_uri TEXT, challenge TEXT);
CREATE INDEX IF NOT EXISTS issued_by_grant ON issued (grant_id);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_ISSUED: Final = """
SELECT i.*, g.client_id, g.account_id, a.platform, a.handle
FROM issued i JOIN grants g ON g.id = i.grant_id JOIN accounts a ON a.id = g.account_id
"""


@dataclass(frozen=True, slots=True)
class SandboxAccount:
    """One person's account on one platform; the same handle has the same id for ever."""

    id: str
    platform: str
    handle: str


class Ledger:
    """The file. All its methods run in one thread; writes happen within `transaction`."""

    def __init__(self, folder: Path) -> None:
        path = folder / "sandbox.db"
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # sqlite gives its other files the same mode
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        # A killed process loses no commit in this mode; a power cut may, which does not matter here.
        self._db.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {_TABLES}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what the block writes, or nothing of it."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def now(self) -> float:
        """Return the provider's time in seconds since 1970: this machine's, moved by the setting `offset`."""
        return time.time() + float(self.setting("offset", 0))

    def setting(self, name: str, default: Any) -> Any:
        """Return a setting, a JSON value."""
        row = self._db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return json.loads(row["value"]) if row else default

    def set(self, name: str, value: Any) -> None:
        """Store a setting, a JSON value."""
        self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value)))

    def account(self, platform: str, handle: str) -> SandboxAccount:
        """Return an account, added if it is new."""
        name = hashlib.sha256(f"{platform}/{handle}".encode()).hexdigest()[:16]
        self._db.execute("INSERT OR IGNORE INTO accounts VALUES (?, ?, ?)", (name, platform, handle))
        return SandboxAccount(name, platform, handle)

    def accounts(self, platform: str, most: int = 5) -> list[str]:
        """Return the handles of a platform that were used last."""
        query = """SELECT handle FROM accounts a LEFT JOIN grants g ON g.account_id = a.id WHERE platform = ?
            GROUP BY a.id ORDER BY max(granted_at) DESC, handle LIMIT ?"""
        return [row["handle"] for row in self._db.execute(query, (platform, most))]

    def open_grant(self, client_id: str, account_id: str, scope: str) -> str:
        """Add a grant, a person's consent to one program, and return its id."""
        grant = secrets.token_hex(8)
        values = (grant, client_id, account_id, scope, self.now())
        self._db.execute("INSERT INTO grants VALUES (?, ?, ?, ?, ?, NULL, NULL)", values)
        return grant

    def end_grant(self, grant: str, why: str) -> None:
        """Revoke a grant with all that was issued for it; one that has ended keeps its time and reason."""
        now = self.now()
        self._db.execute(
            "UPDATE grants SET ended_at = ?, ended_by = ? WHERE id = ? AND ended_at IS NULL", (now, why, grant)
        )
        self._db.execute("UPDATE issued SET revoked_at = ? WHERE grant_id = ? AND revoked_at IS NULL", (now, grant))

    def end_access(self, grant: str) -> None:
        """Revoke a grant's access tokens, which a newer one replaces."""
        query = "UPDATE issued SET revoked_at = ? WHERE grant_id = ? AND kind = 'access' AND revoked_at IS NULL"
        self._db.execute(query, (self.now(), grant))

    def issue(self, kind: str, text: str, grant: str, scope: str, expires: float | None, **bound: str | None) -> None:
        """Note a code or token by its hash; a code is bound to a `redirect_uri` and a `challenge`."""
        values = (hash_of(text), kind, grant, scope, self.now(), expires, bound.get("redirect_uri"))
        self._db.execute(
            """INSERT INTO issued (hash, kind, grant_id, scope, issued_at, expires_at, redirect_uri, challenge)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            (*values, bound.get("challenge")),
        )

    def find(self, text: str, *kinds: str) -> sqlite3.Row | None:
        """Return the row of a code or token with its grant's client and account, or None."""
        row = self._db.execute(f"{_ISSUED} WHERE i.hash = ?", (hash_of(text),)).fetchone()
        return row if row and row["kind"] in kinds else None

    def count_use(self, hashed: str) -> None:
        """Count that a code or refresh token was presented."""
        self._db.execute("UPDATE issued SET uses = uses + 1 WHERE hash = ?", (hashed,))

    def spend(self, hashed: str) -> None:
        """Note that a code or refresh token brought its tokens."""
        self._db.execute("UPDATE issued SET spent_at = ? WHERE hash = ?", (self.now(), hashed))

    def lines(self) -> list[dict[str, Any]]:
        """Return all codes and tokens, oldest first, without the tokens themselves; times are seconds since 1970."""
        now = self.now()
        return [
            {
                **{name: row[name] for name in ("kind", "hash", "client_id", "platform", "scope")},
                **{name: row[name] for name in ("spent_at", "revoked_at", "uses")},
                "grant": row["grant_id"],
                "account": row["handle"],
                "issued": row["issued_at"],
                "expires": row["expires_at"],
                "live": not (row["spent_at"] or row["revoked_at"] or (row["expires_at"] or now + 1) <= now),
            }
            for row in self._db.execute(f"{_ISSUED} ORDER BY i.issued_at, i.rowid")
        ]

    def open_grants(self, handle: str = "", most: int = 200) -> list[sqlite3.Row]:
        """Return the grants that brought tokens and have not ended, latest first; `handle` limits them."""
        query = """SELECT g.*, a.platform, a.handle FROM grants g JOIN accounts a ON a.id = g.account_id
            WHERE ended_at IS NULL AND (? = '' OR handle = ?)
            AND EXISTS (SELECT 1 FROM issued i WHERE i.grant_id = g.id AND i.kind <> 'code')
            ORDER BY granted_at DESC LIMIT ?"""
        return self._db.execute(query, (handle, handle, most)).fetchall()


def hash_of(text: str) -> str:
    """Return the hash under which a code or token is known."""
    return hashlib.sha256(text.encode()).hexdigest()
