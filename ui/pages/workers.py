"""Workers: the live ones with their current jobs, and those that stopped or were lost within the last day."""

import shlex
from collections.abc import Callable

from core.job_list.rows import Row
from core.jobs.labels import AT_WORK
from core.local.services import console_address
from core.models import Worker
from core.queues.workers import WorkerLine, WorkerListing, WorkerState, worker_listing
from core.settings import data_dir_option, worker_command
from core.wording import counted, lasted
from ui import access, live, query_cache
from ui.components.base.box import Part, Rows, box, keep_ticking, link, text
from ui.components.base.command_button import command_button
from ui.components.base.empty import empty
from ui.components.base.kind_words import kind_label
from ui.components.base.pager import Pager
from ui.components.base.progress_bar import ProgressBar
from ui.components.base.state_chip import set_state, state_chip
from ui.components.base.times import set_time, time_text
from ui.components.queues.memory import Memory
from ui.components.queues.worker_actions import worker_actions


async def draw() -> None:
    """Draw the workers and keep them fresh."""
    page = WorkersPage()
    await page.refresh()
    keep_ticking(page.screen, page.refresh)


class WorkersPage:
    """Live workers above, stopped and lost ones below."""

    def __init__(self) -> None:
        with box("screen padded") as self.screen:
            with box("headline"):
                text("Workers", tag="h1")
                self._sum = text("", "muted")
            with box("panel", "section").props('aria-label="Live workers"'):
                with box("title"):
                    text("Live", tag="h2")
                self._none: Part[WorkerListing] = Part(_draw_none)
                self._alive: Rows[WorkerLine] = Rows(_draw_worker, "workers")
                self._more_alive = Pager("workers", self.refresh)
            with box("panel", "section").props('aria-label="Stopped workers"'):
                with box("title"):
                    text("Stopped or lost in the last 24 hours", tag="h2")
                    text("newest first", "muted")
                self._stopped: Part[WorkerListing] = Part(_draw_stopped)
                self._more_gone = Pager("workers", self.refresh)

    async def refresh(self) -> None:
        """Load the workers again; values update in place."""
        places = (self._more_alive.start, self._more_gone.start)
        listing = await (access.load(worker_listing, *places) if any(places) else query_cache.workers.now())
        if self.screen.is_deleted:
            return
        threads = sum(line.worker.threads for line in listing.alive)
        more = "more than " if listing.alive.next else ""
        alive = f"{more}{counted(listing.alive.start + len(listing.alive), 'worker')} with {counted(threads, 'thread')}"
        silent = sum(line.presence is WorkerState.SILENT for line in listing.alive)
        alive += f", {silent:,} of them silent" if silent else ""
        self._sum.set_text(f"{alive}, {counted(listing.running, 'job')} running" if listing.alive else "")
        self._none.show(listing, key=(not listing.alive, _waiting_words()))
        self._alive.show({line.worker.id: line for line in listing.alive})
        self._stopped.show(listing, key=[(line.worker.id, line.presence) for line in listing.gone])
        self._more_alive.show(listing.alive)
        self._more_gone.show(listing.gone)


def _draw_none(listing: WorkerListing) -> None:
    if listing.alive:
        return
    with empty("power_off", "No worker is alive", _waiting_words()), box("ways"):
        if console_address():  # `run` is at work on this machine: nothing else can start everything a second time
            text(
                "A worker that “run” has started is started again within a minute; its log says why it ended.", "muted"
            )
            text("Or start another worker, on any machine that reaches the database:", "muted")
        else:
            text("Start everything on this machine:", "muted")
            text(_run_everything(), tag="code")
            text("Or start only a worker, on any machine that reaches the database:", "muted")
        text(worker_command(), tag="code")


def _waiting_words() -> str:
    health = live.status().health
    waiting = counted(health.queue_depth, "job waits", "jobs wait") if health else "Jobs wait"
    return f"{waiting} in the database until one starts."


