"""Whether something is paused, by whom, since when and why; and the button that changes it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Protocol

from nicegui import ui

from ui.components.base.box import box, text
from ui.components.base.command_button import CommandAction, command_button
from ui.components.base.confirm import Question
from ui.components.base.state_chip import state_chip
from ui.components.base.times import time_text


class Pausable(Protocol):
    """What somebody can have paused: a queue, a kind, a schedule."""

    @property
    def paused_at(self) -> datetime | None:
        """Since when; None: it is not paused."""

    @property
    def paused_by(self) -> str | None:
        """By whom."""

    @property
    def paused_reason(self) -> str | None:
        """Why."""


def draw_pause(row: Pausable) -> None:
    """Draw whether it is paused, and if so the whole story."""
    if row.paused_at is None:
        state_chip("active")
        return
    with box("hbox wrap").style("gap: 2px 8px"):
        state_chip("paused")
        draw_who_paused(row)


def draw_who_paused(row: Pausable) -> None:
    """Draw by whom it was paused, when and why."""
    with box("muted who-paused"):
        text(f"by {row.paused_by}, ")
        time_text(row.paused_at)
        text(f": {row.paused_reason}" if row.paused_reason else ", no reason given")


def pause_button(what: str, name: str, *, paused: datetime | None, after: Callable[[], Awaitable[Any]]) -> ui.button:
    """Return the button that pauses a queue or a kind, or resumes a paused one."""
    return command_button(pause_of(what, name, paused=paused), after)


def pause_of(what: str, name: str, *, paused: datetime | None) -> CommandAction:
    """Return what pauses a queue or a kind, or resumes a paused one."""
    args = {"name": name}
    if paused:
        resumed = f"{name} goes on."
        return CommandAction(command=f"{what}.resume", words="Resume", done=resumed, args=args, icon="play_arrow")
    question = Question(
        f"Pause the {what} {name}?",
        ["No more of its jobs start until somebody resumes it. Those that run go on; new ones wait, none is lost."],
        "Pause",
    )
    done = f"{name} is paused."
    return CommandAction(command=f"{what}.pause", words="Pause", done=done, args=args, question=question, icon="pause")
