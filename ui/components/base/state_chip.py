"""State chips: a coloured dot with a word, never colour alone."""

from markupsafe import Markup
from nicegui import ui

from core.models import DemoModeStatus
from ui import design
from ui.components.base.markup import words


def state_chip(word: str, classes: str = "") -> ui.label:
    """Return the dot and word of a state; the dot pulses while the state is temporary."""
    return ui.label(word).classes(f"{_look(word)} {classes}")


def demo_chip(status: DemoModeStatus) -> ui.label:
    """Return the chip of a user's demo mode; "demo off", since a bare "disabled" reads like a locked account."""
    chip = state_chip(status.value)
    chip.set_text(_demo_words(status))
    return chip


def state_words(word: str, shown: str = "") -> Markup:
    """Return the dot and word of a state, or another word for it, for a list of lines."""
    return words(shown or word, _look(word))


def demo_words(status: DemoModeStatus) -> Markup:
    """Return the dot and words of a user's demo mode for a list of lines."""
    return words(_demo_words(status), _look(status.value))


def set_state(chip: ui.label, word: str) -> None:
    """Change the state that a chip shows."""
    if chip.text != word:
        chip.set_text(word)
        chip.classes(replace=_look(word))


def _demo_words(status: DemoModeStatus) -> str:
    return {DemoModeStatus.ENABLED: "demo on", DemoModeStatus.DISABLED: "demo off"}.get(status, f"demo {status}")


def _look(word: str) -> str:
    shape = "moving" if word in design.MOVING else "hollow" if word in design.HOLLOW else ""
    return f"state {design.tone_of(word)} {shape}"
