"""One user: why they are not moving, what is safe to press, and everything that happened."""

from uuid import UUID

from nicegui import ui

from core.errors import NotFound
from core.models import PlatformConnection, Role
from core.people.users import UserPage, user_page
from core.wording import counted
from ui import access, design
from ui.components.base.box import Part, box, keep_fresh, link, text
from ui.components.base.empty import empty
from ui.components.base.progress_bar import ProgressBar
from ui.components.base.remedy import draw_remedy
from ui.components.base.state_chip import state_chip
from ui.components.base.timeline import timeline
from ui.components.base.times import time_text
from ui.components.demo.demo_panel import draw_demo_panel
from ui.components.demo.demo_words import platform_words
from ui.components.jobs.job_lines import job_lines
from ui.components.people.person_access import PersonAccess

#: Seconds between two looks while something is under way: "retry in 12 s" has to count down.
LOOK = 2.0


async def draw(user_id: str) -> None:
    """Load a user, draw them, and keep them fresh."""
    await OneUser(uuid_of(user_id)).begin()


def uuid_of(text_of_it: str) -> UUID:
    """Return the id in an address; raises NotFound when it is none."""
    try:
        return UUID(text_of_it)
    except ValueError:
        raise NotFound("There is nothing at this address; it does not hold an id.") from None


class OneUser:
    """The parts of a user's page, each drawn again only when it changed."""

    def __init__(self, user_id: UUID) -> None:
        self._user_id = user_id
        self._progress: ProgressBar | None = None
        with box("screen padded") as self._screen:
            self._head: Part[UserPage] = Part(_draw_head)
            self._diagnosis: Part[UserPage] = Part(self._draw_diagnosis)
            with box("columns"):
                with box():
                    self._demo: Part[UserPage] = Part(self._draw_demo, "panel")
                    self._jobs: Part[UserPage] = Part(_draw_jobs, "panel")
                    self._connections: Part[UserPage] = Part(_draw_connections, "panel")
                    self._access = PersonAccess(user_id) if access.me().may(Role.ADMIN) else None
                with box():
                    self._events: Part[UserPage] = Part(_draw_events, "panel")

    async def begin(self) -> None:
        """Show the user now, and keep them fresh."""
        await self.refresh()
        if self._access:
            await self._access.begin()
        keep_fresh(self._screen, self.refresh, user_id=self._user_id)
        with self._screen:
            ui.timer(LOOK, self._look, immediate=False)

    async def refresh(self) -> None:
        """Load everything again and show what is new."""
        page = await access.load(user_page, self._user_id)
        if self._screen.is_deleted:
            return
        context, user = page.context, page.user
        job = (context.job.id, context.label, context.job.cancel_requested_at) if context else None
        state = (user.demo_mode_status, user.demo_preset)
        self._head.show(page, key=(user.email, user.name, user.role, user.disabled_at, state))
        self._diagnosis.show(page, key=page.diagnosis)
        self._demo.show(page, key=(state, job, page.demo_interactions if job is None else None))
        self._jobs.show(page, key=[(row["id"], row["label"], row["progress_done"]) for row in page.jobs])
        self._connections.show(page, key=[(each.id, each.connection_status) for each in page.connections])
        self._events.show(page, key=[event.id for event in page.events])
        if self._progress and context:
            self._progress.show(context.job.progress_done, context.job.progress_total, context.job.progress_message)

    async def _look(self) -> None:
        page_is_moving = self._progress is not None
        if page_is_moving and ui.context.client.has_socket_connection:
            await self.refresh()

    def _draw_diagnosis(self, page: UserPage) -> None:
        found = page.diagnosis
        with box(f"diagnosis {design.SITUATIONS[found.situation]}", "section").props(
            'aria-label="Diagnosis" aria-live=polite'
        ):
            with box():
                text(found.sentence, "sentence", tag="p")
                if found.evidence:
                    with box(tag="ul"):
                        for words in found.evidence:
                            text(words, tag="li")
            draw_remedy(found.remedy, self.refresh)

    def _draw_demo(self, page: UserPage) -> None:
        self._progress = draw_demo_panel(page, self.refresh)


def _draw_head(page: UserPage) -> None:
    user = page.user
    ui.page_title(f"{user.email} · Unstuck")
    with box("headline"):
        link("/users", words="Users")
        text("/", "muted").props("aria-hidden=true")
        text(user.email, tag="h1")
        state_chip(user.demo_mode_status.value).set_text(f"demo mode {user.demo_mode_status}")
        if user.disabled_at:
            text("shut out", f"badge {design.BAD}")
    with box("hbox wrap muted").style("gap: 5px"):
        text(f"{user.name or 'no name'} · {user.role} · joined")
        time_text(user.created_at)
        text("·")
        text(str(user.id), "mono")


def _draw_jobs(page: UserPage) -> None:
    with box("title"):
        text("Jobs", tag="h2")
        if page.jobs:
            link(f"/jobs?user={page.user.id}", "muted", "all of them")
    if page.jobs:
        job_lines(page.jobs)
    else:
        empty("work_history", "No jobs yet", "Whatever is started for this user is listed here.")


def _draw_connections(page: UserPage) -> None:
    with box("title"):
        text("Connections", tag="h2")
        text(counted(page.demo_interactions, "demo interaction"), "muted")
    if not page.connections:
        empty("link_off", "Nothing is connected", "Demo mode brings its own connections while it is enabled.")
        return
    with box("rows connections"):
        for connection in page.connections:
            _draw_connection(connection)


def _draw_connection(connection: PlatformConnection) -> None:
    with box("row-line"):
        state_chip(connection.connection_status.value)
        text(platform_words(connection.platform), "strong")
        text(connection.handle or "", "clip muted")
        text("demo" if connection.is_demo else "", "muted")


def _draw_events(page: UserPage) -> None:
    with box("title"):
        text("What happened", tag="h2")
        text("newest first", "muted")
    with box("body"):
        if page.events:
            timeline(page.events)
        else:
            empty("history", "Nothing has happened yet")
