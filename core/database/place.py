"""A place in a list that is read newest first: a time and an id, as one word that programs hand back for the next page.

Rows may come and go meanwhile, also the one that it names.
"""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from core.errors import Invalid
from core.wording import cited

#: What the word looks like, for the years 1653 to 5138.
PLACE: Final = "^(-[0-9]{1,16}|[0-9]{1,17})\\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def place_of(at: datetime, row_id: UUID) -> str:
    """Return the place of a row of this time and id."""
    return f"{(at - _EPOCH) // timedelta(microseconds=1)}.{row_id}"


def read_place(after: str) -> tuple[datetime, UUID]:
    """Return the time and id of a place. Raises Invalid."""
    micros, _, last = after.partition(".")
    try:
        return _EPOCH + timedelta(microseconds=int(micros[:19])), UUID(last)
    except (ValueError, OverflowError):
        raise Invalid(
            f"There is no place {cited(after)} in the list.", {"after": "Use the `next` of an answer."}
        ) from None
