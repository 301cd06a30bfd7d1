"""A state: a coloured dot and its word, never colour alone."""

from nicegui import ui

from ui import design


def state_chip(word: str, classes: str = "") -> ui.label:
    """Return the dot and word of a state; the dot breathes while the state will pass."""
    shape = "moving" if word in design.MOVING else "hollow" if word in design.HOLLOW else ""
    return ui.label(word).classes(f"state {design.tone_of(word)} {shape} {classes}")
