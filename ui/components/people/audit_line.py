"""One line of the audit log: when, who and by which way, what, to whom, what changed, and why."""

from typing import Final

from core.audit.search import AuditLine, Change
from core.operations import BY_NAME
from ui.components.base.box import box, link, text
from ui.components.base.event_words import called
from ui.components.base.times import time_text

#: Letters of a value that are shown; the whole is on hover and in the export.
LONGEST: Final = 60


def draw_trail_line(line: AuditLine) -> None:
    """Draw one line as a row."""
    with box("row-line", "li").props(f'data-event="{line.id}"'):
        with box("when"):
            time_text(line.at, "clock")
            text(f"#{line.id}", "muted mono")
        with box("who"):
            text(line.who, "strong clip").tooltip(line.who)
            text(f"via {line.via}", "muted")
        with box("what"):
            text(_told(line), "strong")
            _draw_on_whom(line)
        with box("change"):
            for change in line.changes:
                _draw_change(change, line)
            if line.reason:
                text(f"“{line.reason}”", "quote")


def _told(line: AuditLine) -> str:
    words = called(line.what)
    kind = str(line.data.get("kind") or "")
    declared = BY_NAME.get(kind)
    return f"{words}: {declared.label if declared else kind}" if kind else words


def _draw_on_whom(line: AuditLine) -> None:
    with box("on muted"):
        if line.user_id and line.user_id != line.who_id:
            words = line.user_email or "somebody who is no longer there"
            link(f"/users/{line.user_id}", "clip", words).tooltip(words)
        elif name := "" if line.user_id else line.data.get("name"):
            text(str(name), "mono clip")
        if line.job_id:
            link(f"/jobs/{line.job_id}", words="job")


def _draw_change(change: Change, line: AuditLine) -> None:
    name, was, now = change
    with box("hbox wrap was-now"):
        if name:
            text(name.replace("_", " "), "muted")
        if line.was is not None:
            _draw_value(was, "old")
        if line.was is not None and line.now is not None:
            text("→", "muted").props('role=img aria-label="became"')
        if line.now is not None:
            _draw_value(now, "new")


def _draw_value(words: str | None, classes: str) -> None:
    words = words or "none"
    shown = text(words if len(words) <= LONGEST else words[:LONGEST] + "…", classes)
    if len(words) > LONGEST:
        shown.tooltip(words)
