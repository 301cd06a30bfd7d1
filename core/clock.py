"""Time: the database's clock decides; Python's clock is for display and for values outside the database."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func

__all__ = ["UTC", "db_now", "now"]


def now() -> datetime:
    """Return this process's time, aware, in UTC. Never compare it with a lease."""
    return datetime.now(UTC)


def db_now() -> Any:
    """Return the database's time at the current statement; it is constant there, so an index can be used."""
    return func.statement_timestamp()
