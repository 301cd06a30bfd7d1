"""Workers: who is alive, what each is doing right now, and who went within the last day."""

from collections.abc import Callable

from nicegui import ui

from core.job_list.rows import Row
from core.queues.workers import WorkerLine, WorkerListing, WorkerState
from core.wording import counted, lasted
from ui import live, query_cache
from ui.components.base.box import Part, Rows, box, keep_ticking, link, text
from ui.components.base.empty import empty
from ui.components.base.progress_bar import ProgressBar
from ui.components.base.state_chip import set_state, state_chip
from ui.components.base.times import set_time, time_text


async def draw() -> None:
    """Draw the workers, and keep them fresh."""
    ui.page_title("Workers · Unstuck")
    page = WorkersPage()
    await page.refresh()
    keep_ticking(page.screen, page.refresh)


class WorkersPage:
    """The living above, the gone below."""

    def __init__(self) -> None:
        with box("screen padded") as self.screen:
            with box("headline"):
                text("Workers", tag="h1")
                self._sum = text("", "muted")
            with box("panel", "section").props('aria-label="At work"'):
                with box("title"):
                    text("At work", tag="h2")
                self._nobody: Part[WorkerListing] = Part(_draw_nobody)
                self._alive: Rows[WorkerLine] = Rows(_draw_worker, "workers")
            with box("panel", "section").props('aria-label="Gone"'):
                with box("title"):
                    text("Gone within 24 hours", tag="h2")
                    text("latest first", "muted")
                self._gone: Part[WorkerListing] = Part(_draw_gone)

    async def refresh(self) -> None:
        """Look again; figures move in place."""
        seen = await query_cache.workers.now()
        if self.screen.is_deleted:
            return
        threads = sum(line.worker.threads for line in seen.alive)
        alive = f"{counted(len(seen.alive), 'worker')} with {counted(threads, 'thread')}"
        self._sum.set_text(f"{alive}, {counted(seen.running, 'job')} running" if seen.alive else "")
        self._nobody.show(seen, key=not seen.alive)
        self._alive.show({line.worker.id: line for line in seen.alive})
        self._gone.show(seen, key=[(line.worker.id, line.presence) for line in seen.gone])


def _draw_nobody(seen: WorkerListing) -> None:
    if seen.alive:
        return
    pulse = live.status().pulse
    waiting = f"{counted(pulse.queue_depth, 'job waits', 'jobs wait')} in the database" if pulse else "jobs wait"
    words = f"Nothing is lost meanwhile: {waiting}, and the next worker goes on with them."
    with empty("power_off", "No worker is alive", words), box("ways"):
        text("Start one on this machine with everything else:", "muted")
        text("make run", tag="code")
        text("or alone, on any machine that reaches the database:", "muted")
        text("python main.py worker", tag="code")


def _draw_worker(line: WorkerLine) -> Callable[[WorkerLine], None]:
    worker = line.worker
    with box("worker"):
        with box("worker-line"):
            chip = state_chip(line.presence.value)
            with box("name"):
                text(f"{worker.host}:{worker.pid}", "strong")
                text(str(worker.id)[-8:], "mono muted").tooltip(str(worker.id))
            threads = text("")
            text(f"serves {', '.join(worker.queues) or 'every queue'}", "muted")
            memory = text("", "muted")
            text(f"version {worker.version}" if worker.version else "", "muted")
            with box("muted"):
                text("started ")
                time_text(worker.started_at)
            with box("beat"):
                text("heartbeat ", "muted")
                beat = time_text(worker.heartbeat_at)
        jobs: Rows[Row] = Rows(_draw_job, "rows running")

    def move(now: WorkerLine) -> None:
        set_state(chip, now.presence.value)
        threads.set_text(f"{len(now.jobs)} of {counted(now.worker.threads, 'thread')} busy")
        memory.set_text(f"{now.worker.memory_mb:,} MB" if now.worker.memory_mb is not None else "memory not known yet")
        set_time(beat, now.worker.heartbeat_at)
        jobs.show({row["id"]: row for row in now.jobs})

    return move


def _draw_job(row: Row) -> Callable[[Row], None]:
    with link(f"/jobs/{row['id']}"):
        chip = state_chip(row["label"])
        text(row["kind"], "clip")
        text(row["user_email"] or "for nobody in particular", "clip muted")
        progress = ProgressBar(f"{row['kind']}, progress")
        time_text(row["started_at"], "elapsed", "muted")

    def move(now: Row) -> None:
        set_state(chip, now["label"])
        progress.show(now["progress_done"], now["progress_total"], now["progress_message"])

    return move


def _draw_gone(seen: WorkerListing) -> None:
    if not seen.gone:
        empty("history", "Nobody went", "Workers that stopped, or were lost, are listed here for a day.")
        return
    with box("rows gone"):
        for line in seen.gone:
            _draw_gone_line(line)


def _draw_gone_line(line: WorkerLine) -> None:
    worker = line.worker
    went = worker.stopped_at or worker.lost_at or worker.heartbeat_at
    with box("row-line"):
        state_chip(line.presence.value)
        with box("name"):
            text(f"{worker.host}:{worker.pid}", "strong")
            text(str(worker.id)[-8:], "mono muted").tooltip(str(worker.id))
        said = "said good-bye" if line.presence is WorkerState.STOPPED else "fell silent; its jobs are taken over"
        text(said, "muted clip")
        text(f"lived for {lasted(worker.heartbeat_at - worker.started_at)}", "muted extra")
        time_text(went, classes="muted")
