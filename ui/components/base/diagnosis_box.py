"""A diagnosis on a page: the sentence, its evidence and what helps; figures change in place."""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from uuid import UUID

from core.diagnosis.answer import Diagnosis
from ui import design
from ui.components.base.box import box, keep_ticking, text
from ui.components.base.markup import anchor, set_html, tagged, words
from ui.components.base.remedy import Remedies
from ui.service_checks import service_checks

#: Figures and ages: a sentence that differs only in them says nothing new to those who listen.
_FIGURES: Final = re.compile(r"just now|\d[\d,.:]*( (s|min|h|days))?( ago)?")


class DiagnosisBox:
    """The parts of a diagnosis. It is read aloud when it says something new, not with every second."""

    def __init__(self, after: Callable[[], Awaitable[None]], *, look: str, without: UUID | None = None) -> None:
        self._look = look
        self._announced = ""
        self._asks_for = ""
        self._voice = text("", "hidden-visually").props("role=status aria-live=polite")
        with box(look, "section").props('aria-label="Diagnosis"') as self._box:
            with box("because"):
                self._sentence = text("", "sentence", tag="p")
                self._evidence = box(tag="ul")
                # Apart from the evidence, whose figures tick: a link keeps its focus.
                self._alike = box(tag="ul")
                self._service = text("", "muted").props("translate=no")
            self._remedies = Remedies(after, without=without)
        keep_ticking(self._box, self._check_service)

    def show(self, diagnosis: Diagnosis, admins: Sequence[str] = ()) -> None:
        """Show a diagnosis."""
        self._box.classes(replace=f"{self._look} {design.SITUATIONS[diagnosis.situation]}")
        self._sentence.set_text(diagnosis.sentence)
        set_html(self._evidence, *(words(fact, tag="li") for fact in diagnosis.evidence))
        set_html(self._alike, *(tagged("li", anchor(each.href, words(each.sentence))) for each in diagnosis.alike))
        self._asks_for = diagnosis.service
        self._remedies.show(diagnosis, admins)
        news = _FIGURES.sub("#", diagnosis.sentence)
        if self._announced not in ("", news):
            self._voice.set_text(diagnosis.sentence)
        self._announced = news

    async def _check_service(self) -> None:
        """Say what the service that failed answers now; it is asked after the page was drawn, never for it."""
        check = await service_checks.now(self._asks_for) if self._asks_for else None
        if not self._box.is_deleted:
            self._service.set_text(check.sentence if check else "")
