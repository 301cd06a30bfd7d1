"""Export of the audit log to a file, page by page: memory holds only one page at a time."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Engine

from core.audit.search import AuditFilter, AuditLine, find_events
from core.database.engine import session_scope
from core.export import Format, written

#: Lines read per transaction.
PAGE: Final = 1_000
_COLUMNS: Final = [field for field in AuditLine.__slots__ if field != "data"] + ["data"]


def export(engine: Engine, audit_filter: AuditFilter, form: Format, *, page: int = PAGE) -> Iterator[str]:
    """Yield all lines that match the filter as text, newest first."""
    return written(_COLUMNS, _pages(engine, audit_filter, page), form)


def _pages(engine: Engine, audit_filter: AuditFilter, page: int) -> Iterator[list[dict[str, Any]]]:
    before: int | None = None
    while True:
        with session_scope(engine) as session:
            results = find_events(session, audit_filter, limit=page, before=before)
        yield [asdict(line) for line in results.lines]
        if (before := results.next) is None:
            return
