"""Names and texts from outside, in SQL and commands of advice: they end no statement and control no terminal.

PostgreSQL reads the escapes as the characters that they stand for, so that a person can copy the statement.
"""

import re
import shlex
from typing import Final

from sqlalchemy.dialects import postgresql

from core.logs import on_one_line

#: A style of parameters in which a percent sign stands for itself.
_NAMES: Final = postgresql.dialect(paramstyle="named").identifier_preparer  # type: ignore[no-untyped-call]


def as_literal(text: str) -> str:
    """Return a text as an SQL literal, on one line."""
    if on_one_line(text) == text and "\\" not in text:
        return "'" + text.replace("'", "''") + "'"
    return "E'" + _escaped(text, "\\u{:04x}", "\\U{:08x}").replace("'", "''") + "'"


def as_name(text: str) -> str:
    """Return a name as an SQL identifier, on one line, in quotes where it needs them."""
    if on_one_line(text) == text:
        return str(_NAMES.quote(text))
    return 'U&"' + _escaped(text, "\\{:04x}", "\\+{:06x}").replace('"', '""') + '"'


def as_argument(text: str) -> str:
    """Return a text as an argument of a shell's command; one that begins as an option does is kept from being one."""
    return f"{'-- ' if text.startswith('-') else ''}{shlex.quote(text)}"


def _escaped(text: str, short: str, long: str) -> str:
    """Escape a backslash with another one, and all but printable ASCII by its code."""

    def code(match: re.Match[str]) -> str:
        number = ord(match[0])
        return (short if number <= 0xFFFF else long).format(number)

    return re.sub("[^ -~]", code, text.replace("\\", "\\\\"))
