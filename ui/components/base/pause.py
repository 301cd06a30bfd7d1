"""Pauses: whether something is paused, who paused it, when and why; and the button that changes it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, Protocol

from nicegui import ui

from ui.components.base.box import box, text
from ui.components.base.command_button import CommandAction, command_button
from ui.components.base.confirm import Question
from ui.components.base.kind_words import kind_label
from ui.components.base.state_chip import state_chip
from ui.components.base.times import time_text

#: Says in a question who will read its reason.
READERS: Final = "Operators read the reason; customers do not."


class Pausable(Protocol):
    """Something that an operator can pause: a queue, a kind, a schedule."""

    @property
    def paused_at(self) -> datetime | None:
        """When it was paused; None: it is not paused."""

    @property
    def paused_by(self) -> str | None:
        """Who paused it."""

    @property
    def paused_reason(self) -> str | None:
        """The reason they gave."""


def draw_pause(row: Pausable, otherwise: str) -> None:
    """Draw who paused it, when and why; `otherwise`: its state if it is not paused."""
    if row.paused_at is None:
        state_chip(otherwise)
        return
    with box("hbox wrap").style("gap: 2px 8px"):
        state_chip("paused")
        draw_who_paused(row)


def draw_who_paused(row: Pausable) -> None:
    """Draw who paused it, when and why."""
    draw_author(row.paused_by, row.paused_at, row.paused_reason)


def draw_author(name: str | None, at: datetime | None, reason: str | None) -> None:
    """Draw who has set something, when and why."""
    with box("muted who-paused"):
        text(f"by {name}, ")
        time_text(at)
        text(f": {reason}" if reason else ", no reason given")


def pause_button(noun: str, name: str, *, paused: datetime | None, after: Callable[[], Awaitable[Any]]) -> ui.button:
    """Return the button that pauses a queue or a kind, or resumes a paused one."""
    return command_button(pause_of(noun, name, paused=paused), after)


def pause_of(noun: str, name: str, *, paused: datetime | None) -> CommandAction:
    """Return the action that pauses a queue or a kind, or resumes a paused one."""
    args = {"name": name}
    shown = kind_label(name) if noun == "kind" else name
    if paused:
        resumed = f"{shown} resumed."
        return CommandAction(command=f"{noun}.resume", label="Resume", done=resumed, args=args, icon="play_arrow")
    question = Question(
        f"Pause the {noun} {shown}?",
        [
            f"A paused {noun} starts no new jobs; running jobs finish. Waiting jobs start when it is resumed.",
            READERS,
        ],
        "Pause",
    )
    done = f"{shown} paused."
    return CommandAction(command=f"{noun}.pause", label="Pause", done=done, args=args, question=question, icon="pause")
