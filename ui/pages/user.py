"""One user: the diagnosis, the safe remedy, and the history."""

import time
from contextlib import suppress
from uuid import UUID

from nicegui import ui

from core.diagnosis.situation import Situation
from core.errors import NotFound
from core.job_list.addresses import jobs_with
from core.jobs.labels import AT_WORK
from core.models import Role
from core.people.users import UserPage, user_page
from ui import access, design, view_as
from ui.components.base.box import Part, box, keep_fresh, keep_ticking
from ui.components.base.diagnosis_box import DiagnosisBox
from ui.components.base.empty import empty
from ui.components.base.markup import anchor, lines, moment, title, words
from ui.components.base.pager import Pager
from ui.components.base.progress_bar import ProgressBar
from ui.components.base.state_chip import demo_words
from ui.components.base.timeline import timeline
from ui.components.connections.connection_lines import ConnectionLines
from ui.components.demo.demo_panel import draw_demo_panel, shown_of_job
from ui.components.jobs.job_lines import job_lines, shown_of_line
from ui.components.people.person_access import PersonAccess
from ui.components.people.write_to_user import WriteToUser

#: Seconds between two refreshes while something is not at rest ("retry in 12 s" has to count down), and otherwise.
LOOK = 2.0
LOOK_AT_REST = 20.0


async def draw(user_id: str) -> None:
    """Load a user, draw the page, and keep it fresh."""
    await OneUser(uuid_of(user_id)).begin()


def uuid_of(id_text: str) -> UUID:
    """Return the id in an address; raises NotFound for anything else."""
    try:
        return UUID(id_text)
    except ValueError:
        raise NotFound("There is nothing at this address; it does not contain an id.") from None


class OneUser:
    """The parts of a user's page; each is redrawn only when it changed."""

    def __init__(self, user_id: UUID) -> None:
        self._user_id = user_id
        self._progress: ProgressBar | None = None
        self._is_at_rest = False
        self._looked_at = 0.0
        self._answer = ""
        with box("screen padded") as self._screen:
            self._head: Part[UserPage] = Part(_draw_head)
            self._diagnosis = DiagnosisBox(self.refresh, look="diagnosis")
            WriteToUser(user_id, lambda: self._answer)
            with box("columns"):
                with box():
                    self._demo: Part[UserPage] = Part(self._draw_demo, "panel")
                    self._jobs: Part[UserPage] = Part(_draw_jobs, "panel")
                    with box("panel"):
                        self._connections = ConnectionLines(self.refresh)
                        self._more_connections = Pager("connections", self.refresh)
                    self._access = PersonAccess(user_id) if access.me().may(Role.ADMIN) else None
                with box(), box("panel"):
                    self._events: Part[UserPage] = Part(_draw_events)
                    self._more_events = Pager("events", self.refresh)

    async def begin(self) -> None:
        """Show the user now, and keep the page fresh."""
        await self.refresh()
        if self._access:
            await self._access.begin()
        keep_fresh(self._screen, self._follow, user_id=self._user_id)
        keep_ticking(self._screen, self._look, seconds=LOOK)

    async def refresh(self) -> None:
        """Load everything again and show what changed."""
        page = await access.load(user_page, self._user_id, self._more_connections.start, self._more_events.start)
        if self._screen.is_deleted:
            return
        context, user = page.context, page.user
        job = shown_of_job(context) if context else None
        state = (user.demo_mode_status, user.demo_preset)
        self._head.show(page, key=(user.email, user.name, user.role, user.disabled_at, state))
        self._diagnosis.show(page.diagnosis, page.admins)
        self._answer = page.diagnosis.customer
        self._is_at_rest, self._looked_at = page.diagnosis.situation is Situation.FINE, time.monotonic()
        self._demo.show(
            page,
            key=(state, job, page.preset, page.demo_interactions if job is None else None, page.diagnosis.has_remedy),
        )
        self._jobs.show(page, key=[shown_of_line(row) for row in page.jobs])
        self._connections.show(page)
        self._events.show(page, key=([event.id for event in page.events], _unhandled(page)))
        self._more_connections.show(page.connections)
        self._more_events.show(page.events)
        if self._progress and context:
            job_row, at_work = context.job, context.label in AT_WORK
            done = job_row.progress_done, job_row.progress_total, job_row.progress_message
            self._progress.show(*done, at_work=at_work)

    async def _look(self) -> None:
        if not self._is_at_rest or time.monotonic() - self._looked_at >= LOOK_AT_REST:
            await self._follow()

    async def _follow(self) -> None:
        # A user who is deleted meanwhile stays as they were last seen.
        with suppress(NotFound):
            await self.refresh()

    def _draw_demo(self, page: UserPage) -> None:
        self._progress = draw_demo_panel(page, self.refresh)


def _draw_head(page: UserPage) -> None:
    user = page.user
    ui.page_title(f"{user.email} · Unstuck")
    where = anchor("/users", words("Users")), words("/", "muted", aria_hidden="true")
    disabled = [words("account disabled", f"badge {design.BAD}")] if user.disabled_at else []
    lines([*where, words(user.email, tag="h1"), demo_words(user.demo_mode_status), *disabled], "headline")
    about = words(f"{user.name or 'no name'} · {user.role} · joined"), moment(user.created_at)
    content = [*about, words("·"), words(str(user.id), "mono")]
    if access.me().may(Role.SUPPORT):
        content += [words("·"), anchor(f"{view_as.ROUTE.format(user_id=user.id)}/dashboard", words("View as they do"))]
    lines(content, "hbox wrap muted").style("gap: 5px")


def _draw_jobs(page: UserPage) -> None:
    more = [anchor(jobs_with({"user": str(page.user.id)}), words("All jobs"), classes="muted")] if page.jobs else []
    lines([words("Jobs", tag="h2"), *more], "title")
    if page.jobs:
        job_lines(page.jobs)
    else:
        empty("work_history", "No jobs yet", "Jobs of this user appear here.")


def _unhandled(page: UserPage) -> list[UUID]:
    return [UUID(row["id"]) for row in page.jobs if row["situation"] == Situation.FAILED]


def _draw_events(page: UserPage) -> None:
    title("History", "newest first")
    with box("body"):
        if page.events:
            timeline(page.events, _unhandled(page))
        else:
            empty("history", "No events yet")
