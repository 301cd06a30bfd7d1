"""The first page: what needs attention, then how the whole is doing."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from nicegui import ui

from core.overview import TARGET, FailureGroup, Overview, overview
from core.people.users import Need, UserLine
from core.wording import counted, spoken
from ui import access, design
from ui.components.base.box import Part, box, keep_roughly_fresh, link, text
from ui.components.base.empty import empty
from ui.components.base.state_chip import state_chip
from ui.components.base.times import time_text

#: Seconds between two looks while something changes; the figures are of the last hours.
LOOK: Final = 5.0


async def draw() -> None:
    """Load the overview, draw it, and look again now and then."""
    ui.page_title("Overview · Unstuck")
    with box("screen padded") as screen:
        text("Overview", tag="h1")
        tiles: Part[Overview] = Part(_draw_tiles)
        with box("columns"):
            with box():
                people: Part[Overview] = Part(_draw_people, "panel")
            with box():
                failures: Part[Overview] = Part(_draw_failures, "panel")

    async def refresh() -> None:
        seen = await access.load(overview)
        if not screen.is_deleted:
            tiles.show(seen, key=(seen.needs, seen.ended, seen.succeeded, seen.oldest_wait, seen.waiting))
            people.show(seen, key=tuple(seen.in_need))
            failures.show(seen, key=tuple(seen.failures))

    await refresh()
    keep_roughly_fresh(screen, refresh, seconds=LOOK)


def _draw_tiles(seen: Overview) -> None:
    stuck, failed = seen.needs[Need.STUCK], seen.needs[Need.FAILED]
    with box("tiles"):
        _tile(f"{stuck:,}", "stuck users", "/users?need=stuck", design.BAD if stuck else design.OK)
        _tile(f"{failed:,}", "users whose demo mode failed", "/users?need=failed", design.BAD if failed else design.OK)
        oldest = spoken(seen.oldest_wait) if seen.oldest_wait else "–"
        _tile(oldest, f"oldest waiting, of {counted(seen.waiting, 'due job')}", "/jobs?status=queued", "")
        _tile(f"{seen.ended:,}", "jobs ended in 24 hours", "/jobs", "")
        rate = f"{100 * seen.succeeded / seen.ended:.1f} %" if seen.ended else "–"
        good = not seen.ended or seen.succeeded / seen.ended >= TARGET
        _tile(rate, f"succeeded; the aim is {TARGET:.0%}", "/jobs?status=failed", design.OK if good else design.BAD)


def _tile(figure: str, label: str, href: str, tone: str) -> None:
    with link(href, f"tile {tone}"):
        text(figure, "figure")
        text(label, "label")


def _draw_people(seen: Overview) -> None:
    with box("title"):
        text("Who needs someone", tag="h2")
    if not seen.in_need:
        empty(
            "check_circle", "Nobody is stuck", "Whoever does not come on by themselves is listed here within a minute."
        )
        return
    _rows(seen.in_need)


def _rows(lines: Sequence[UserLine]) -> None:
    with box("rows users"):
        for line in lines:
            with link(f"/users/{line.id}"):
                state_chip("stuck" if line.is_stuck else line.status.value)
                text(line.email, "clip strong")
                text(line.name or "", "clip muted")
                text("", "muted")


def _draw_failures(seen: Overview) -> None:
    with box("title"):
        text("Failures of the last 24 hours", tag="h2")
        text("alike ones together", "muted")
    if not seen.failures:
        empty("sentiment_satisfied", "Nothing failed", "Failed jobs are grouped here by what went wrong.")
        return
    with box("rows failures"):
        for group in seen.failures:
            _draw_group(group)


def _draw_group(group: FailureGroup) -> None:
    with link(f"/jobs?{urlencode({'status': 'failed', 'error': group.fingerprint})}"):
        text(f"{group.count:,}×", "strong num")
        with box("grow"):
            text(group.message, "clip", tag="div")
            text(f"{group.kind} · {counted(group.users, 'user')}", "muted clip", tag="div")
        time_text(group.last_seen, classes="muted")
