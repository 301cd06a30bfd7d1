"""Rows as files for other programs: CSV for spreadsheets, JSON lines for scripts; memory holds one window of them."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from core.errors import Refused

#: Tells spreadsheets that the file is UTF-8.
BOM: Final = "\ufeff"
#: A spreadsheet reads a cell that starts with one of these as a formula; a leading quote keeps it text.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
#: Begins the last line of a file that is not complete.
_INCOMPLETE: Final = "This file is not complete. "


class Format(StrEnum):
    """The format of the file: CSV with a header, or one JSON object a line."""

    CSV = "csv"
    JSONL = "jsonl"


MEDIA_TYPES: Final[Mapping[Format, str]] = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.JSONL: "application/jsonl; charset=utf-8",
}


def written(columns: Sequence[str], windows: Iterable[Iterable[Mapping[str, Any]]], form: Format) -> Iterator[str]:
    """Yield the file part by part. If a window is refused, such as after a sign-out, the last line says so."""
    if form is Format.CSV:
        yield BOM + _csv([columns])
    try:
        for rows in windows:
            cells = ({name: row[name] for name in columns} for row in rows)
            yield _csv(map(_cell, row.values()) for row in cells) if form is Format.CSV else "".join(map(_json, cells))
    except Refused as refusal:
        said = f"{_INCOMPLETE}{refusal}"
        yield _csv([[said]]) if form is Format.CSV else _json({"error": said})


def _json(row: Mapping[str, Any]) -> str:
    return json.dumps(row, default=_plain, ensure_ascii=False) + "\n"


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    text = _plain(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _plain(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
