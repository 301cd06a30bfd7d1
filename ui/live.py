"""Live screens: what changed is loaded once per process and told to every page that shows it.

Changes come as ids from the bus; without it, a poll once a second finds them. They are coalesced for a tenth of a
second, loaded once, sent as one delta to all grids, and handed to the watchers of that user or job. N viewers cost one
refresh; a tab that is not connected costs nothing.
"""

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from nicegui import Client, app, background_tasks, context, core
from nicegui.element import Element
from sqlalchemy.exc import SQLAlchemyError

from core.bus import Changes
from core.errors import NotSignedIn
from core.health import HealthSummary, health_summary
from core.job_list.changes import Mark, changed_since
from core.job_list.rows import rows_by_id
from core.models import Role
from core.people import auth
from ui import access, session_watch, sockets

log = logging.getLogger(__name__)

#: Seconds that changes are collected before they are loaded and sent.
TICK = 0.1
#: Seconds between two looks at the pulse, and at changes while the bus is down.
POLL = 1.0
ROOM = "jobs"
#: Rows sent in one delta; grids that missed more reload.
MOST_ROWS = 500

Refresh = Callable[[], Awaitable[None] | None]
Stop = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Status:
    """What the status bar shows: is the data fresh, and how is the whole."""

    connected: bool
    age_seconds: float
    pulse: HealthSummary | None


@dataclass(eq=False, slots=True)
class _Watcher:
    client: Client
    refresh: Refresh
    user_id: UUID | None
    job_id: UUID | None
    within: Element | None
    running: bool = False
    again: bool = False

    @property
    def is_gone(self) -> bool:
        return self.client.is_deleted or (self.within is not None and self.within.is_deleted)

    def wants(self, changes: Changes) -> bool:
        if self.user_id is None and self.job_id is None:
            return bool(changes.jobs or changes.users)
        return self.user_id in changes.users or self.job_id in changes.jobs


class Hub:
    """One per console process: collects changes, loads them once, tells the pages."""

    def __init__(self) -> None:
        self._pending = Changes()
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watchers: set[_Watcher] = set()
        self._status_watchers: set[_Watcher] = set()
        self._pulse: HealthSummary | None = None
        self._fresh_at = 0.0
        self._mark: Mark | None = None
        #: Tells whether changes arrive by themselves; set by who knows the bus.
        self.bus_is_up: Callable[[], bool] = lambda: False

    def on_change(self, changes: Changes) -> None:
        """Note changes from any thread; pages hear of them within a tick."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._note, changes)

    def start(self) -> None:
        """Begin to tell; called once in the event loop."""
        self._loop = asyncio.get_running_loop()
        background_tasks.create(self._tell_forever(), name="live: tell")
        background_tasks.create(self._look_forever(), name="live: look")

    def status(self) -> Status:
        """Return the latest pulse and how old it is."""
        age = time.monotonic() - self._fresh_at if self._fresh_at else 0.0
        return Status(bool(self._fresh_at) and age < 3 * POLL, age, self._pulse)

    def watch(self, watcher: _Watcher, among: set[_Watcher]) -> Stop:
        """Add a watcher until its page is left, its part of the page goes away, or the answer is called."""
        among.add(watcher)
        return lambda: among.discard(watcher)

    def _forget_gone(self) -> None:
        """Drop the watchers of pages and parts that are no more; a person may open a thousand in a day."""
        for among in (self._watchers, self._status_watchers):
            among -= {each for each in among if each.is_gone}

    def _note(self, changes: Changes) -> None:
        self._pending.jobs |= changes.jobs
        self._pending.users |= changes.users
        self._wake.set()

    async def _tell_forever(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(TICK)
            self._wake.clear()
            changes, self._pending = self._pending, Changes()
            try:
                await self._tell(changes)
            except SQLAlchemyError as error:
                log.warning("live: database away", extra={"error": str(error).split("\n")[0]})

    async def _tell(self, changes: Changes) -> None:
        for watcher in list(self._watchers):
            if watcher.wants(changes):
                _refresh(watcher)
        if changes.jobs and core.sio.manager.rooms.get("/", {}).get(ROOM):
            ids = list(changes.jobs)[:MOST_ROWS]
            rows = await access.load(rows_by_id, ids)
            await core.sio.emit("jobs:delta", {"rows": rows}, room=ROOM)

    async def _look_forever(self) -> None:
        while True:
            try:
                self._pulse = await access.load(health_summary)
                self._fresh_at = time.monotonic()
                await session_watch.close_orphans()
                if not self.bus_is_up():
                    await self._poll()
            except SQLAlchemyError as error:
                log.warning("live: database away", extra={"error": str(error).split("\n")[0]})
            self._forget_gone()
            for watcher in list(self._status_watchers):
                _refresh(watcher)
            await asyncio.sleep(POLL)

    async def _poll(self) -> None:
        changes, self._mark = await access.load(changed_since, self._mark)
        if changes.jobs or changes.users:
            self._note(changes)


def _refresh(watcher: _Watcher) -> None:
    """Refresh a page once at a time; what changes meanwhile makes one more refresh."""
    if watcher.running:
        watcher.again = True
        return
    watcher.running = True
    background_tasks.create(_run(watcher), name="live: refresh")


async def _run(watcher: _Watcher) -> None:
    try:
        while True:
            watcher.again = False
            if watcher.client.has_socket_connection:
                with watcher.client:
                    answer: Any = watcher.refresh()
                    if inspect.isawaitable(answer):
                        await answer
            if not watcher.again:
                return
    except SQLAlchemyError as error:
        log.warning("live: database away", extra={"error": str(error).split("\n")[0]})
    finally:
        watcher.running = False


hub = Hub()


def watch(
    refresh: Refresh, *, user_id: UUID | None = None, job_id: UUID | None = None, within: Element | None = None
) -> Stop:
    """Call `refresh` in this page's context soon after a commit that changed that user or job; without either: any.

    It ends with the page, with `within` if given, or when the returned function is called.
    """
    return hub.watch(_Watcher(context.client, refresh, user_id, job_id, within), hub._watchers)  # noqa: SLF001


def watch_status(refresh: Refresh, *, within: Element | None = None) -> Stop:
    """Call `refresh` in this page's context once a second, after the pulse was taken; ends as `watch` does."""
    return hub.watch(_Watcher(context.client, refresh, None, None, within), hub._status_watchers)  # noqa: SLF001


def status() -> Status:
    """Return what the status bar shows."""
    return hub.status()


@core.sio.on("jobs:join")  # type: ignore[untyped-decorator]
async def _join(sid: str, data: dict[str, Any]) -> bool:
    """Let a grid hear deltas, if its page's person may read jobs now."""
    client = Client.instances.get(str(data.get("client_id"))) if isinstance(data, dict) else None
    if not await sockets.within_limits(sid) or client is None or client.id not in core.sio.rooms(sid):
        return False
    try:
        # The socket's own cookie, not the page's: whoever learns a page's id must not hear what it hears.
        actor = await access.load(auth.authenticate, sockets.brought_by(sid))
    except NotSignedIn:
        return False
    # A page that is nobody's is not closed when a session ends, so it must not begin to hear.
    if actor.may(Role.VIEWER) and access.viewer_of(client):
        await core.sio.enter_room(sid, ROOM)
        return True
    return False


app.on_startup(hub.start)
