"""Telling the users whom an error has hit: whom, the text, who gets it and who does not, and how it reads to each."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from nicegui import ui
from sqlmodel import Session

from core.failures.telling import (
    MOST,
    NAME,
    SUGGESTED,
    Addressee,
    TellForm,
    TellOutcome,
    Whom,
    addressees,
    summary_in,
    summary_of,
    written_for,
)
from core.messages.control import writer_of
from core.messages.email_channel import EMAIL
from core.messages.listing import why_waiting
from core.models import NotificationStatus, Role
from ui import access, design
from ui.components.base.box import Part, box, text
from ui.components.base.button import say
from ui.components.base.open_form import Act, open_form

#: Users by whom the preview is chosen, and who is named as left out, at most.
PREVIEWED, LEFT_OUT = 100, 10
_WORDS: Final[Mapping[Whom, str]] = {
    Whom.OPEN: "whose failure is unhandled",
    Whom.RECOVERED: "who have recovered",
    Whom.ALL: "all of them",
}
_WHY: Final[Mapping[TellOutcome, str]] = {
    TellOutcome.UNWANTED: "wants no such messages",
    TellOutcome.UNREACHABLE: "has no valid address",
}
#: Of one who was written to within a day: what has become of the message.
_BECAME: Final[Mapping[NotificationStatus | None, str]] = {
    NotificationStatus.WAITING: "was written to; the message waits to be sent",
    NotificationStatus.SENT: "was told so within a day",
    NotificationStatus.FAILED: "was written to within a day, but sending failed",
    NotificationStatus.DROPPED: "was written to within a day, but the message was dropped",
}


async def ask_to_tell(fingerprint: str, hours: int, after: Callable[[], Awaitable[None]]) -> None:
    """Open the dialog, with those who are hit now."""
    me = access.me().id
    hit, signed, why = await access.load_for(Role.SUPPORT, _read, fingerprint, hours, me)
    letter = _Letter(fingerprint, hours, hit, signed, why, after)
    letter.offer(open_form("Tell the users hit", "Send", letter.draw))


def _read(session: Session, fingerprint: str, hours: int, me: Any) -> tuple[list[Addressee], str, str]:
    signed = writer_of(session, me) if me else "Somebody"
    return addressees(session, fingerprint, hours, Whom.ALL), signed, why_waiting(session, EMAIL.name)


class _Letter:
    """The fields of the dialog; who it is for and how it reads follow them."""

    def __init__(
        self,
        fingerprint: str,
        hours: int,
        hit: Sequence[Addressee],
        signed: str,
        why: str,
        after: Callable[[], Awaitable[None]],
    ) -> None:
        self._fingerprint, self._hours, self._hit = fingerprint, hours, hit
        self._signed, self._why, self._after = signed, why, after

    def draw(self) -> Act:
        whom = Whom.OPEN if self._of(Whom.OPEN) or not self._hit else Whom.RECOVERED
        choices = {each.value: f"{len(self._of(each)):,} {_WORDS[each]}" for each in Whom}
        title, body = SUGGESTED[whom]
        with box("labelled"):
            text("Whom", tag="label")
            self._whom = ui.select(choices, value=whom.value, on_change=self._on_whom).classes("field")
            self._whom.props('outlined dense aria-label="Whom"')
        with box("labelled"):
            text("Subject", tag="label")
            self._title = ui.input(value=title, on_change=self._show).classes("field")
            self._title.props(f'outlined dense maxlength={_longest("title")} aria-label="Subject"')
        with box("labelled"):
            text("Text", tag="label")
            self._text = ui.textarea(value=body, on_change=self._show).classes("field area")
            self._text.props(f'outlined dense rows=6 debounce=300 maxlength={_longest("text")} aria-label="Text"')
            text(f"{NAME} stands for each user's name. By e-mail, one message each.", "help")
        self._who: Part[Sequence[Addressee]] = Part(_draw_who)
        self._reader = ui.select({}, on_change=self._show).classes("field")
        self._reader.props('outlined dense options-dense aria-label="Preview for"')
        self._seen = text("", "code letter", tag="pre").props("tabindex=0")
        if self._why:
            with box(f"way {design.WARN}").props("role=status"):
                text(self._why, "words")
        self._on_whom(None)
        return self._send

    def offer(self, send: ui.button) -> None:
        """Offer to send while there is somebody to write to."""
        send.bind_visibility_from(self._reader)

    def _of(self, whom: Whom) -> list[Addressee]:
        is_of = {Whom.OPEN: lambda each: each.is_open, Whom.RECOVERED: lambda each: each.is_recovered}
        return [each for each in self._hit if whom is Whom.ALL or is_of[whom](each)]

    def _on_whom(self, _: object) -> None:
        """Show who gets it; a text that is a suggestion becomes the one for them."""
        whom = Whom(self._whom.value)
        if (self._title.value, self._text.value) in SUGGESTED.values():
            self._title.value, self._text.value = SUGGESTED[whom]
        chosen = self._of(whom)
        self._who.show(chosen, key=whom)
        told = [each for each in chosen if each.outcome is TellOutcome.TOLD][:PREVIEWED]
        readers = {str(each.user_id): f"Preview for {each.email}" for each in told}
        self._reader.set_options(readers, value=next(iter(readers), None))
        self._reader.set_visibility(bool(readers))
        self._show(None)

    def _show(self, _: object) -> None:
        """Show the message as its chosen reader gets it."""
        reader = next((each for each in self._hit if str(each.user_id) == self._reader.value), None)
        self._seen.set_visibility(reader is not None)
        if reader is not None:
            seen = written_for(self._title.value or "", self._text.value or "", reader, self._signed)
            self._seen.set_text(f"{seen.subject}\n\n{seen.text}")

    async def _send(self) -> None:
        args = {"hours": self._hours, "whom": self._whom.value}
        args |= {"title": self._title.value or "", "text": self._text.value or ""}
        answer = await access.perform("failure.tell", None, {"fingerprint": self._fingerprint, **args})
        counts = {each: answer[each] for each in TellOutcome}
        waits = f" {self._why}" if self._why and answer[TellOutcome.TOLD] else ""
        say(f"{summary_in(counts)}. The outbox has what was written.{waits}")
        await self._after()


def _draw_who(chosen: Sequence[Addressee]) -> None:
    text(summary_of(chosen) + ("" if len(chosen) < MOST else f"; the first {MOST:,}, press again for more"), "strong")
    left = [each for each in chosen if each.outcome is not TellOutcome.TOLD]
    for each in left[:LEFT_OUT]:
        text(f"{each.email} {_WHY.get(each.outcome) or _BECAME[each.message]}.", "muted", tag="div")
    if len(left) > LEFT_OUT:
        text(f"And {len(left) - LEFT_OUT:,} more.", "muted", tag="div")


def _longest(name: str) -> int:
    limits = (getattr(each, "max_length", None) for each in TellForm.model_fields[name].metadata)
    return next(limit for limit in limits if isinstance(limit, int))
