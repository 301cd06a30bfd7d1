"""The presets as cards to choose from: a radio group for the keyboard and for screen readers."""

from functools import partial

from nicegui import ui

from core.demo.presets import Preset
from ui.components.base.box import box, text
from ui.components.demo.demo_words import preset_lines


class PresetCards:
    """A choice among the presets."""

    def __init__(self, chosen: str | None) -> None:
        self.chosen = chosen if chosen in list(Preset) else Preset.MID_TIER.value
        self._cards: dict[str, ui.element] = {}
        with box("presets").props('role=radiogroup aria-label="Presets"'):
            for preset in Preset:
                self._cards[preset.value] = _card(preset).on("click", partial(self._choose, preset.value))
                self._cards[preset.value].on("keydown.right.prevent", partial(self._step, 1))
                self._cards[preset.value].on("keydown.down.prevent", partial(self._step, 1))
                self._cards[preset.value].on("keydown.left.prevent", partial(self._step, -1))
                self._cards[preset.value].on("keydown.up.prevent", partial(self._step, -1))
        self._mark()

    def _choose(self, value: str) -> None:
        self.chosen = value
        self._mark()

    def _step(self, by: int) -> None:
        values = list(self._cards)
        self._choose(values[(values.index(self.chosen) + by) % len(values)])
        ui.run_javascript(f"getHtmlElement({self._cards[self.chosen].id}).focus()")

    def _mark(self) -> None:
        for value, card in self._cards.items():
            card.props["aria-checked"] = "true" if value == self.chosen else "false"
            card.props["tabindex"] = 0 if value == self.chosen else -1
            card.update()


def _card(preset: Preset) -> ui.element:
    with box("preset", "button").props("role=radio type=button") as card:
        box("tick", "span").props("aria-hidden=true")
        for line, look in zip(preset_lines(preset), ("name", "about", "size"), strict=False):
            text(line, look)
    return card
