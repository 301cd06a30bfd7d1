"""The outbox: messages to people and programs, why each waits or failed, previews, resend and drop."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from nicegui import ui
from sqlmodel import Session

from core.errors import Invalid
from core.messages import listing
from core.messages.channels import CHANNELS, preview
from core.messages.listing import COUNTED, OutboxFilter, OutboxLine, OutboxResults, WayOut
from core.models import NotificationStatus, Role
from core.wording import cited
from ui import access
from ui.components.base.box import Part, box, keep_ticking, link, text
from ui.components.base.empty import empty
from ui.components.base.markup import set_html, words
from ui.components.base.state_chip import chip_of, set_pressed, state_words
from ui.components.base.times import time_text
from ui.components.people.outbox_line import draw_outbox_line, show_preview
from ui.console_pages import note_address

#: Messages per page.
LINES: Final = 50
#: Seconds between two refreshes: a message changes with no user's or job's row.
REFRESH_SECONDS: Final = 3.0

_Loaded = tuple[OutboxResults, Mapping[NotificationStatus | None, int], list[WayOut]]


async def draw(status: str = "", user: str = "", channel: str = "", after: str = "") -> None:
    """Draw the outbox with the filter in the URL."""
    await OutboxPage(OutboxFilter(_status(status), _user(user), _channel(channel)), after or None).begin()


class OutboxPage:
    """What holds messages up, chips for each status, the messages, and links to older ones."""

    def __init__(self, chosen: OutboxFilter, after: str | None) -> None:
        self._chosen, self._after = chosen, after
        with box("screen padded outbox") as self.screen:
            with box("headline"):
                text("Outbox", tag="h1")
                text("Messages to people and programs. A message leaves only once what it tells is saved.", "muted")
            self._ways: Part[list[WayOut]] = Part(_draw_ways)
            with box("toolbar states").props('role=group aria-label="Status"'):
                self._chips = {each: self._chip(each) for each in NotificationStatus}
                box("grow")
                self._channels = {each: self._channel_chip(each) for each in CHANNELS}
            with box("panel", "section").props("aria-label=Messages"):
                self._lines: Part[OutboxResults] = Part(self._draw_lines)

    async def begin(self) -> None:
        """Show the messages and keep them fresh."""
        await self.refresh()
        keep_ticking(self.screen, self.refresh, seconds=REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Load the messages again and show what changed."""
        asked = (self._chosen, self._after)
        page, counts, ways = await access.load_for(Role.SUPPORT, _read, *asked)
        if self.screen.is_deleted or asked != (self._chosen, self._after):
            return
        self._ways.show(ways, key=tuple(ways))
        for status, chip in self._chips.items():
            number = counts[status]
            shown = f"{COUNTED:,}+" if number > COUNTED else f"{number:,}"
            set_html(chip, state_words(status.value), words(shown, "n"))
            set_pressed(chip, status is self._chosen.status)
        for channel, chip in self._channels.items():
            set_pressed(chip, channel == self._chosen.channel)
        self._lines.show(page, key=(asked, tuple(page.lines), page.next))

    def _chip(self, status: NotificationStatus) -> ui.element:
        return chip_of(state_words(status.value), words("–", "n")).on("click", partial(self._toggle, status))

    def _channel_chip(self, channel: str) -> ui.element:
        return chip_of(words(channel)).on("click", partial(self._toggle_channel, channel))

    async def _toggle(self, status: NotificationStatus) -> None:
        await self._choose(replace(self._chosen, status=None if status is self._chosen.status else status))

    async def _toggle_channel(self, channel: str) -> None:
        await self._choose(replace(self._chosen, channel=None if channel == self._chosen.channel else channel))

    async def _choose(self, chosen: OutboxFilter) -> None:
        self._chosen, self._after = chosen, None
        note_address(_address(self._chosen))
        await self.refresh()

    def _draw_lines(self, page: OutboxResults) -> None:
        if self._chosen.user_id:
            with box("title"):
                text("To one user", tag="h2")
                link(_address(replace(self._chosen, user_id=None)), label="Show all")
        if not page.lines:
            _draw_empty(self._chosen)
        with box("rows outbox", "ol"):
            for line in page.lines:
                draw_outbox_line(line, self._preview, self.refresh)
        if self._after or page.next:
            with box("pager"):
                if self._after:
                    link(_address(self._chosen), label="Back to the newest")
                box("grow")
                if page.next:
                    link(_address(self._chosen, after=page.next), label="Older messages")

    async def _preview(self, line: OutboxLine) -> None:
        _, row = await access.load_for(Role.SUPPORT, listing.find_message, line.id)
        show_preview(line, preview(row))


def _read(session: Session, chosen: OutboxFilter, after: str | None) -> _Loaded:
    each = (replace(chosen, status=status) for status in NotificationStatus)
    counts = {one.status: listing.count_messages(session, one) for one in each}
    return listing.find_messages(session, chosen, limit=LINES, after=after), counts, listing.ways_out(session)


def _draw_ways(ways: list[WayOut]) -> None:
    for way in ways:
        with box("way tone-warn" if way.problem else "way tone-ok").props("role=status"):
            text(way.problem or f"Way out for {way.channel}: {way.way}.", "words")
            if way.accepted_at and not way.problem:
                text(" Last message taken ", "muted")
                time_text(way.accepted_at, "ago", "muted")


def _draw_empty(chosen: OutboxFilter) -> None:
    if chosen == OutboxFilter():
        empty("mail_outline", "No messages yet", "Messages appear here.")
    else:
        empty("search_off", "No matching messages", "Remove the filter to see all.")


def _address(chosen: OutboxFilter, **more: Any) -> str:
    parameters = {"status": chosen.status, "user": chosen.user_id, "channel": chosen.channel, **more}
    query = urlencode({name: str(value) for name, value in parameters.items() if value})
    return f"/outbox?{query}" if query else "/outbox"


def _status(name: str) -> NotificationStatus | None:
    if not name:
        return None
    if name not in set(NotificationStatus):
        raise Invalid(f"Unknown status in the URL: {cited(name)}.", {"status": f"Use {', '.join(NotificationStatus)}."})
    return NotificationStatus(name)


def _channel(name: str) -> str | None:
    if name and name not in CHANNELS:
        raise Invalid(f"Unknown channel in the URL: {cited(name)}.", {"channel": f"Use {', '.join(CHANNELS)}."})
    return name or None


def _user(text_of_id: str) -> UUID | None:
    try:
        return UUID(text_of_id) if text_of_id else None
    except ValueError:
        raise Invalid(f"Unknown user in the URL: {cited(text_of_id)}.", {"user": "Use the id of a user."}) from None
