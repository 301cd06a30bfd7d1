"""A diagnosis on a page: the sentence, its evidence and what helps; figures change in place."""

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from markupsafe import Markup

from core import clock
from core.diagnosis.answer import Diagnosis, Remedy
from core.diagnosis.service_check import ServiceCheck, after_check
from core.job_list.addresses import jobs_with
from ui import design
from ui.components.base.box import box, keep_ticking, text
from ui.components.base.markup import anchor, moment, set_html, tagged, words
from ui.components.base.remedy import Remedies
from ui.service_checks import service_checks

#: Figures and ages: a sentence that differs only in them says nothing new to those who listen.
_FIGURES: Final = re.compile(r"just now|\d[\d,.:]*( (s|min|h|days))?( ago)?")
#: Ages that are exact: the browser goes on counting them, as a page at rest is loaded anew every 20 s only.
_SECONDS: Final = re.compile(r"\b(\d+) s ago")


class DiagnosisBox:
    """The parts of a diagnosis. It is read aloud when it says something new, not with every second."""

    def __init__(
        self,
        after: Callable[[], Awaitable[None]],
        *,
        look: str,
        without: UUID | None = None,
        recommend: Callable[[Remedy | None], None] | None = None,
    ) -> None:
        """`without`: a job whose Retry and Cancel are elsewhere on the page; `recommend` hears what is recommended."""
        self._recommend = recommend
        self._look = look
        self._announced = ""
        self._shown: tuple[str, ...] = ()
        self._diagnosis: Diagnosis | None = None
        self._admins: Sequence[str] = ()
        self._check: ServiceCheck | None = None
        self._voice = text("", "hidden-visually").props("role=status aria-live=polite")
        with box(look, "section").props('aria-label="Diagnosis"') as self._box:
            with box("because"):
                self._sentence = box("sentence", tag="p")
                self._evidence = box(tag="ul")
                # Apart from the evidence, whose figures tick: a link keeps its focus.
                self._alike = box(tag="ul")
                self._service = text("", "muted").props("translate=no")
            self._remedies = Remedies(after, without=without)
        keep_ticking(self._box, self._check_service)

    def show(self, diagnosis: Diagnosis, admins: Sequence[str] = ()) -> None:
        """Show a diagnosis, as the last look at its service leaves it."""
        if self._check and self._check.name != diagnosis.service:
            self._check = None
        self._diagnosis, self._admins = diagnosis, admins
        self._draw(after_check(diagnosis, self._check))

    def _draw(self, diagnosis: Diagnosis) -> None:
        self._box.classes(replace=f"{self._look} {design.SITUATIONS[diagnosis.situation]}")
        # Drawn anew only with other words, not with each second: a person may be marking them.
        if self._shown != (shown := (diagnosis.sentence, *diagnosis.evidence)):
            self._shown, now = shown, clock.now()
            set_html(self._sentence, ticking(diagnosis.sentence, now))
            set_html(self._evidence, *(tagged("li", ticking(fact, now)) for fact in diagnosis.evidence))
        alike = (anchor(jobs_with(each.jobs), words(each.sentence)) for each in diagnosis.alike)
        set_html(self._alike, *(tagged("li", each) for each in alike))
        self._remedies.show(diagnosis, self._admins)
        if self._recommend:
            self._recommend(diagnosis.remedy)
        news = _FIGURES.sub("#", diagnosis.sentence)
        if self._announced not in ("", news):
            self._voice.set_text(diagnosis.sentence)
        self._announced = news

    async def _check_service(self) -> None:
        """Say what the service that failed answers now; it is asked after the page was drawn, never for it."""
        name = self._diagnosis.service if self._diagnosis else ""
        check = await service_checks.now(name) if name else None
        # Meanwhile the page may have gone, or may be about something else.
        if self._box.is_deleted or self._diagnosis is None or self._diagnosis.service != name:
            return
        self._service.set_text(check.sentence if check else "")
        if check is not self._check:
            self._check = check
            self._draw(after_check(self._diagnosis, check))


def ticking(sentence: str, now: datetime) -> Markup:
    """Return a sentence in which ages in seconds go on in the browser; longer ones are rounded, and stay."""
    parts, end = [], 0
    for age in _SECONDS.finditer(sentence):
        since = (now - timedelta(seconds=int(age[1]))).replace(microsecond=0)
        parts += [words(sentence[end : age.start()]), moment(since)]
        end = age.end()
    return Markup().join([*parts, words(sentence[end:])])
