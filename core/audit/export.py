"""Export of the audit log to a file, page by page: memory holds only one page at a time."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Engine

from core.audit.search import AuditFilter, AuditLine, find_events
from core.database.engine import session_scope

#: Lines read per transaction.
PAGE: Final = 1_000
#: Tells spreadsheets that the file is UTF-8.
BOM: Final = "\ufeff"
#: A spreadsheet reads a cell that starts with one of these as a formula; a leading quote keeps it text.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

_COLUMNS: Final = [field for field in AuditLine.__slots__ if field != "data"] + ["data"]


class Format(StrEnum):
    """The format of the file."""

    CSV = "csv"
    JSONL = "jsonl"


def export(engine: Engine, audit_filter: AuditFilter, form: Format, *, page: int = PAGE) -> Iterator[str]:
    """Yield all lines that match the filter as text, newest first."""
    if form is Format.CSV:
        yield BOM + _csv([_COLUMNS])
    before: int | None = None
    while True:
        with session_scope(engine) as session:
            results = find_events(session, audit_filter, limit=page, before=before)
        rows = [asdict(line) for line in results.lines]
        yield _csv([map(_cell, row.values()) for row in rows]) if form is Format.CSV else "".join(map(_json, rows))
        if (before := results.next) is None:
            return


def _json(row: dict[str, Any]) -> str:
    return json.dumps({**row, "at": row["at"].isoformat()}, default=str, ensure_ascii=False) + "\n"


def _csv(rows: Any) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
