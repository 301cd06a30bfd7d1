"""A diagnosis on a page: the sentence, its evidence and what helps; figures change in place."""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from uuid import UUID

from core.diagnosis.answer import Diagnosis
from ui import design
from ui.components.base.box import box, text
from ui.components.base.markup import set_html, words
from ui.components.base.remedy import Remedies

#: Figures and ages: a sentence that differs only in them says nothing new to those who listen.
_FIGURES: Final = re.compile(r"just now|\d[\d,.:]*( (s|min|h|days))?( ago)?")


class DiagnosisBox:
    """The parts of a diagnosis. It is read aloud when it says something new, not with every second."""

    def __init__(self, after: Callable[[], Awaitable[None]], *, look: str, without: UUID | None = None) -> None:
        self._look = look
        self._announced = ""
        self._voice = text("", "hidden-visually").props("role=status aria-live=polite")
        with box(look, "section").props('aria-label="Diagnosis"') as self._box:
            with box("because"):
                self._sentence = text("", "sentence", tag="p")
                self._evidence = box(tag="ul")
            self._remedies = Remedies(after, without=without)

    def show(self, diagnosis: Diagnosis, admins: Sequence[str] = ()) -> None:
        """Show a diagnosis."""
        self._box.classes(replace=f"{self._look} {design.SITUATIONS[diagnosis.situation]}")
        self._sentence.set_text(diagnosis.sentence)
        set_html(self._evidence, *(words(fact, tag="li") for fact in diagnosis.evidence))
        self._remedies.show(diagnosis, admins)
        news = _FIGURES.sub("#", diagnosis.sentence)
        if self._announced not in ("", news):
            self._voice.set_text(diagnosis.sentence)
        self._announced = news
