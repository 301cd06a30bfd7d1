"""One group of failures: when and where, whom it hit, a traceback, and the one act that deals with what is open."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from markupsafe import Markup
from nicegui import ui

from core.errors import NotFound
from core.failures.one_group import PARTS, USERS, FailureDetail, UserHit, failure_detail
from core.models import Role
from core.wording import counted
from ui import access
from ui.components.base.box import Part, box, keep_roughly_fresh, link, text
from ui.components.base.button import PLAIN, PRIMARY, button, say
from ui.components.base.command_button import limit_to_role
from ui.components.base.empty import empty
from ui.components.base.markup import anchor, lines, moment, tagged, title, words
from ui.components.base.state_chip import state_words
from ui.components.base.times import time_text
from ui.components.base.traceback_text import draw_traceback
from ui.components.jobs.bulk_menu import prepare_bulk
from ui.pages.failures import REFRESH_SECONDS, WINDOW_WORDS, draw_windows, hours_of


async def draw(fingerprint: str, hours: str = "") -> None:
    """Draw one group of failures, and keep it fresh."""
    page = OneFailure(fingerprint, hours_of(hours))
    await page.refresh()
    keep_roughly_fresh(page.screen, page.refresh, seconds=REFRESH_SECONDS)


class OneFailure:
    """The parts of the page; each is redrawn only when it changed."""

    def __init__(self, fingerprint: str, hours: int) -> None:
        self._fingerprint, self._hours = fingerprint, hours
        with box("screen padded") as self.screen:
            with box("headline"):
                link("/failures", label="Failures")
                text("/", "muted").props("aria-hidden=true")
                box("grow")
                draw_windows(hours, f"/failures/{fingerprint}")
            self._gone: Part[str] = Part(_draw_gone)
            self._head: Part[FailureDetail] = Part(self._draw_head)
            with box("columns"):
                with box():
                    self._users: Part[FailureDetail] = Part(self._draw_users, "panel")
                with box():
                    self._where: Part[FailureDetail] = Part(_draw_where, "panel")
                    self._traceback: Part[FailureDetail] = Part(_draw_traceback, "panel")

    async def refresh(self) -> None:
        """Load the group again and show what changed."""
        try:
            found = await access.load_for(Role.VIEWER, failure_detail, self._fingerprint, self._hours)
        except NotFound:
            self._gone.show(WINDOW_WORDS[self._hours], key=self._hours)
            return
        if self.screen.is_deleted:
            return
        self._head.show(found, key=(found.group, found.parts))
        self._users.show(found, key=tuple(found.users))
        self._where.show(found, key=tuple(found.places.items()))
        self._traceback.show(found, key=found.latest_job)

    def _draw_head(self, found: FailureDetail) -> None:
        group = found.group
        ui.page_title(f"{group.message[:60]} · Unstuck")
        with box("panel", "section").props('aria-label="What failed"'), box("body vbox"):
            text(group.message or "Without a message", tag="h1")
            with box("hbox wrap muted"):
                text(f"{', '.join(group.kinds)} · first")
                time_text(group.first_seen, "clock")
                text("· last")
                time_text(group.last_seen, "clock")
            _draw_parts(found)
            with box("hbox wrap"):
                link(self._jobs(found), "strong", f"{group.open:,} open") if group.open else text("None is open.")
                link(self._jobs(found, is_open=False), label=f"{counted(group.count, 'failure')} in all")
            if group.open:
                with box("hbox wrap"):
                    look = button("Retry the open ones …", lambda: self._prepare(found), look=PRIMARY)
                    limit_to_role(look, "bulk.prepare")
                    text("A page shows first what would be done; there you can try a few before the rest.", "muted")

    async def _prepare(self, found: FailureDetail) -> None:
        await prepare_bulk("job.retry", self._where_of(found))

    def _draw_users(self, found: FailureDetail) -> None:
        hit = found.users
        more = f"the first {USERS} of {found.group.users:,}" if found.group.users > len(hit) else ""
        title("Users hit", more)
        if not hit:
            empty("group", "No user", "These jobs were for nobody.")
            return
        lines([_user(each) for each in hit], "rows hit")
        if waiting := [each.email for each in hit if each.is_open]:
            label = f"Copy {counted(len(waiting), 'address', 'addresses')} of open ones"
            with box("body hbox"):
                button(label, lambda: _copy(waiting), look=PLAIN)

    def _jobs(self, found: FailureDetail, *, is_open: bool = True) -> str:
        return f"/jobs?{urlencode(self._where_of(found, is_open=is_open))}"

    def _where_of(self, found: FailureDetail, *, is_open: bool = True) -> dict[str, str]:
        """Return the filter of exactly the jobs that a number of this page counts."""
        which = {"situation": "failed"} if is_open else {"status": "failed"}
        return {**which, "error": self._fingerprint, "finished_after": found.since.isoformat()}


def _draw_gone(words_of_window: str) -> None:
    empty("sentiment_satisfied", "None in this time", f"No job has failed so in the last {words_of_window}.")


def _copy(addresses: Sequence[str]) -> None:
    ui.clipboard.write("\n".join(addresses))
    say("Copied.")


def _user(hit: UserHit) -> Markup:
    state = state_words("failed", "open") if hit.is_open else state_words("handled", "dealt with")
    at = moment(hit.last_seen, classes="muted")
    return anchor(f"/users/{hit.user_id}", state, words(hit.email, "strong clip"), at)


def _draw_parts(found: FailureDetail) -> None:
    """Draw the failures over time as bars; each says its number."""
    most = max(found.parts) or 1
    bars = [
        tagged("i", style=f"height: {100 * number // most}%", title=counted(number, "failure"))
        for number in found.parts
    ]
    label = f"Failures in {PARTS} equal parts of this time: {', '.join(map(str, found.parts))}"
    lines(bars, "bars").props["aria-label"] = label


def _draw_where(found: FailureDetail) -> None:
    title("Where", "by worker and version")
    if not found.places:
        empty("memory", "Not known", "No worker that ran one of them is on record.")
        return
    lines(_numbers(found.places), "rows places")


def _numbers(places: Mapping[str, int]) -> list[Markup]:
    return [
        tagged("div", words(place, "clip"), words(f"{number:,}", "num"), classes="row-line")
        for place, number in places.items()
    ]


def _draw_traceback(found: FailureDetail) -> None:
    title("Latest traceback")
    with box("body vbox"):
        link(f"/jobs/{found.latest_job}", label="the latest job")
        if found.traceback:
            draw_traceback(found.traceback)
        else:
            text("It has none: the error is one of the program's own sentences.", "code", tag="pre")
