"""State chips: a coloured dot with a word, never colour alone."""

from markupsafe import Markup
from nicegui import ui

from core.diagnosis.situation import Situation
from core.models import DemoModeStatus
from ui import design
from ui.components.base.box import dressed
from ui.components.base.markup import lines, words


def state_chip(word: str, classes: str = "") -> ui.label:
    """Return the dot and word of a state; the dot pulses while the state is temporary."""
    return ui.label(word).classes(f"{_look(word)} {classes}")


def job_words(label: str, situation: str) -> Markup:
    """Return the dot and word of a job; a failure that other work has come after is grey, and says so."""
    is_handled = situation == Situation.HANDLED
    if not is_handled:
        return state_words(label)
    return words(f"{label}, {situation}", f"state {design.IDLE}", title="Other work has come after it.")


def state_words(word: str, shown: str = "") -> Markup:
    """Return the dot and word of a state, or another word for it, for a list of lines."""
    return words(shown or word, _look(word))


def demo_words(status: DemoModeStatus) -> Markup:
    """Return the dot and words of a user's demo mode for a list of lines."""
    return words(demo_name(status), _look(status.value))


def chip_of(*content: Markup) -> ui.element:
    """Return a button that is pressed or not, for a filter."""
    return dressed(lines([*content], "chip", "button"), props={"type": "button", "aria-pressed": "false"})


def set_pressed(chip: ui.element, pressed: bool) -> None:  # noqa: FBT001 - what it is set to
    """Show whether a filter's button is pressed."""
    value = "true" if pressed else "false"
    if chip.props["aria-pressed"] != value:
        chip.props["aria-pressed"] = value


def set_state(chip: ui.label, word: str) -> None:
    """Change the state that a chip shows."""
    if chip.text != word:
        chip.set_text(word)
        chip.classes(replace=_look(word))


def demo_name(status: DemoModeStatus) -> str:
    """Return the state of a user's demo mode in two words."""
    return {DemoModeStatus.ENABLED: "demo on", DemoModeStatus.DISABLED: "demo off"}.get(status, f"demo {status}")


def _look(word: str) -> str:
    shape = "moving" if word in design.MOVING else "hollow" if word in design.HOLLOW else ""
    return f"state {design.tone_of(word)} {shape}"
