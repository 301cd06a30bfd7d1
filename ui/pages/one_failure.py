"""One group of failures: its state, when and where, whom it hit, a traceback, and what deals with what is unhandled."""

from collections.abc import Sequence

from markupsafe import Markup
from nicegui import ui

from core.errors import NotFound
from core.failures.one_group import FailureDetail, UserHit, failure_detail, is_known
from core.failures.told import Told
from core.job_list.addresses import jobs_with
from core.models import Role
from core.wording import counted
from ui import access
from ui.components.base.box import Part, box, keep_roughly_fresh, keep_ticking, link, text
from ui.components.base.button import PLAIN, PRIMARY, button, say
from ui.components.base.command_button import limit_to_role
from ui.components.base.empty import empty
from ui.components.base.kind_words import kind_label
from ui.components.base.markup import anchor, lines, moment, tagged, title, words
from ui.components.base.state_chip import state_words
from ui.components.base.times import time_text
from ui.components.base.traceback_text import draw_traceback
from ui.components.jobs.again import draw_again
from ui.components.jobs.bulk_menu import prepare_bulk
from ui.components.jobs.error_box import draw_notes, draw_state
from ui.components.jobs.error_dialogs import retry_words
from ui.components.jobs.failure_bars import failure_bars, words_of_bars
from ui.components.jobs.tell_users import ask_to_tell
from ui.pages.failures import LOOK_SECONDS, REFRESH_SECONDS, WINDOW_WORDS, draw_windows, hours_of


async def draw(fingerprint: str, hours: str = "") -> None:
    """Draw one group of failures, and keep it fresh."""
    page = OneFailure(fingerprint, hours_of(hours))
    await page.refresh()
    keep_roughly_fresh(page.screen, page.refresh, seconds=REFRESH_SECONDS)
    keep_ticking(page.screen, page.refresh, seconds=LOOK_SECONDS)


class OneFailure:
    """The parts of the page; each is redrawn only when it changed."""

    def __init__(self, fingerprint: str, hours: int) -> None:
        self._fingerprint, self._hours = fingerprint, hours
        with box("screen padded") as self.screen:
            with box("headline"):
                link("/failures", label="Failures")
                text("/", "muted").props("aria-hidden=true")
                text(fingerprint, "mono muted clip")
                box("grow")
                draw_windows(hours, f"/failures/{fingerprint}")
            self._gone: Part[bool] = Part(self._draw_gone)
            self._head: Part[FailureDetail] = Part(self._draw_head)
            with box("columns"):
                with box():
                    self._state: Part[FailureDetail] = Part(lambda found: draw_state(found, self.refresh), "panel")
                    self._users: Part[FailureDetail] = Part(self._draw_users, "panel")
                with box():
                    self._notes: Part[FailureDetail] = Part(lambda found: draw_notes(found, self.refresh), "panel")
                    self._where: Part[FailureDetail] = Part(_draw_where, "panel")
                    self._traceback: Part[FailureDetail] = Part(_draw_traceback, "panel")
            self._show_parts(are_shown=False)

    async def refresh(self) -> None:
        """Load the group again and show what changed."""
        try:
            found = await access.load_for(Role.VIEWER, failure_detail, self._fingerprint, self._hours)
        except NotFound:
            known = await access.load_for(Role.VIEWER, is_known, self._fingerprint)
            if not self.screen.is_deleted:
                self._gone.show(known, key=known)
            return
        if self.screen.is_deleted:
            return
        self._show_parts(are_shown=True)
        self._head.show(found, key=(found.group, found.unhandled, found.looked_back_to, found.parts, found.again))
        self._state.show(found, key=(found.decision, found.unhandled > 0, bool(found.looked_back_to)))
        self._users.show(found, key=(tuple(found.users), found.told))
        self._notes.show(found, key=tuple(found.notes))
        self._where.show(found, key=(tuple(found.places.items()), found.confined_to))
        self._traceback.show(found, key=found.latest_job)

    def _show_parts(self, *, are_shown: bool) -> None:
        for part in (self._state, self._users, self._notes, self._where, self._traceback):
            part.box.set_visibility(are_shown)

    def _draw_head(self, found: FailureDetail) -> None:
        group = found.group
        ui.page_title(f"{group.title[:60]} · Unstuck")
        with box("panel", "section").props('aria-label="What failed"'), box("body vbox"):
            text(group.title, tag="h1")
            if group.message.lower() not in ("", group.title.lower()):
                text(f"The latest: {group.message}", "muted mono")
            with box("hbox wrap muted"):
                text(f"{', '.join(map(kind_label, group.kinds))} · first in this time").tooltip(", ".join(group.kinds))
                time_text(group.first_seen, "clock")
                text("· last")
                time_text(group.last_seen, "clock")
            if found.confined_to:
                text(found.confined_to, "strong")
            _draw_parts(found)
            with box("hbox wrap"):
                self._draw_numbers(found)
            if found.unhandled:
                self._draw_retry(found)

    def _draw_numbers(self, found: FailureDetail) -> None:
        """Draw how many are unhandled, of any time, and how many failed in the window."""
        within = f"in the last {WINDOW_WORDS[self._hours]}"
        lately = {"finished_after": found.since.isoformat()}
        if found.unhandled:
            number = f"{'at least ' if found.looked_back_to else ''}{found.unhandled:,}"
            link(jobs_with(self._unhandled()), "strong", f"{number} unhandled of any time")
        else:
            text("All are handled." if not found.looked_back_to else "The latest are handled.")
        if found.looked_back_to:
            text("Not looked at: failures before", "muted")
            time_text(found.looked_back_to, "clock", "muted")
        if 0 < found.group.open < found.unhandled:
            link(jobs_with(self._unhandled() | lately), label=f"{found.group.open:,} of them {within}")
        failed = f"{counted(found.group.count, 'failed job')} {within}"
        link(jobs_with({"status": "failed", "error": self._fingerprint} | lately), label=failed)
        text("since", "muted")
        time_text(found.since, "clock", "muted")

    def _draw_retry(self, found: FailureDetail) -> None:
        number, is_one = found.unhandled, found.unhandled == 1 and not found.looked_back_to
        label = "Retry it …" if is_one else "Retry one, then the rest …"
        draw_again(found.again)
        with box("acts"):
            with box("act"):
                look = PLAIN if found.again.sentence else PRIMARY
                first = button(label, lambda: self._prepare(None if is_one else 1), look=look)
                limit_to_role(first, "bulk.prepare")
                text(retry_words(number), "muted")
            if not is_one:
                with box("act"):
                    limit_to_role(button("Retry all at once …", lambda: self._prepare(None)), "bulk.prepare")
                    text("Its page shows first what would be done; there you can try a few before the rest.", "muted")

    async def _prepare(self, canary: int | None) -> None:
        await prepare_bulk("job.retry", self._unhandled(), canary)

    def _draw_users(self, found: FailureDetail) -> None:
        hit = found.users
        title("Users hit", f"in the last {WINDOW_WORDS[self._hours]}: {_numbers_of(found)}" if hit else "")
        if not hit:
            empty("group", "No user", "These jobs were for nobody.")
            return
        lines([_user(each) for each in hit], "rows hit")
        if found.told:
            _draw_told(found.told)
        with box("body hbox wrap"):
            tell = button("Tell the users …", self._tell, look=PLAIN, icon="mail_outline")
            limit_to_role(tell, "failure.tell")
            if waiting := [each.email for each in hit if each.is_open]:
                label = f"Copy {counted(len(waiting), 'unhandled address', 'unhandled addresses')}"
                button(label, lambda: _copy(waiting), look=PLAIN)

    async def _tell(self) -> None:
        await ask_to_tell(self._fingerprint, self._hours, self.refresh)

    def _draw_gone(self, is_known: bool) -> None:  # noqa: FBT001 - the one thing that a Part shows
        if not is_known:
            empty("search_off", "There is no such error", "No failed job on record has it; the address may be cut.")
            return
        about = f"No job has failed so in the last {WINDOW_WORDS[self._hours]}."
        with empty("sentiment_satisfied", "None in this time", about):
            link(jobs_with({"status": "failed", "error": self._fingerprint}), label="Its failed jobs of any time")

    def _unhandled(self) -> dict[str, str]:
        """Return the filter of the unhandled failures, as Overview has it: they stay so however old they are."""
        return {"situation": "failed", "error": self._fingerprint}


