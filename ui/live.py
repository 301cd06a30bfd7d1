"""Live pages: each change is loaded once per process and sent to every page that shows it.

Changes arrive as ids from the bus; without the bus, a poll finds them once a second. The first one is loaded at once
and sent as a delta to all grids; those that follow it are collected for a tenth of a second. Watchers of a user, of a
job or of everything are called less often. However many people watch, each change is loaded once; a disconnected tab
costs nothing.

What no commit announces (a job becomes due, a pause, a status edited by SQL) shows in the health summary: where that
says something else, lists and counts are loaded again, and soon all rows, unless an announced change explains it.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from nicegui import app, background_tasks, context, core
from nicegui.element import Element

from core.bus import Changes
from core.health import HealthSummary, health_summary
from core.job_list.changes import Mark, changed_since
from core.job_list.rows import rows_by_id
from core.rounds import Rounds
from ui import access, job_room, session_watch, sockets
from ui.job_room import ROOM
from ui.refreshes import Refresh, Refreshes, Watcher

log = logging.getLogger(__name__)

#: Seconds for which a first change waits for others of the same moment, and between two deltas.
GATHER, TICK = 0.01, 0.1
#: Seconds between two calls of watchers.
CALLS = 0.3
#: Seconds between two reads of the health summary, and of changes while the bus is down.
POLL = 1.0
#: Rows in one delta, and in all deltas of one tick; beyond, grids load all their rows again.
MOST_ROWS = 500
MOST_CHANGED = 10 * MOST_ROWS

Stop = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Status:
    """The content of the status bar: freshness of the data and the health summary."""

    connected: bool
    age_seconds: float
    health: HealthSummary | None


class Readings:
    """Compares each health summary with the one before."""

    def __init__(self) -> None:
        self._said: tuple[object, ...] | None = None
        self._announced = 0
        self._is_unexplained = False

    def compare(self, health: HealthSummary, announced: int) -> tuple[bool, bool]:
        """Return whether it says something else, and whether the one before did and no announced change explains it.

        `announced`: how many changes had come before it was read. A commit can be read before it is announced.
        """
        workers, jobs = (health.workers_alive, health.workers_silent), (health.running, health.queue_depth)
        said = (*workers, *jobs, *health.users.items(), *health.incidents)
        is_other = self._said is not None and said != self._said
        is_explained = announced != self._announced
        is_old_unexplained = self._is_unexplained and not is_explained
        self._said, self._announced, self._is_unexplained = said, announced, is_other and not is_explained
        return is_other, is_old_unexplained


class Hub:
    """Collects changes, loads them once and refreshes the pages; one per console process."""

    def __init__(self) -> None:
        self._pending = Changes()
        #: What has been sent to grids, and not passed to watchers yet.
        self._to_watchers = Changes()
        self._call = asyncio.Event()
        self._sent_at = -math.inf
        #: How often changes have come; what is read from now on contains them.
        self.noted = 0
        self._wake = asyncio.Event()
        self._refreshes = Refreshes()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watchers: set[Watcher] = set()
        self._status_watchers: set[Watcher] = set()
        #: How many of them were of jobs or users.
        self._announced = 0
        self._health: HealthSummary | None = None
        self._readings = Readings()
        self._fresh_at = 0.0
        self._mark: Mark | None = None
        # It waits for changes, so it may be silent for long.
        self._sending = Rounds("live pages", math.inf)
        self._checking = Rounds("status and sessions", POLL)
        #: Tells whether the bus delivers changes; set at start by `main.py`.
        self.bus_is_up: Callable[[], bool] = lambda: False

    def on_change(self, changes: Changes) -> None:
        """Note changes from any thread; pages refresh within a tick."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._note, changes)

    def start(self) -> None:
        """Start sending changes; call it once in the event loop."""
        self._loop = asyncio.get_running_loop()
        for rounds in (self._sending, self._checking):
            rounds.begin()
        background_tasks.create(self._send_forever(), name="live: send")
        background_tasks.create(self._call_forever(), name="live: call")
        background_tasks.create(self._check_forever(), name="live: check")

    def status(self) -> Status:
        """Return the latest health summary and its age."""
        age = time.monotonic() - self._fresh_at if self._fresh_at else 0.0
        return Status(bool(self._fresh_at) and age < 3 * POLL, age, self._health)

    def watch(self, watcher: Watcher, among: set[Watcher]) -> Stop:
        """Add a watcher until its page closes, its part of the page goes away, or the returned function is called."""
        among.add(watcher)
        return lambda: among.discard(watcher)

    def _forget_gone(self) -> None:
        """Drop the watchers of closed pages and parts; a person may open a thousand in a day."""
        for among in (self._watchers, self._status_watchers):
            among -= {each for each in among if each.is_gone}

    def _note(self, changes: Changes) -> None:
        _add(self._pending, changes)
        self.noted += 1
        self._announced += bool(changes.jobs or changes.users or changes.everything)
        self._wake.set()

    async def _send_forever(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(max(GATHER, self._sent_at + TICK - time.monotonic()))
            self._wake.clear()
            changes, self._pending = self._pending, Changes()
            if changes != Changes():
                self._sent_at = time.monotonic()
            try:
                await self._send(changes)
            except Exception as error:  # noqa: BLE001 - the pages of all others wait for the next changes
                self._sending.failed(error, "live: changes not sent")
                self._pending.everything = True
            else:
                self._sending.well()

    async def _send(self, changes: Changes) -> None:
        try:
            if core.sio.manager.rooms.get("/", {}).get(ROOM):
                await _send_rows(changes)
        finally:
            _add(self._to_watchers, changes)
            self._call.set()

    async def _call_forever(self) -> None:
        """Pass on to watchers what has changed; rows of grids do not wait for it."""
        while True:
            await self._call.wait()
            self._call.clear()
            changes, self._to_watchers = self._to_watchers, Changes()
            try:
                await self._refreshes.of_each(each for each in list(self._watchers) if each.concerns(changes))
            except Exception as error:  # noqa: BLE001 - they are called again
                self._sending.failed(error, "live: watchers not called")
                _add(self._to_watchers, changes)
                self._call.set()
            await asyncio.sleep(CALLS)

    async def _check_forever(self) -> None:
        while True:
            try:
                self._forget_gone()
                await self._read_health()
                await self._refreshes.of_missed()
                await session_watch.close_orphans()
                if self.bus_is_up():
                    self._mark = None  # what was lost as the bus went down is unknown
                else:
                    await self._poll()
                if self._pending != Changes():
                    self._wake.set()
                self._checking.well()
            except Exception as error:  # noqa: BLE001 - sessions are watched and figures read again in a second
                self._checking.failed(error, "live: figures not read")
            await self._refreshes.of_each(list(self._status_watchers))
            await sockets.beat()
            await asyncio.sleep(POLL)

    async def _read_health(self) -> None:
        announced = self._announced
        self._health = await access.load(health_summary)
        self._fresh_at = time.monotonic()
        is_other, is_unexplained = self._readings.compare(self._health, announced)
        if is_other:
            self.noted += 1
            await self._refreshes.of_each([each for each in self._watchers if each.is_of_everything])
        if is_unexplained:
            self._note(Changes(everything=True))

    async def _poll(self) -> None:
        changes, self._mark = await access.load(changed_since, self._mark)
        if changes != Changes():
            self._note(changes)


def _add(to: Changes, more: Changes) -> None:
    to.jobs |= more.jobs
    to.users |= more.users
    to.everything |= more.everything


async def _send_rows(changes: Changes) -> None:
    """Send the changed rows to all grids, or tell them to load theirs again."""
    job_room.note_sent()
    if changes.everything or len(changes.jobs) > MOST_CHANGED:
        await core.sio.emit("jobs:delta", {"rows": [], "reload": True}, room=ROOM)
        return
    ids = list(changes.jobs)
    for start in range(0, len(ids), MOST_ROWS):
        rows = await access.load(rows_by_id, ids[start : start + MOST_ROWS])
        await core.sio.emit("jobs:delta", {"rows": rows, "reload": False}, room=ROOM)


hub = Hub()


def watch(
    refresh: Refresh, *, user_id: UUID | None = None, job_id: UUID | None = None, within: Element | None = None
) -> Stop:
    """Call `refresh` in this page's context soon after each commit that changed that user or job; by default, any.

    It ends with the page, with `within` if given, or when the returned function is called.
    """
    return hub.watch(Watcher(context.client, refresh, user_id, job_id, within), hub._watchers)  # noqa: SLF001


def watch_status(refresh: Refresh, *, within: Element | None = None) -> Stop:
    """Call `refresh` in this page's context once a second, after the health summary was read; ends as `watch` does."""
    return hub.watch(Watcher(context.client, refresh, None, None, within), hub._status_watchers)  # noqa: SLF001


def status() -> Status:
    """Return the content of the status bar."""
    return hub.status()


app.on_startup(hub.start)
