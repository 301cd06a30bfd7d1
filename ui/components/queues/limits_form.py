"""A kind's limits as text, and the dialog that changes them."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from markupsafe import Markup
from nicegui import ui

from core.models import JobKind
from core.queues.controls import Limits
from core.wording import counted, spoken
from ui import access
from ui.components.base.button import button
from ui.components.base.command_button import limit_to_role
from ui.components.base.confirm import ReasonField
from ui.components.base.form import ModelForm
from ui.components.base.kind_words import kind_label
from ui.components.base.markup import words
from ui.components.base.open_form import Act, open_form
from ui.components.base.pause import author_words
from ui.components.base.undo_toast import say_undoable

_FIELDS = ("max_running", "max_per_worker", "rate_count", "rate_seconds")


def limits_words(row: JobKind) -> list[Markup]:
    """Return a kind's limits, and who set them, when and why."""
    limits = limits_in_words(row)
    if not limits:
        return [words("no limit", "muted")]
    author = [author_words(row.limited_by, row.limited_at, row.limited_reason)] if row.limited_by else []
    return [*(words(limit, tag="div") for limit in limits), *author]


def limits_in_words(row: JobKind) -> list[str]:
    """Return a kind's limits as text; empty if it has none."""
    limits = []
    if row.max_running is not None:
        limits.append(f"{row.max_running:,} at once")
    if row.max_per_worker is not None:
        limits.append(f"{row.max_per_worker:,} at once per worker")
    if row.rate_count is not None and row.rate_seconds is not None:
        limits.append(f"{counted(row.rate_count, 'start')} per {spoken(timedelta(seconds=row.rate_seconds))}")
    return limits


def limits_button(row: JobKind, after: Callable[[], Awaitable[None]]) -> ui.button:
    """Return the button that opens the dialog."""

    def draw() -> Act:
        given = {name: getattr(row, name) for name in _FIELDS}
        form = ModelForm(Limits, given={"name": row.kind, **given}, without=["name"])
        reason = ReasonField()

        async def limit() -> None:
            _, entry = await access.perform_undoable("kind.limit", None, form.values(), reason=reason.value)
            say_undoable(f"Limits of {kind_label(row.kind)} saved.", entry, after)
            await after()

        return limit

    element = button(
        "Limits…", lambda: open_form(f"Limits of {kind_label(row.kind)}", "Save limits", draw), icon="speed"
    )
    return limit_to_role(element, "kind.limit")
