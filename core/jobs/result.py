"""A job's result as JSON text, and which one is not stored: it is too large, or cannot be sent to the database."""

import json
from typing import Any, Final

from sqlalchemy.exc import InterfaceError, OperationalError

from core.database.engine import NoConnection
from core.errors import GiveUp
from core.operation import why_unstorable

#: Bytes of a result's JSON. Results of several jobs share a statement: one that takes long to send delays the others.
MOST_BYTES: Final = 1_000_000
#: How often the connection may break while a success is written alone, and what its failed job then says.
MOST_BROKEN: Final = 2
UNSENDABLE: Final = (
    "The work was done, but its success could not be written: the connection to the database broke each time, though"
    " the database had just answered."
)


def as_text(result: dict[str, Any] | None) -> str | None:
    """Return a result as JSON text; raises GiveUp for one that cannot be stored: another attempt returns it again."""
    if result is None:
        return None
    try:
        text, problem = json.dumps(result, allow_nan=False), "" if isinstance(result, dict) else "it is no dict"
    except (TypeError, ValueError, RecursionError) as error:
        text, problem = "", str(error)
    if len(text) > MOST_BYTES:
        raise GiveUp(
            f"The work was done, but its result is too large to be stored: {len(text):,} bytes as JSON,"
            f" of {MOST_BYTES:,} at most."
        )
    problem = problem or why_unstorable(result) or ""
    if problem:
        raise GiveUp(
            f"The work was done, but its result cannot be stored: {problem}. A result is a dict of JSON values."
        )
    return text


def has_broken(error: OperationalError | InterfaceError) -> bool:
    """Tell whether the connection broke; an error that PostgreSQL itself sent has a state."""
    return not (isinstance(error, NoConnection) or getattr(error.orig, "sqlstate", None))


def is_about_the_job(error: OperationalError | InterfaceError) -> bool:
    """Tell whether the database refuses the job's result, such as one that is too large, whenever it is asked."""
    return str(getattr(error.orig, "sqlstate", None) or "").startswith("54")