def _draw_told(told: Told) -> None:
    """Draw how many were written to, when and by whom, and where to read it."""
    with box("body hbox wrap told"):
        text(told.sentence)
        text(f"The last by {told.by},", "muted")
        time_text(told.at, "ago", "muted")
        if access.me().may(Role.SUPPORT):
            link("/outbox", label="Outbox")


def _copy(addresses: Sequence[str]) -> None:
    ui.clipboard.write("\n".join(addresses))
    say("Copied.")


def _user(hit: UserHit) -> Markup:
    state = state_words("failed", "unhandled") if hit.is_open else state_words("handled")
    if hit.is_recovered:
        state = state_words("fine", "recovered")
    at = moment(hit.last_seen, classes="muted")
    return anchor(f"/users/{hit.user_id}", state, words(hit.email, "strong clip"), at)


def _numbers_of(found: FailureDetail) -> str:
    hit = found.users
    if found.group.users > len(hit):
        return f"the first {len(hit)} of {found.group.users:,}; {found.open_users:,} unhandled"
    recovered = sum(each.is_recovered for each in hit)
    numbers = {"unhandled": found.open_users, "recovered": recovered}
    numbers["handled"] = len(hit) - found.open_users - recovered
    return ", ".join(f"{number:,} {word}" for word, number in numbers.items() if number)


def _draw_parts(found: FailureDetail) -> None:
    lines(failure_bars(found.parts), "bars").props["aria-label"] = words_of_bars(found.parts)


def _draw_where(found: FailureDetail) -> None:
    title("Where", "by worker and version")
    if not found.places:
        empty("memory", "Not known", "No worker that ran one of them is on record.")
        return
    if found.confined_to:
        text(found.confined_to, "body", tag="p")
    places = [
        tagged("div", words(place, "clip"), words(f"{number:,}", "num"), classes="row-line")
        for place, number in found.places.items()
    ]
    lines(places, "rows places")


def _draw_traceback(found: FailureDetail) -> None:
    title("Latest traceback")
    with box("body vbox"):
        link(f"/jobs/{found.latest_job}", label="the latest job")
        if found.traceback:
            draw_traceback(found.traceback)
        else:
            text("It has none: the error is one of the program's own sentences.", "code", tag="pre")
