"""The first page: what needs attention, then how the system is doing."""

from typing import Final
from urllib.parse import urlencode

from markupsafe import Markup

from core.diagnosis.situation import Situation
from core.overview import TARGET, FailureGroup, Overview, overview
from core.people.users import HELD_UP
from core.wording import counted, spoken
from ui import access, design
from ui.components.base.box import Part, box, keep_roughly_fresh, text
from ui.components.base.empty import empty
from ui.components.base.markup import anchor, lines, moment, tagged, title, words
from ui.components.people.user_lines import user_lines

#: Seconds between two refreshes while things change; the figures cover hours, so seconds do not matter.
REFRESH_SECONDS: Final = 5.0
#: What counts as ended: not what was cancelled, nor failures whose work another job did again.
ENDED: Final = {"status": "succeeded,failed", "redone": "no"}
#: What of it counts as failed, dismissed or not.
FAILED: Final = {"status": "failed", "redone": "no"}
#: Failures besides.
MENDED: Final = {"redone": "yes"}


async def draw() -> None:
    """Load the overview, draw it and keep it fresh."""
    with box("screen padded") as screen:
        text("Overview", tag="h1")
        tiles: Part[Overview] = Part(_draw_tiles)
        with box("columns"):
            with box():
                people: Part[Overview] = Part(_draw_people, "panel")
            with box():
                failures: Part[Overview] = Part(_draw_failures, "panel")

    async def refresh() -> None:
        summary = await access.load(overview)
        if not screen.is_deleted:
            tiles.show(
                summary,
                key=(
                    *summary.users.items(),
                    summary.ended,
                    summary.succeeded,
                    summary.mended,
                    summary.oldest_wait,
                    summary.waiting,
                ),
            )
            people.show(summary, key=(*summary.held_up, *summary.users.values()))
            failures.show(summary, key=tuple(summary.failures))

    await refresh()
    keep_roughly_fresh(screen, refresh, seconds=REFRESH_SECONDS)


def _draw_tiles(summary: Overview) -> None:
    stuck, failed, held = (summary.users[each] for each in (Situation.STUCK, Situation.FAILED, Situation.HELD))
    oldest = spoken(summary.oldest_wait) if summary.oldest_wait else "–"
    rate = f"{100 * summary.succeeded / summary.ended:.1f} %" if summary.ended else "–"
    good = summary.ended and summary.succeeded / summary.ended >= TARGET
    tone = (design.OK if good else design.BAD) if summary.ended else ""
    failed_jobs = _jobs(summary, **FAILED)
    tiles = [
        _tile(f"{stuck:,}", "stuck users", "/users?situation=stuck", design.BAD if stuck else design.OK),
        _tile(f"{failed:,}", "failed users", "/users?situation=failed", design.BAD if failed else design.OK),
        _tile(
            f"{held:,}", "users held by a pause or limit", "/users?situation=held", design.WARN if held else design.OK
        ),
        _tile(oldest, f"oldest waiting of {counted(summary.waiting, 'due job')}", "/jobs?due=yes&sort=created_at", ""),
        _tile(f"{summary.ended:,}", f"jobs finished in 24 hours{_mended(summary)}", _jobs(summary, **ENDED), ""),
        _tile(rate, f"succeeded; target {TARGET:.0%}", failed_jobs, tone),
    ]
    lines(tiles, "tiles")


def _mended(summary: Overview) -> str:
    return f"; {counted(summary.mended, 'failure')} mended" if summary.mended else ""


def _tile(figure: str, label: str, href: str, tone: str) -> Markup:
    return anchor(href, words(figure, "figure"), words(label, "label"), classes=f"tile {tone}")


def _draw_people(summary: Overview) -> None:
    every, shown = sum(summary.users[each] for each in HELD_UP), len(summary.held_up)
    title("Users who need help", f"{shown:,} of {every:,}" if every > shown else "")
    if not summary.held_up:
        empty("check_circle", "No users need help", "Users who are stuck, failed or held by a pause appear here.")
        return
    user_lines(summary.held_up)


def _draw_failures(summary: Overview) -> None:
    title("Failures of the last 24 hours", "Grouped by error")
    if not summary.failures:
        empty("sentiment_satisfied", "No failures", "Failed jobs appear here, grouped by error.")
        return
    lines([_group(summary, group) for group in summary.failures], "rows failures")


def _jobs(summary: Overview, **where: str) -> str:
    """Return the address of the jobs that a figure counts, and of no others."""
    return f"/jobs?{urlencode({**where, 'finished_after': summary.since.isoformat()})}"


def _group(summary: Overview, group: FailureGroup) -> Markup:
    return anchor(
        _jobs(summary, situation="failed", error=group.fingerprint),
        words(f"{group.count:,}×", "strong num"),
        tagged(
            "div",
            words(group.message, "clip", "div"),
            words(f"{group.kind} · {counted(group.users, 'user')}", "muted clip", "div"),
            classes="grow",
        ),
        moment(group.last_seen, classes="muted"),
    )
