"""One message of the outbox as a row: state, reader, what it is about, why it waits, and what can be done with it."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from core.messages.listing import OutboxLine
from core.messages.writing import Written
from core.models import NotificationStatus
from ui.components.base.box import box, link, text
from ui.components.base.button import PLAIN, button
from ui.components.base.command_button import CommandAction, command_button
from ui.components.base.confirm import Question
from ui.components.base.state_chip import state_chip
from ui.components.base.times import time_text

#: Shows a message as its reader gets it.
Preview = Callable[[OutboxLine], Awaitable[None]]


def draw_outbox_line(line: OutboxLine, preview: Preview, after: Callable[[], Awaitable[None]]) -> None:
    """Draw one message; `after` runs when something was done with it."""
    with box("row-line", "li").props(f'data-message="{line.id}"'):
        with box("state-of"):
            state_chip(line.status.value)
            time_text(line.sent_at or line.finished_at or line.created_at, "clock", "muted")
        with box("to"):
            _draw_reader(line)
        with box("about"):
            text(line.about, "strong")
            if line.job_id:
                link(f"/jobs/{line.job_id}", label="job")
            if line.written_by:
                text(f"by {line.written_by}", "muted clip")
        with box("why"):
            text(f"{line.why} {line.no_resend}".strip(), "muted")
        with box("hbox wrap buttons"):
            _draw_buttons(line, preview, after)


def _draw_reader(line: OutboxLine) -> None:
    reader = line.address or "deleted user"
    if line.user_id:
        link(f"/users/{line.user_id}", "clip", reader).tooltip(reader)
    else:
        text(reader, "clip")


def _draw_buttons(line: OutboxLine, preview: Preview, after: Callable[[], Awaitable[None]]) -> None:
    look = button("Preview", lambda: preview(line), look=PLAIN)
    look.props["aria-label"] = f"Preview: {line.about}"
    if not line.no_resend:
        command_button(_resend(line), after)
    if line.status in (NotificationStatus.WAITING, NotificationStatus.FAILED):
        command_button(_drop(line), after)


def _resend(line: OutboxLine) -> CommandAction:
    is_sent = line.status is NotificationStatus.SENT
    question = Question("Send it once more?", ["The reader gets this message a second time."], "Resend")
    return CommandAction(
        command="message.resend",
        label="Resend",
        done="The message is due now.",
        target=line.id,
        question=question if is_sent else None,
    )


def _drop(line: OutboxLine) -> CommandAction:
    effect = "It is never sent, unless someone presses Resend."
    question = Question("Drop this message?", [effect], "Drop", takes_away=True)
    return CommandAction(
        command="message.drop", label="Drop", done="The message was dropped.", target=line.id, question=question
    )


def show_preview(line: OutboxLine, written: Written | None) -> None:
    """Open a dialog with a message as its reader gets it: its HTML in a frame that loads and runs nothing."""
    with ui.dialog().props("transition-show=none transition-hide=none") as dialog, ui.card().classes("dialog preview"):
        dialog.props["aria-label"] = "Preview of the message"
        text(written.subject if written else line.about, tag="h2").style("font-size: 15px")
        with box("muted"):
            text(f"To {line.address or 'a deleted user'} · ")
            text(line.message_id, "mono")
        if written is None:
            text("This release cannot write this message; the release that wrote it can.", "wrong", tag="p")
        elif not written.html:
            text(written.text, "mono plain-text", tag="pre")
        else:
            frame = box("mail", "iframe")
            frame.props.update({"sandbox": "", "srcdoc": written.html, "title": "The message as HTML"})
            with box(tag="details"):
                text("As text", tag="summary")
                text(written.text, "mono plain-text", tag="pre")
        with box("actions"):
            button("Close", dialog.close)
    dialog.on("hide", dialog.delete)
    dialog.open()
