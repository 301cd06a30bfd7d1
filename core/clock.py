"""Time: the database's clock decides; Python's is for display and for values that leave the database."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func

__all__ = ["UTC", "db_now", "now"]


def now() -> datetime:
    """Return this process's idea of the time, aware, in UTC. Never compare it with a lease."""
    return datetime.now(UTC)


def db_now() -> Any:
    """Return the database's time at the current statement; stable within it, so an index can be used."""
    return func.statement_timestamp()
