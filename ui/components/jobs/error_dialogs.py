"""What people decide of an error, each in a dialog that says what it does: ignore, resolve, assign, and note."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from nicegui import ui

from core.failures.handling import owners, versions
from core.models import Role
from ui import access
from ui.components.base.box import box, text
from ui.components.base.button import say
from ui.components.base.confirm import ReasonField
from ui.components.base.open_form import Act, open_form
from ui.components.base.undo_toast import say_undoable

After = Callable[[], Awaitable[None]]
#: For how long an error is ignored, in hours; 0: until something else ends it.
_HOURS: Final = {1: "for an hour", 24: "for a day", 168: "for a week", 720: "for 30 days", 0: "until it is reopened"}
_STAY: Final = "Users whom it has hit stay among those who need help. Reopen takes this back."


def ask_ignore(fingerprint: str, after: After) -> None:
    """Ask until when the error is ignored, and why."""

    def draw() -> Act:
        text("Nobody is alerted of this error, and it is not among the open ones, until the first of these.", tag="p")
        with box("labelled"):
            text("Ignore it", tag="label")
            hours = ui.select(_HOURS, value=24).classes("field").props('outlined dense aria-label="Ignore it"')
        more = _number("Or until so many more have failed")
        rate = _number("Or until more than so many fail within an hour")
        text(_STAY, "help")
        reason = ReasonField(needed=True)

        async def ignore() -> None:
            terms = {"hours": hours.value or None, "count": _whole(more), "per_hour": _whole(rate)}
            args = {"fingerprint": fingerprint, **terms}
            _, entry = await access.perform_undoable("failure.ignore", None, args, reason=reason.value)
            say_undoable("The error is ignored.", entry, after)
            await after()

        return ignore

    open_form("Ignore this error", "Ignore", draw)


async def ask_resolve(fingerprint: str, after: After) -> None:
    """Ask in which version the error is resolved."""
    known = await access.load_for(Role.VIEWER, versions)

    def draw() -> Act:
        text("It leaves the open errors. The next failure brings it back as a regression, and alerts.", tag="p")
        with box("labelled"):
            text("In version (optional)", tag="label")
            version = ui.input(autocomplete=known).classes("field")
            version.props('outlined dense maxlength=50 aria-label="In version"')
            about = f"Workers have run {', '.join(known[:3])} lately. " if known else ""
            text(
                f"{about}With a version, only failures of workers with it, or with one that comes later, count.", "help"
            )
        text(_STAY, "help")
        reason = ReasonField()

        async def resolve() -> None:
            args = {"fingerprint": fingerprint, "version": version.value or None}
            _, entry = await access.perform_undoable("failure.resolve", None, args, reason=reason.value)
            say_undoable("The error is resolved.", entry, after)
            await after()

        return resolve

    open_form("Resolve this error", "Resolve", draw)


async def ask_assign(fingerprint: str, owner: Any, after: After) -> None:
    """Ask who takes care of the error."""
    people = {str(key): name for key, name in (await access.load_for(Role.VIEWER, owners)).items()}
    nobody = {"": "nobody"}

    def draw() -> Act:
        with box("labelled"):
            text("Owner", tag="label")
            given = str(owner) if str(owner) in people else ""
            chosen = ui.select(nobody | people, value=given, with_input=True).classes("field")
            chosen.props('outlined dense aria-label="Owner"')
            text("Everyone who looks at this error sees who takes care of it.", "help")

        async def assign() -> None:
            await access.perform("failure.assign", None, {"fingerprint": fingerprint, "owner": chosen.value or None})
            say(f"{people[chosen.value]} takes care of it." if chosen.value else "Nobody takes care of it.")
            await after()

        return assign

    open_form("Who takes care of this error?", "Save", draw)


def ask_note(fingerprint: str, after: After) -> None:
    """Ask for a note."""

    def draw() -> Act:
        with box("labelled"):
            text("Note", tag="label")
            note = ui.textarea().classes("field area")
            note.props('outlined dense rows=4 maxlength=5000 autofocus aria-label="Note"')
            text("Operators read it here. It cannot be changed later.", "help")

        async def add() -> None:
            await access.perform("failure.note", None, {"fingerprint": fingerprint, "text": note.value or ""})
            say("Noted.")
            await after()

        return add

    open_form("Note on this error", "Add note", draw)


def retry_words(number: int) -> str:
    """Return what *Retry one, then the rest* does with so many unhandled failures."""
    if number == 1:
        return "Its page shows first what would be done."
    if number == 2:
        return (
            "One job first; once it has succeeded, the other one follows by itself. If it fails, that stays as it is."
        )
    others = f"the other {number - 1:,} jobs follow by themselves"
    return f"One job first; once it has succeeded, {others}. If it fails, they stay as they are."


def _number(label: str) -> ui.number:
    with box("labelled"):
        text(label, tag="label")
        field = ui.number(precision=0, min=1).classes("field").props("outlined dense clearable")
        field.props["aria-label"] = label
    return field


def _whole(field: ui.number) -> int | None:
    return int(field.value) if field.value else None
