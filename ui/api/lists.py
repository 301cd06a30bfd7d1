"""Lists in answers: the rows of one window, and `next`, which the next request passes as `after`."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query

from core.database.window import FARTHEST, MOST, Window
from core.job_list.orders import MOST_SORTED, Sort

Limit = Annotated[int, Query(ge=1, le=MOST, description="Rows in the answer.")]
After = Annotated[int, Query(ge=0, le=FARTHEST, description="The `next` of the previous answer.")]

InOrder = Annotated[
    Sort,
    Query(
        description="`-created_at`: newest first. Any other order sorts up to "
        f"{MOST_SORTED:,} matches; of more, `-took` and `-waited` list the first, and other orders are refused."
    ),
]


def listed(window: Window[Any], items: Sequence[Any] | None = None) -> dict[str, Any]:
    """Return a window as an answer; `items` are its rows as JSON, unless they are that already."""
    return {"items": list(window) if items is None else items, "next": window.next}


def total_so_far(window: Window[Any]) -> dict[str, Any]:
    """Return the length of a list as far as it is known: exact at its end."""
    return {"value": window.start + len(window), "exact": window.next is None}
