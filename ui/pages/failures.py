"""Failures by their cause: jobs that failed with the same error as one line, what is back and most unhandled first."""

from typing import Final
from urllib.parse import urlencode

from markupsafe import Markup

from core.diagnosis.error_state import ErrorState
from core.errors import Invalid
from core.failures.groups import WINDOWS, FailureGroup, FailureList, Shelf, groups_of_hours
from core.models import Role
from core.wording import counted
from ui import access
from ui.components.base.box import Part, box, keep_roughly_fresh, keep_ticking, link, text
from ui.components.base.empty import empty
from ui.components.base.kind_words import kind_label
from ui.components.base.markup import anchor, lines, moment, tagged, words
from ui.components.base.state_chip import state_words
from ui.components.jobs.failure_bars import spark

#: Seconds between two refreshes while things change, and while none of them seems to: an ignore ends by itself.
REFRESH_SECONDS: Final = 3.0
LOOK_SECONDS: Final = 15.0
#: The windows in words, as people choose them.
WINDOW_WORDS: Final = dict(zip(WINDOWS, ("24 hours", "7 days", "30 days"), strict=True))
#: What an empty shelf says.
_EMPTY: Final = {
    Shelf.OPEN: (
        "sentiment_satisfied",
        "No open errors",
        "Each failure of the last {} is handled, or its error is ignored or resolved.",
    ),
    Shelf.HANDLED: ("check_circle", "None handled", "No error of the last {} has only handled failures."),
    Shelf.IGNORED: ("snooze", "None ignored", "No error of the last {} is ignored."),
    Shelf.RESOLVED: ("check_circle", "None resolved", "No error of the last {} is resolved."),
}


async def draw(hours: str = "", state: str = "") -> None:
    """Draw the failures of the last hours that are on one shelf, and keep them fresh."""
    page = FailuresPage(hours_of(hours), _shelf_of(state))
    await page.refresh()
    keep_roughly_fresh(page.screen, page.refresh, seconds=REFRESH_SECONDS)
    keep_ticking(page.screen, page.refresh, seconds=LOOK_SECONDS)


def hours_of(text_of_url: str) -> int:
    """Return the window that an address names. Raises Invalid for another one."""
    if not text_of_url:
        return WINDOWS[0]
    for hours in WINDOWS:
        if text_of_url == str(hours):
            return hours
    raise Invalid("Unknown time in the URL.", {"hours": f"Use one of {', '.join(map(str, WINDOWS))}."})


def _shelf_of(text_of_url: str) -> Shelf:
    if not text_of_url:
        return Shelf.OPEN
    if text_of_url in list(Shelf):
        return Shelf(text_of_url)
    raise Invalid("Unknown state in the URL.", {"state": f"Use one of {', '.join(Shelf)}."})


def address_of(fingerprint: str, hours: int) -> str:
    """Return the address of one group in this window."""
    return f"/failures/{fingerprint}" + _query(hours)


def draw_windows(hours: int, address: str, shelf: Shelf = Shelf.OPEN) -> None:
    """Draw links to the same page with other windows."""
    with box("hbox").props('role=group aria-label="Time"'):
        for each, label in WINDOW_WORDS.items():
            chosen = link(address + _query(each, shelf), f"chip{' on' if each == hours else ''}", label)
            if each == hours:
                chosen.props["aria-current"] = "true"


def _query(hours: int, shelf: Shelf = Shelf.OPEN) -> str:
    chosen: dict[str, int | str] = {"hours": hours} if hours != WINDOWS[0] else {}
    chosen |= {"state": shelf.value} if shelf is not Shelf.OPEN else {}
    return f"?{urlencode(chosen)}" if chosen else ""


class FailuresPage:
    """The groups of one window and shelf."""

    def __init__(self, hours: int, shelf: Shelf) -> None:
        self._hours, self._shelf = hours, shelf
        with box("screen padded") as self.screen:
            with box("headline"):
                text("Failures", tag="h1")
                text(f"Failed jobs of the last {WINDOW_WORDS[hours]}, grouped by error.", "muted")
                box("grow")
                draw_windows(hours, "/failures", shelf)
            self._shelves: Part[FailureList] = Part(self._draw_shelves, "shelves")
            with box("panel", "section").props("aria-label=Failures"):
                self._groups: Part[FailureList] = Part(self._draw)

    async def refresh(self) -> None:
        """Load the groups again and show what changed."""
        found = await access.load_for(Role.VIEWER, groups_of_hours, self._hours)
        if not self.screen.is_deleted:
            self._shelves.show(found, key=tuple(found.counts.items()))
            self._groups.show(found, key=(tuple(found.on(self._shelf)), found.counts[self._shelf]))

    def _draw_shelves(self, found: FailureList) -> None:
        with box("hbox wrap").props('role=group aria-label="State"'):
            for shelf, number in found.counts.items():
                is_this = shelf is self._shelf
                label = f"{shelf.capitalize()} {number:,}"
                chosen = link(f"/failures{_query(self._hours, shelf)}", f"chip{' on' if is_this else ''}", label)
                if is_this:
                    chosen.props["aria-current"] = "true"

    def _draw(self, found: FailureList) -> None:
        groups, number = found.on(self._shelf), found.counts[self._shelf]
        if not groups:
            icon, heading, about = _EMPTY[self._shelf]
            empty(icon, heading, about.format(WINDOW_WORDS[self._hours]))
            return
        lines([_line(group, self._hours) for group in groups], "rows groups")
        if number > len(groups):
            text(f"The first {len(groups):,} of {number:,}.", "muted body")


def state_of(group: FailureGroup) -> Markup:
    """Return the dot and words of a group: what is back, and how many of its failed jobs are unhandled."""
    if group.state is ErrorState.REGRESSION:
        return state_words(group.state, "regression")
    if group.state is not ErrorState.OPEN:
        return state_words(group.state)
    return state_words("failed", f"{group.open:,} unhandled") if group.open else state_words("handled")


def _line(group: FailureGroup, hours: int) -> Markup:
    about = [
        ", ".join(map(kind_label, group.kinds)),
        counted(group.count, "failed job"),
        *([f"{group.open:,} unhandled"] if group.open and group.state is not ErrorState.OPEN else []),
        counted(group.users, "user"),
        *([group.owner] if group.owner else []),
    ]
    return anchor(
        address_of(group.fingerprint, hours),
        state_of(group),
        tagged(
            "div",
            words(group.title, "clip", "div", title=group.message),
            words(" · ".join(about), "muted clip", "div"),
            classes="grow",
        ),
        spark(group.parts),
        moment(group.last_seen, classes="muted"),
    )
