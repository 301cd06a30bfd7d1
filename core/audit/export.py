"""The audit log as a file, page by page: however long it is, no more than one page is in memory."""

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

#: Lines read in one transaction.
PAGE: Final = 1_000
#: With these a spreadsheet begins to calculate: such a cell gets a quote before it, and stays text.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

_COLUMNS: Final = [field for field in AuditLine.__slots__ if field != "data"] + ["data"]


class Format(StrEnum):
    """How the file is written."""

    CSV = "csv"
    JSONL = "jsonl"


def export(engine: Engine, wanted: AuditFilter, form: Format, *, page: int = PAGE) -> Iterator[str]:
    """Yield the whole of what `wanted` matches as text, newest first."""
    if form is Format.CSV:
        yield _csv([_COLUMNS])
    before: int | None = None
    while True:
        with session_scope(engine) as session:
            found = find_events(session, wanted, limit=page, before=before)
        rows = [asdict(line) for line in found.lines]
        yield _csv([map(_cell, row.values()) for row in rows]) if form is Format.CSV else "".join(map(_json, rows))
        if (before := found.next) is None:
            return


def _json(row: dict[str, Any]) -> str:
    return json.dumps({**row, "at": row["at"].isoformat()}, default=str, ensure_ascii=False) + "\n"


def _csv(rows: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    words = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{words}" if words.startswith(FORMULA) else words
