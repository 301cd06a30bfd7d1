"""Pauses: whether something is paused, who paused it, when and why; and the button that changes it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, Protocol

from markupsafe import Markup
from nicegui import ui

from ui.components.base.command_button import CommandAction, command_button
from ui.components.base.confirm import Question
from ui.components.base.kind_words import kind_label
from ui.components.base.markup import lines, moment, tagged, words
from ui.components.base.state_chip import state_words

#: Says in a question who will read its reason.
READERS: Final = "Operators read the reason; customers do not."
_AUTHOR: Final = "muted who-paused"


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


def pause_words(row: Pausable, otherwise: str) -> Markup:
    """Return who paused it, when and why; `otherwise`: its state if it is not paused."""
    if row.paused_at is None:
        return state_words(otherwise)
    who = author_words(row.paused_by, row.paused_at, row.paused_reason)
    return tagged("div", state_words("paused"), who, classes="hbox wrap", style="gap: 2px 8px")


def draw_who_paused(row: Pausable) -> None:
    """Draw who paused it, when and why."""
    lines(_author(row.paused_by, row.paused_at, row.paused_reason), _AUTHOR)


def author_words(name: str | None, at: datetime | None, reason: str | None) -> Markup:
    """Return who has set something, when and why."""
    return tagged("div", *_author(name, at, reason), classes=_AUTHOR)


def _author(name: str | None, at: datetime | None, reason: str | None) -> list[Markup]:
    when = [moment(at)] if at else []
    return [words(f"by {name}, "), *when, words(f": {reason}" if reason else ", no reason given")]


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
