"""Cursors of the job list: a job, and where it is, by its time or by its place in another order."""

import base64
import binascii
import json
import re
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from core.errors import Invalid

_NO_CURSOR: Final = "after is not a cursor of this list; start again without it"


def at_moment(at: datetime, job_id: UUID) -> str:
    """Return the cursor behind a job of a list by time."""
    return _encoded(at.isoformat(), job_id)


def at_place(sort: str, place: int, job_id: UUID) -> str:
    """Return the cursor behind a job of a list in this other order."""
    return _encoded(f"{sort} {place}", job_id)


def moment_of(cursor: str | None) -> tuple[datetime, UUID] | None:
    """Return what `at_moment` was given. Raises Invalid."""
    if cursor is None:
        return None
    at, job_id = _decoded(cursor)
    try:
        moment = datetime.fromisoformat(at)
    except (ValueError, TypeError):
        raise _invalid() from None
    if moment.tzinfo is None:
        raise _invalid()
    return moment, job_id


def place_of(cursor: str, sort: str) -> tuple[int, UUID]:
    """Return what `at_place` was given with this order. Raises Invalid."""
    where, job_id = _decoded(cursor)
    found = re.fullmatch(r"(\S+) ([0-9]{1,12})", where) if isinstance(where, str) else None
    if found is None or found[1] != sort:
        raise _invalid()
    return int(found[2]), job_id


def _encoded(where: str, job_id: UUID) -> str:
    return base64.urlsafe_b64encode(json.dumps([where, str(job_id)]).encode()).decode()


def _decoded(cursor: str) -> tuple[Any, UUID]:
    try:
        where, job_id = json.loads(base64.urlsafe_b64decode(cursor))
        return where, UUID(job_id)
    except (ValueError, TypeError, AttributeError, RecursionError, binascii.Error):
        raise _invalid() from None


def _invalid() -> Invalid:
    return Invalid(_NO_CURSOR, {"after": _NO_CURSOR})
