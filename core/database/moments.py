"""Times that Python cannot hold: PostgreSQL knows `infinity`, years after 9999, and years before 1.

The driver raises an error for such a value, which takes every row of the answer with it. Here it reads as the last or
the first moment, so that the row is shown beside the others; `is_readable` tells it apart.
"""

from datetime import UTC, date, datetime
from typing import Any, Final

import psycopg
from psycopg.adapt import Buffer, Loader
from psycopg.pq import Format
from sqlalchemy import Engine, event

#: What times beyond the calendar read as.
LAST: Final = datetime.max.replace(tzinfo=UTC)
FIRST: Final = datetime.min.replace(tzinfo=UTC)
_ENDS: Final[dict[str, tuple[Any, Any]]] = {
    "timestamptz": (FIRST, LAST),
    "timestamp": (datetime.min, datetime.max),  # noqa: DTZ901 - of a column without a zone
    "date": (date.min, date.max),
}


def install(engine: Engine) -> None:
    """Let every connection of an engine read such times."""

    @event.listens_for(engine, "connect")
    def _read_all_times(connection: psycopg.Connection[Any], _record: Any) -> None:
        for name, ends in _ENDS.items():
            info = psycopg.adapters.types[name]
            strict = psycopg.adapters.get_loader(info.oid, Format.TEXT)
            if strict is not None:
                connection.adapters.register_loader(info.oid, _tolerant(strict, *ends))


def is_readable(at: datetime | None) -> bool:
    """Tell whether a time is the one that the database holds."""
    return at is None or FIRST < at < LAST


def _tolerant(strict: type[Any], first: Any, last: Any) -> type[Loader]:
    class TolerantLoader(Loader):
        """Reads what the driver's own loader reads, and the rest as the first or the last moment."""

        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._strict = strict(oid, context)

        def load(self, data: Buffer) -> Any:
            try:
                return self._strict.load(data)
            except psycopg.DataError:
                written = bytes(data)
                return first if written.startswith(b"-") or written.endswith(b"BC") else last

    return TolerantLoader
