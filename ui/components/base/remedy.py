"""What helps, as buttons with their effects: the recommended one first, then what helps instead."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final
from uuid import UUID

from nicegui import ui

from core.commands.registry import COMMANDS
from core.diagnosis.answer import Diagnosis, Remedy
from core.models import Role
from ui import access
from ui.components.base.box import Part, box, path_prefix, text
from ui.components.base.button import PLAIN, PRIMARY, button
from ui.components.base.command_button import CommandAction, limit_to_role, perform_action
from ui.components.base.owner_link import owner_link
from ui.components.base.tell import tell

#: What a person reads after pressing a remedy; of the others, their answer decides.
_OUTCOMES: Final[Mapping[str, str]] = {
    "job.retry": "Retry queued.",
    "queue.resume": "Queue resumed.",
    "kind.resume": "Kind resumed.",
    "user.repair": "Repaired.",
}


def is_retry(remedy: Remedy | None) -> bool:
    """Tell whether what is recommended is Retry, beside which a message to the admins comes second."""
    return remedy is not None and remedy.command == "job.retry"


class Remedies:
    """The buttons of a diagnosis; each stays the same element while it means the same, so that no press is lost."""

    def __init__(self, after: Callable[[], Awaitable[None]], *, without: UUID | None = None) -> None:
        """`after` runs once a remedy has succeeded; Retry and Cancel of the job `without` have their buttons above."""
        self._after = after
        self._without = without
        self._offered: list[Remedy] = []
        self._recommended: Remedy | None = None
        self._message = self._owners_page = ""
        self._is_theirs = False
        self._effects: list[ui.label] = []
        self._part: Part[Sequence[str]] = Part(self._draw, "remedies")

    def show(self, diagnosis: Diagnosis, admins: Sequence[str] = ()) -> None:
        """Offer what helps now; `admins`: the names of those who can do what this person has no right to."""
        self._message = "" if access.me().may(Role.ADMIN) else diagnosis.for_admins
        # What admins can mend, they mend; ending the job early is the way out of those who cannot.
        self._is_theirs = (
            bool(diagnosis.for_admins) and diagnosis.remedy is not None and diagnosis.remedy.command == "job.cancel"
        )
        self._owners_page = diagnosis.owners_page
        self._recommended = diagnosis.remedy
        every = (each for each in (diagnosis.remedy, *diagnosis.others) if each)
        self._offered = [each for each in every if self._is_offered(each)]
        meanings = [(each.command, each.target, each.label, str(each.args)) for each in self._offered]
        key = (meanings, self._main, bool(self._message), self._owners_page, is_retry(self._recommended), tuple(admins))
        self._part.show(admins, key=key)
        for label, remedy in zip(self._effects, self._offered, strict=True):
            label.set_text(remedy.effect)

    @property
    def _main(self) -> int | None:
        """The place of the one button that is recommended; None: it is the message to the admins, or none is."""
        if not self._offered or self._offered[0] is not self._recommended or self._is_theirs:
            return None
        return 0 if not self._message or is_retry(self._recommended) else None

    def _is_offered(self, remedy: Remedy) -> bool:
        if remedy.command not in COMMANDS:
            return False
        has_button = remedy.target == self._without and remedy.command in ("job.retry", "job.cancel")
        # Others, who have no right to it, read which role it needs; here they can do something instead.
        is_for_admins = bool(self._message) and not access.me().may(COMMANDS[remedy.command].role)
        return not has_button and not is_for_admins

    def _draw(self, admins: Sequence[str]) -> None:
        self._effects = []
        if self._message:
            look = PLAIN if self._main == 0 or is_retry(self._recommended) else PRIMARY
            with box("remedy"):
                button("Tell the admins", lambda: tell(self._message, admins), look=look)
        if self._owners_page:
            with box("remedy"):
                owner_link(self._owners_page, look=PLAIN if self._offered or self._message else PRIMARY)
                text("Only the customer can do this; the link leads to the right page.")
        for place, remedy in enumerate(self._offered):
            with box("remedy"):
                self._draw_button(place, remedy)
                self._effects.append(text(remedy.effect))

    def _draw_button(self, place: int, remedy: Remedy) -> None:
        is_main = place == self._main
        look, icon = (PRIMARY, "healing") if is_main else (PLAIN, None)
        element = button(remedy.label, partial(self._press, place), look=look, icon=icon)
        if remedy.href:  # the page on which a person chooses what the command needs
            element.props["href"] = f"{path_prefix()}{remedy.href}"
        if is_main:
            element.props["data-key"] = "f"
        limit_to_role(element, remedy.command)

    async def _press(self, place: int) -> None:
        remedy = self._offered[place]
        if remedy.href:
            return
        action = CommandAction(
            command=remedy.command,
            label=remedy.label,
            done=_OUTCOMES.get(remedy.command, f"{remedy.label} requested."),
            target=remedy.target,
            args=remedy.args,
            effect=remedy.effect,
        )
        await perform_action(action, self._after)