def _run_everything() -> str:
    option = data_dir_option().strip()
    return f"make run ARGS={shlex.quote(option)}" if option else "make run"


def _draw_worker(line: WorkerLine) -> Callable[[WorkerLine], None]:
    worker = line.worker
    with box("worker"):
        with box("worker-line"):
            chip = state_chip(line.presence.value)
            with box("name"):
                text(f"{worker.host}:{worker.pid}", "strong")
                text(str(worker.id)[-8:], "mono muted").tooltip(str(worker.id))
            threads = text("")
            serves = text("", "muted")
            memory = Memory()
            text(f"version {worker.version}" if worker.version else "", "muted")
            with box("muted"):
                text("started ")
                time_text(worker.started_at)
            with box("beat hbox"):
                with box():
                    text("heartbeat ", "muted")
                    beat = time_text(worker.heartbeat_at)
                orders: Part[WorkerLine] = Part(_draw_orders)
        jobs: Rows[Row] = Rows(_draw_job, "rows running")

    def update(now: WorkerLine) -> None:
        set_state(chip, now.presence.value)
        threads.set_text(f"{len(now.jobs)} of {counted(now.worker.threads, 'thread')} busy")
        memory.show(now.worker)
        set_time(beat, now.worker.heartbeat_at)
        serves.set_text(_serves(now.worker))
        orders.show(now, key=(now.worker.quiet_at, now.worker.stop_at))
        jobs.show({row["id"]: row for row in now.jobs})

    return update


def _serves(worker: Worker) -> str:
    """Return from which queues a worker starts jobs, or why from none."""
    if worker.quiet_at is None:
        return f"serves {', '.join(worker.queues)}"
    reason = f": {worker.quiet_reason.rstrip('.')}" if worker.quiet_reason else ""
    return f"quiet, by {worker.quiet_by}{reason}; does not serve {', '.join(worker.quiet_queues)}"


def _draw_orders(line: WorkerLine) -> None:
    worker = line.worker
    with box("hbox"):
        for action in worker_actions(worker):
            name = f"{action.label}: {worker.host}:{worker.pid}"
            command_button(action, _look_again).props["aria-label"] = name


async def _look_again() -> None:
    """Leave it to the next tick: a worker follows with its next heartbeat anyway."""


def _draw_job(row: Row) -> Callable[[Row], None]:
    with link(f"/jobs/{row['id']}"):
        chip = state_chip(row["label"])
        text(kind_label(row["kind"]), "clip").tooltip(row["kind"])
        text(row["user_email"] or "no user", "clip muted")
        progress = ProgressBar(f"{kind_label(row['kind'])}, progress")
        time_text(row["started_at"], "elapsed", "muted")

    def update(now: Row) -> None:
        set_state(chip, now["label"])
        at_work = now["label"] in AT_WORK
        progress.show(now["progress_done"], now["progress_total"], now["progress_message"], at_work=at_work)

    return update


def _draw_stopped(listing: WorkerListing) -> None:
    if not listing.gone:
        empty("history", "No worker has stopped", "Workers that stop or are lost stay here for a day.")
        return
    with box("rows gone"):
        for line in listing.gone:
            _draw_stopped_line(line)


def _draw_stopped_line(line: WorkerLine) -> None:
    worker = line.worker
    ended_at = worker.stopped_at or worker.lost_at or worker.heartbeat_at
    with box("row-line"):
        state_chip(line.presence.value)
        with box("name"):
            text(f"{worker.host}:{worker.pid}", "strong")
            text(str(worker.id)[-8:], "mono muted").tooltip(str(worker.id))
        has_stopped = line.presence is WorkerState.STOPPED
        text("shut down cleanly" if has_stopped else "lost: it sent no more heartbeats", "muted clip")
        ran = lasted((worker.stopped_at or worker.heartbeat_at) - worker.started_at)
        text(f"ran for {ran}" if has_stopped else f"heard of for {ran}", "muted extra")
        time_text(ended_at, classes="muted")
