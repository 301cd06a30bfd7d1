"""Failures by their cause: the jobs that failed with the same error as one line, the most open ones first."""

from typing import Final
from urllib.parse import urlencode

from markupsafe import Markup

from core.errors import Invalid
from core.failures.groups import WINDOWS, FailureGroup, FailureList, Shelf, groups_of_hours
from core.models import Role
from core.wording import counted
from ui import access
from ui.components.base.box import Part, box, keep_roughly_fresh, link, text
from ui.components.base.empty import empty
from ui.components.base.markup import anchor, lines, moment, tagged, words
from ui.components.base.state_chip import state_words

#: Seconds between two refreshes while things change.
REFRESH_SECONDS: Final = 3.0
#: The windows in words, as people choose them.
WINDOW_WORDS: Final = dict(zip(WINDOWS, ("24 hours", "7 days", "30 days"), strict=True))


async def draw(hours: str = "") -> None:
    """Draw the failures of the last hours, and keep them fresh."""
    page = FailuresPage(hours_of(hours))
    await page.refresh()
    keep_roughly_fresh(page.screen, page.refresh, seconds=REFRESH_SECONDS)


def hours_of(text_of_url: str) -> int:
    """Return the window that an address names. Raises Invalid for another one."""
    if not text_of_url:
        return WINDOWS[0]
    for hours in WINDOWS:
        if text_of_url == str(hours):
            return hours
    raise Invalid("Unknown time in the URL.", {"hours": f"Use one of {', '.join(map(str, WINDOWS))}."})


def address_of(fingerprint: str, hours: int) -> str:
    """Return the address of one group in this window."""
    return f"/failures/{fingerprint}" + (f"?{urlencode({'hours': hours})}" if hours != WINDOWS[0] else "")


def draw_windows(hours: int, address: str) -> None:
    """Draw links to the same page with other windows."""
    with box("hbox").props('role=group aria-label="Time"'):
        for each, label in WINDOW_WORDS.items():
            chosen = link(f"{address}?hours={each}", f"chip{' on' if each == hours else ''}", label)
            if each == hours:
                chosen.props["aria-current"] = "true"


class FailuresPage:
    """The groups of one window."""

    def __init__(self, hours: int) -> None:
        self._hours = hours
        with box("screen padded") as self.screen:
            with box("headline"):
                text("Failures", tag="h1")
                text("Failed jobs, grouped by error.", "muted")
                box("grow")
                draw_windows(hours, "/failures")
            with box("panel", "section").props("aria-label=Failures"):
                self._groups: Part[list[FailureGroup]] = Part(self._draw)

    async def refresh(self) -> None:
        """Load the groups again and show what changed."""
        groups = (await access.load_for(Role.VIEWER, groups_of_hours, self._hours)).on(Shelf.OPEN)
        if not self.screen.is_deleted:
            self._groups.show(groups, key=tuple(groups))

    def _draw(self, groups: list[FailureGroup]) -> None:
        if not groups:
            empty("sentiment_satisfied", "No failures", f"No job has failed in the last {WINDOW_WORDS[self._hours]}.")
            return
        lines([_line(group, self._hours) for group in groups], "rows groups")


def _line(group: FailureGroup, hours: int) -> Markup:
    state = state_words("failed", f"{group.open:,} open") if group.open else state_words("handled", "dealt with")
    about = f"{', '.join(group.kinds)} · {counted(group.count, 'failure')} · {counted(group.users, 'user')}"
    return anchor(
        address_of(group.fingerprint, hours),
        state,
        tagged(
            "div",
            words(group.message or "Without a message", "clip", "div"),
            words(about, "muted clip", "div"),
            classes="grow",
        ),
        moment(group.last_seen, classes="muted"),
    )
