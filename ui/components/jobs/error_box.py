"""The state of an error and what can be done about it, each act with its effect in words; its owner and the notes."""

from collections.abc import Awaitable, Callable
from typing import Final

from core import clock
from core.diagnosis.error_state import ErrorState
from core.failures.decision import Decision, Note, sentence_of
from core.failures.one_group import FailureDetail
from core.models import Role
from core.wording import counted
from ui import access
from ui.components.base.box import box, text
from ui.components.base.button import Pressed, button
from ui.components.base.command_button import CommandAction, limit_to_role, perform_action
from ui.components.base.empty import empty
from ui.components.base.markup import title
from ui.components.base.state_chip import state_chip
from ui.components.base.times import time_text
from ui.components.jobs.error_dialogs import ask_assign, ask_ignore, ask_note, ask_resolve

After = Callable[[], Awaitable[None]]
_IGNORE: Final = "No alert, and not among the open errors, until a time, a number or a rate that you choose."
_RESOLVE: Final = "It leaves the open errors. The next failure brings it back as a regression."
_REOPEN: Final = "It is among the open errors again, and alerts."


def draw_state(found: FailureDetail, after: After) -> None:
    """Draw the state of the error, and the buttons that change it."""
    decision, fingerprint = found.decision, found.group.fingerprint
    with box("title"):
        text("State", tag="h2")
        _draw_chip(found)
    with box("body vbox"):
        text(sentence_of(decision, clock.now()))
        if decision.reason:
            text(f"“{decision.reason}”", "quote")
        with box("acts"):
            if decision.state is not ErrorState.RESOLVED:
                _act("Resolve …", _RESOLVE, "failure.resolve", lambda: ask_resolve(fingerprint, after))
            if decision.state is not ErrorState.RESOLVED:
                again = "Change …" if decision.state is ErrorState.IGNORED else "Ignore …"
                _act(again, _IGNORE, "failure.ignore", lambda: ask_ignore(fingerprint, after))
            if decision.state is not ErrorState.OPEN:
                _act("Reopen", _REOPEN, "failure.reopen", lambda: _reopen(fingerprint, after))
        _draw_owner(decision, fingerprint, after)


def _draw_chip(found: FailureDetail) -> None:
    """Draw the state; of an open error of which nothing is left to do, that it is handled, as the lists say."""
    state = found.decision.state
    if state is not ErrorState.OPEN:
        state_chip(state.value)
    elif found.unhandled or found.looked_back_to:
        state_chip("failed").set_text(state)
    else:
        state_chip("handled").tooltip("Each of its failures is handled. Another one makes it open again.")


def draw_notes(found: FailureDetail, after: After) -> None:
    """Draw the notes on the error, the newest first."""
    title("Notes", counted(len(found.notes), "note") if found.notes else "")
    if not found.notes:
        empty("mail_outline", "No notes", "What was found out about this error, for the next one who looks.")
    for note in found.notes:
        _draw_note(note)
    with box("body hbox"):
        add = button("Add note …", lambda: ask_note(found.group.fingerprint, after))
        limit_to_role(add, "failure.note")


def _act(label: str, effect: str, command: str, pressed: Pressed) -> None:
    with box("act"):
        limit_to_role(button(label, pressed), command)
        text(effect, "muted")


async def _reopen(fingerprint: str, after: After) -> None:
    args = {"fingerprint": fingerprint}
    await perform_action(
        CommandAction(command="failure.reopen", label="Reopen", done="The error is open.", args=args), after
    )


def _draw_owner(decision: Decision, fingerprint: str, after: After) -> None:
    me = access.me()

    async def take() -> None:
        await access.perform("failure.assign", None, {"fingerprint": fingerprint, "owner": str(me.id)})
        await after()

    with box("hbox wrap owner"):
        text("Owner", "muted")
        text(decision.owner or "nobody", "strong" if decision.owner else "")
        box("grow")
        if me.may(Role.SUPPORT) and me.id is not None and decision.owner_id != me.id:
            button("I take care of it", take)
        limit_to_role(button("Assign …", lambda: ask_assign(fingerprint, decision.owner_id, after)), "failure.assign")


def _draw_note(note: Note) -> None:
    with box("body note"):
        with box("hbox muted"):
            text(note.author, "strong")
            time_text(note.at)
        text(note.text, "lines", tag="p")
