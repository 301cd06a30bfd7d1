"""One line of the audit log: time, person, action, affected user, changes and reason."""

import re
from collections.abc import Awaitable, Callable
from typing import Final

from core.audit.search import AuditLine, Change
from core.audit.undoing import Inverse
from core.commands.registry import COMMANDS
from core.models.bulk import noun_of
from core.operations import BY_NAME
from core.wording import counted
from ui.components.base.box import box, link, text
from ui.components.base.command_button import CommandAction, command_button, limit_to_role
from ui.components.base.confirm import Question
from ui.components.base.event_words import event_title
from ui.components.base.times import time_text

#: Characters shown of a value; the whole value is in the tooltip and in the export.
LONGEST: Final = 60
#: A moment as events keep it; people see it in their own zone.
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)")


def draw_audit_line(line: AuditLine, undo: Inverse | None, after: Callable[[], Awaitable[None]]) -> None:
    """Draw one line as a row, with the button that takes it back; `after` runs once it has."""
    with box("row-line", "li").props(f'data-event="{line.id}"'):
        with box("when"):
            time_text(line.at, "clock")
            text(f"#{line.id}", "muted mono")
        with box("who"):
            text(line.who, "strong clip").tooltip(line.who)
            text(f"via {line.via}", "muted")
        with box("what"):
            text(_action_of(line), "strong")
            _draw_affected(line)
        with box("change"):
            for change in line.changes:
                _draw_change(change, line)
            if line.reason:
                text(f"“{line.reason}”", "quote")
            if undo:
                _draw_undo(line, undo, after)


def _draw_undo(line: AuditLine, inverse: Inverse, after: Callable[[], Awaitable[None]]) -> None:
    command, entry = COMMANDS[inverse.command], f"#{line.id}"
    question = Question(
        f"Undo {entry}?", _undone(line, command.label), "Undo", asks_reason=True, needs_reason=command.needs_reason
    )
    act = CommandAction(
        command="event.undo", label="Undo…", done=f"{entry} is taken back.", args={"event": line.id}, question=question
    )
    button = command_button(act, after)
    button.props["aria-label"] = f"Undo {entry}: {_action_of(line)}"
    limit_to_role(button, inverse.command)


def _undone(line: AuditLine, label: str) -> list[str]:
    about = line.user_email or line.data.get("name") or ""
    reason = f": “{line.reason}”" if line.reason else ""
    return [
        f"{_action_of(line)} {about}".rstrip() + f", by {line.who}{reason}",
        f"What takes it back: {label} {about}".rstrip() + ".",
    ]


def _action_of(line: AuditLine) -> str:
    title = event_title(line.what)
    kind = str(line.data.get("kind") or "")
    declared = BY_NAME.get(kind)
    return f"{title}: {declared.label if declared else kind}" if kind else title


def _draw_affected(line: AuditLine) -> None:
    with box("on muted"):
        if line.user_id and line.user_id != line.who_id:
            email = line.user_email or "deleted user"
            link(f"/users/{line.user_id}", "clip", email).tooltip(email)
        elif name := "" if line.user_id else line.data.get("name"):
            text(str(name), "mono clip")
        if line.job_id:
            link(f"/jobs/{line.job_id}", label="job")
        if bulk := line.data.get("bulk"):
            command, number = str(line.data.get("command") or ""), line.data.get("rows")
            those = f", {counted(number, noun_of(command))}" if isinstance(number, int) else ""
            link(f"/bulk/{bulk}", label=f"{command or 'bulk action'}{those}")


def _draw_change(change: Change, line: AuditLine) -> None:
    name, before, after = change
    with box("hbox wrap was-now"):
        if name:
            text(name.replace("_", " "), "muted")
        if line.was is not None:
            _draw_value(before, "old")
        if line.was is not None and line.now is not None:
            text("→", "muted").props('role=img aria-label="changed to"')
        if line.now is not None:
            _draw_value(after, "new")


def _draw_value(value: str | None, classes: str) -> None:
    value = value or "none"
    if _MOMENT.fullmatch(value):
        time_text(value, "clock", classes)
        return
    label = text(value if len(value) <= LONGEST else value[:LONGEST] + "…", classes)
    if len(value) > LONGEST:
        label.tooltip(value)
